//! Nouns that every part of Wardbell shares: pure values with no input or output.
//!
//! **Cast.** A [`principal::Principal`] sends a request; detectors make [`finding::Finding`]s; the policy turns them into
//! a [`verdict::Verdict`]; the request ends in one [`outcome::Outcome`], recorded as one [`activity::Activity`] row; where
//! a person should know, an [`alert::Alert`] is committed with that row.
//!
//! **What it does not do.** No clock, no randomness, no runtime: `now` and entropy are arguments.

pub mod abuse;
pub mod activity;
pub mod alert;
pub mod budget;
pub mod content;
pub mod entity;
pub mod finding;
pub mod fold;
pub mod format;
pub mod id;
pub mod loops;
pub mod money;
pub mod named;
pub mod origin;
pub mod outcome;
pub mod policy;
pub mod principal;
pub mod provider;
pub mod secret;
pub mod time;
pub mod transcript;
pub mod usage;
pub mod verdict;

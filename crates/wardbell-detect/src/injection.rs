//! Prompt injection, as phrases: the five families of AISG's open release (`spec/wire-aisg.md` 1.6).
//!
//! These rules are the precise tier: they fire on what has hardly any other meaning, and leave the rest to a model.
//! Each finds a phrase and then asks [`phrase`] who says it to whom: a system prompt that forbids the thing, or a
//! question about it, is no attack. They know English only.

pub(crate) mod ignore_previous;
pub(crate) mod override_instructions;
pub(crate) mod privileged_mode;
pub(crate) mod reveal_prompt;
pub(crate) mod unrestricted_persona;

mod phrase;

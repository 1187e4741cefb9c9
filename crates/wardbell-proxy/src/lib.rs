//! The gateway surface: one pipeline from downstream to upstream and back.
//!
//! **Cast.** [`pipeline`] names the phases of a request in order; start there. [`gateway::Gateway`] holds what every
//! request needs. A `Flight` is a request on its way: it collects what will be recorded, and records even when it is
//! dropped. [`answer::AnswerBody`] is the answer on its way back.
//!
//! **Guarantees.** A request that no guard touches reaches the provider byte for byte. A request that a guard blocks
//! reaches no provider. An alert is committed before the answer of its request is complete. Every request that presents
//! a good key leaves one activity row.
//!
//! **Bounds.** Request bodies, answers that are not streams, parsing depth, requests in flight, and the rows that wait to
//! be written each have a named limit in [`gateway::Limits`] or [`record`].
//!
//! **What it does not do.** It does not translate between dialects, and it does not scan answers yet.

pub mod answer;
pub mod body;
pub mod body_budget;
mod echo;
mod flight;
pub mod gateway;
mod inspect;
pub mod pipeline;
mod preview;
mod provider;
pub mod record;
mod respond;
pub mod scan;
mod upstream;

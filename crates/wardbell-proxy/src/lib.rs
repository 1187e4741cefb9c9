//! Both surfaces: one pipeline from downstream to upstream and back.
//!
//! **Cast.** [`surface`] says which calls there are, and sends each on its way. `pipeline` names the phases of a proxied
//! request in order; start there. `edge` has the two edges: the gateway surface (the project's policy decides, AISG's
//! words) and the scan and proxy surface (the caller's headers decide, LockLLM's words). [`gateway::Gateway`] holds what
//! every request needs. A `Flight` is a request on its way: it collects what will be recorded, and records even when it is
//! dropped. [`answer::AnswerBody`] is the answer on its way back.
//!
//! **Guarantees.** A request that no guard touches reaches the provider byte for byte. A request that a guard blocks
//! reaches no provider. An alert is committed before the answer of its request is complete. Every request that presents
//! a good key leaves one activity row.
//!
//! **Bounds.** Request bodies, answers that are not streams, parsing depth, requests in flight, exchanges without a
//! caller, and the rows that wait to be written each have a named limit in [`gateway::Limits`], [`drain`] or [`record`].
//!
//! **What it does not do.** It does not translate between dialects.

pub mod answer;
mod ask_usage;
pub mod body;
pub mod body_budget;
mod cause;
pub mod checkup;
pub mod contents;
mod dlp_scan;
pub mod drain;
mod echo;
mod edge;
mod eyes;
mod flight;
pub mod gateway;
mod guarded;
mod injection;
mod inspect;
pub mod loops;
mod models;
pub mod money;
pub mod pace;
mod path;
mod pipeline;
mod preview;
mod provider;
pub mod readers;
pub mod record;
mod refused;
mod report;
mod respond;
mod scan;
mod settle;
mod sighting;
pub mod surface;
pub mod trial;
pub mod unread;
mod upstream;

//! One row for every request, whatever its end. It never holds text.

use std::time::Duration;

use crate::entity::EntityType;
use crate::id::{KeyId, ProjectId, RequestId};
use crate::money::Usd;
use crate::outcome::Outcome;
use crate::time::Timestamp;
use crate::usage::Usage;

/// What is remembered of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// The request.
    pub request: RequestId,
    /// The well-formed `X-Request-Id` that the caller sent, if any.
    pub caller_request: Option<String>,
    /// When it arrived.
    pub at: Timestamp,
    /// The project that it was made for.
    pub project: ProjectId,
    /// The key that it was made with.
    pub key: KeyId,
    /// The surface that took it, such as `chat.completions`.
    pub surface: &'static str,
    /// The model that the caller asked for; empty if the request did not get that far.
    pub model: String,
    /// The provider that it was sent to, or was meant for; empty if the request did not get that far.
    pub provider: String,
    /// What the guards decided, as [`crate::verdict::Verdict::word`] says it.
    pub verdict: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The HTTP status that the caller got.
    pub status: u16,
    /// The entity types found, sorted, each once.
    pub entity_types: Vec<EntityType>,
    /// How many findings there were.
    pub violation_count: u32,
    /// The highest injection score, from 0 to 1; 0 if none was found.
    pub injection_score: f32,
    /// Whether the answer was a stream.
    pub streamed: bool,
    /// From the first byte of the request to the last byte of the answer.
    pub latency: Duration,
    /// Time spent in detectors.
    pub detect_latency: Duration,
    /// Time from forwarding to the first byte of the upstream's answer; zero if it was not called.
    pub upstream_latency: Duration,
    /// What the upstream says the call used, if it said so.
    pub usage: Option<Usage>,
    /// What it cost, where the upstream told what it used or money was held for it.
    pub cost: Option<Usd>,
    /// The version of the policy that decided.
    pub policy_version: u32,
}

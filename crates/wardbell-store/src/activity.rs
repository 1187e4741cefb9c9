//! The activity log as it is read back.

use std::time::Duration;

use wardbell_core::id::{KeyId, ProjectId, RequestId};
use wardbell_core::money::Usd;
use wardbell_core::time::Timestamp;

/// A row of the activity log. Words that one version wrote and another does not know stay readable as text.
#[derive(Debug, Clone, PartialEq)]
pub struct ActivityRow {
    /// The request.
    pub request: RequestId,
    /// The well-formed `X-Request-Id` that the caller sent, if any.
    pub caller_request: Option<String>,
    /// When it arrived.
    pub at: Timestamp,
    /// The project.
    pub project: ProjectId,
    /// The key.
    pub key: KeyId,
    /// The surface, such as `chat.completions`.
    pub surface: String,
    /// The model asked for.
    pub model: String,
    /// The provider.
    pub provider: String,
    /// The verdict's word.
    pub verdict: String,
    /// The outcome's word.
    pub outcome: String,
    /// The HTTP status that the caller got; 0 while in flight.
    pub status: u16,
    /// The entity types found.
    pub entity_types: Vec<String>,
    /// How many findings there were.
    pub violation_count: u32,
    /// The highest injection score, from 0 to 1.
    pub injection_score: f32,
    /// Whether the answer was a stream.
    pub streamed: bool,
    /// From the first byte in to the last byte out.
    pub latency: Duration,
    /// Time in detectors.
    pub detect_latency: Duration,
    /// Time to the upstream's first byte.
    pub upstream_latency: Duration,
    /// Prompt tokens, if the upstream told.
    pub input_tokens: Option<u64>,
    /// Answer tokens, if the upstream told.
    pub output_tokens: Option<u64>,
    /// What it cost, where that is known.
    pub cost: Option<Usd>,
    /// The version of the policy that decided.
    pub policy_version: u32,
}

//! The activity log as it is read back.

use std::time::Duration;

use wardbell_core::activity::Activity;
use wardbell_core::entity::EntityType;
use wardbell_core::id::{KeyId, ProjectId, RequestId};
use wardbell_core::money::Usd;
use wardbell_core::outcome::Outcome;
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
    /// What Wardbell itself took: everything but the wait for the upstream.
    pub own_latency: Duration,
    /// Prompt tokens, if the upstream told.
    pub input_tokens: Option<u64>,
    /// Answer tokens, if the upstream told.
    pub output_tokens: Option<u64>,
    /// What it cost, where that is known.
    pub cost: Option<Usd>,
    /// The version of the policy that decided.
    pub policy_version: u32,
}

impl From<&Activity> for ActivityRow {
    fn from(row: &Activity) -> Self {
        let Activity {
            request,
            caller_request,
            at,
            project,
            key,
            surface,
            model,
            provider,
            verdict,
            outcome,
            status,
            entity_types,
            violation_count,
            injection_score,
            streamed,
            latency,
            detect_latency,
            upstream_latency,
            own_latency,
            usage,
            cost,
            policy_version,
        } = row;
        Self {
            request: *request,
            caller_request: caller_request.clone(),
            at: *at,
            project: *project,
            key: *key,
            surface: (*surface).to_owned(),
            model: model.clone(),
            provider: provider.clone(),
            verdict: (*verdict).to_owned(),
            outcome: outcome.as_str().to_owned(),
            status: *status,
            entity_types: entity_types.iter().map(|entity| entity.as_str().to_owned()).collect(),
            violation_count: *violation_count,
            injection_score: *injection_score,
            streamed: *streamed,
            latency: *latency,
            detect_latency: *detect_latency,
            upstream_latency: *upstream_latency,
            own_latency: *own_latency,
            input_tokens: usage.map(|usage| usage.input_tokens),
            output_tokens: usage.map(|usage| usage.output_tokens),
            cost: *cost,
            policy_version: *policy_version,
        }
    }
}

/// What verdicts are called together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictGroup {
    /// A guard stopped the request, whichever it was; a guard that broke and stopped it included.
    Blocked,
    /// Something was cut out of it.
    Redacted,
    /// Something was found and left in place.
    Observed,
    /// Nothing was found.
    Clean,
}

impl VerdictGroup {
    /// Every group.
    pub const ALL: &'static [Self] = &[Self::Blocked, Self::Redacted, Self::Observed, Self::Clean];

    /// The name on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Redacted => "redacted",
            Self::Observed => "observed",
            Self::Clean => "clean",
        }
    }

    /// The verdicts that it stands for, by their words.
    pub const fn verdicts(self) -> &'static [&'static str] {
        match self {
            Self::Blocked => &[
                "block_pii",
                "block_injection",
                "block_content",
                "block_abuse",
                "block_loop",
                "block_answer",
                "failed_closed",
            ],
            Self::Redacted => &["redact", "redact_answer"],
            Self::Observed => &["observe", "failed_open"],
            Self::Clean => &["allow"],
        }
    }
}

/// Which requests are wanted; what is `None` lets all through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActivityFilter {
    /// With a verdict of this group.
    pub verdict: Option<VerdictGroup>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// By this key.
    pub key: Option<KeyId>,
    /// For this model.
    pub model: Option<String>,
    /// On this surface.
    pub surface: Option<String>,
    /// In which this was found.
    pub entity: Option<EntityType>,
    /// With this request id, ours or the caller's.
    pub request: Option<String>,
    /// At or after this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

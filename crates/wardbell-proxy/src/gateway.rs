//! What every request needs, built by the shell at the start and at each reload of the configuration. A request keeps the
//! one that it began with to its end; clones share all but the settings.

use std::sync::Arc;
use std::time::Duration;

use wardbell_core::secret::Secret;
use wardbell_detect::engine::Engine;
use wardbell_egress::upstream::Upstream;
use wardbell_guard::allow::AllowKeys;
use wardbell_store::directory::Directory;
use wardbell_store::ledger::Ledger;
use wardbell_store::store::Store;

use crate::body_budget::BodyBudget;
use crate::contents::Contents;
use crate::drain::Drains;
use crate::loops::LoopGuard;
use crate::money::Pricing;
use crate::pace::Keys;
use crate::readers::Readers;
use crate::record::Recorder;

/// What every request needs.
#[derive(Clone)]
pub struct Gateway {
    /// Keys, projects, policies and providers.
    pub directory: Arc<Directory>,
    /// Where alerts are committed.
    pub store: Arc<dyn Store>,
    /// The detectors.
    pub engine: Arc<Engine>,
    /// The injection model and the threads that let it read; `None` looks with the rules alone.
    pub readers: Option<Arc<Readers>>,
    /// What fingerprints of allowed texts are keyed with.
    pub allow_keys: Arc<AllowKeys>,
    /// The client for providers.
    pub upstream: Upstream,
    /// Where activity rows go.
    pub recorder: Recorder,
    /// The loop guard.
    pub loops: Arc<LoopGuard>,
    /// The money of all budgets.
    pub ledger: Arc<Ledger>,
    /// How calls are priced.
    pub pricing: Arc<Pricing>,
    /// The memory of all request bodies.
    pub bodies: BodyBudget,
    /// The memory of all answers that are not streams.
    pub answers: BodyBudget,
    /// How fast each key sends.
    pub keys: Arc<Keys>,
    /// Compiled content policies.
    pub contents: Arc<Contents>,
    /// Where exchanges go on whose callers left.
    pub drains: Drains,
    /// The bounds.
    pub limits: Limits,
    /// Reads a provider key from the environment variable that its provider names.
    pub provider_key: fn(&str) -> Option<Secret<String>>,
}

/// The bounds of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub body_bytes_max: usize,
    /// The memory that all request bodies may take together, in bytes.
    pub body_memory_bytes_max: usize,
    /// The memory that all answers that are not streams may take together, in bytes.
    pub answer_memory_bytes_max: usize,
    /// The deepest nesting of a request body.
    pub depth_max: usize,
    /// The most messages in a request.
    pub messages_max: usize,
    /// How long a caller may take to send a body.
    pub body_time_max: Duration,
    /// How long a provider may take to its first byte.
    pub first_byte_time_max: Duration,
    /// How long a provider may pause within an answer.
    pub idle_time_max: Duration,
    /// The largest answer that is not a stream, in bytes.
    pub answer_bytes_max: usize,
    /// How long the detectors may take.
    pub detect_time_max: Duration,
    /// How long an exchange goes on after its caller left, for what it costs.
    pub abandoned_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 50 * 1024 * 1024,         // AISG's limit, `spec/wire-aisg.md` 1.10
            body_memory_bytes_max: 256 * 1024 * 1024, // five of the largest bodies
            answer_memory_bytes_max: 256 * 1024 * 1024,
            depth_max: 128, // serde_json's default recursion limit
            messages_max: 10_000,
            body_time_max: Duration::from_mins(1),
            first_byte_time_max: Duration::from_mins(2), // the published AISG client's own time-out, 1.13
            idle_time_max: Duration::from_mins(2),
            answer_bytes_max: 64 * 1024 * 1024,
            detect_time_max: Duration::from_secs(5), // AISG's limit, 1.5
            abandoned_time_max: Duration::from_secs(30),
        }
    }
}

//! Counts of requests over time, and what was seen most.

use std::time::Duration;

use wardbell_core::id::{KeyId, ProjectId};
use wardbell_core::money::Usd;
use wardbell_core::time::Timestamp;

/// How many names a list of what was seen most has. Source: our choice; what fits on a screen.
pub const TOP_MAX: u32 = 8;

/// The steps that are kept; longer ones are made of them.
pub const MINUTE: Duration = Duration::from_mins(1);
/// See [`MINUTE`].
pub const HOUR: Duration = Duration::from_hours(1);

/// Which counts are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountsQuery {
    /// Of this project; of all if there is none.
    pub project: Option<ProjectId>,
    /// From here, rounded down to a step.
    pub since: Timestamp,
    /// To here.
    pub until: Timestamp,
    /// How long a point lasts: a whole number of minutes.
    pub step: Duration,
}

/// What happened in a step. Requests that ended in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// When the step began.
    pub at: Timestamp,
    /// All requests.
    pub requests: u64,
    /// Those that a guard stopped.
    pub blocked: u64,
    /// Those of which something was cut out.
    pub redacted: u64,
    /// Those with a prompt injection in them.
    pub injections: u64,
    /// Those whose provider could not be reached or broke off.
    pub failed: u64,
    /// What they cost, where that is known.
    pub cost: Usd,
    /// What Wardbell itself took, all of them together: everything but the wait for providers.
    pub own: Duration,
}

impl Counts {
    /// Adds what happened elsewhere; the beginning stays.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            at: self.at,
            requests: self.requests + other.requests,
            blocked: self.blocked + other.blocked,
            redacted: self.redacted + other.redacted,
            injections: self.injections + other.injections,
            failed: self.failed + other.failed,
            cost: self.cost.plus(other.cost),
            own: self.own + other.own,
        }
    }
}

/// How often something was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Top {
    /// What: an entity type, the id of a key, or a model.
    pub name: String,
    /// In how many requests.
    pub requests: u64,
    /// What these cost, where that is known.
    pub cost: Usd,
}

/// Counts over time, oldest first without gaps, and what was seen most in that time (by whole hours).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CountsOverTime {
    /// A point for each step.
    pub points: Vec<Counts>,
    /// Entity types.
    pub entities: Vec<Top>,
    /// Keys, by id.
    pub keys: Vec<Top>,
    /// Models.
    pub models: Vec<Top>,
}

/// When a key was last used.
pub type LastUsed = (KeyId, Timestamp);

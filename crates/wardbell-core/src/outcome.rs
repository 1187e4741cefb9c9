//! How a request ended. Exactly one outcome each.

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Not ended yet when the row was written: it raised an alert, and the alert does not wait. A crash leaves it so.
    InFlight,
    /// The upstream's answer reached the caller to its end, whatever its status.
    Served,
    /// Wardbell answered in place of the upstream: a guard or a bad request.
    Refused,
    /// The upstream could not be reached, or broke off.
    UpstreamFailed,
    /// The caller left before the answer was complete.
    Abandoned,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [Self::InFlight, Self::Served, Self::Refused, Self::UpstreamFailed, Self::Abandoned];

    /// The word for activity rows, metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::Served => "served",
            Self::Refused => "refused",
            Self::UpstreamFailed => "upstream_failed",
            Self::Abandoned => "abandoned",
        }
    }

    /// Finds an outcome by its word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}

//! What the guards decided about one request. Every arm says why.

use crate::abuse::Abuse;
use crate::content::BrokenPolicy;
use crate::finding::Located;

/// What the policy decided about a request after its detectors ran.
#[must_use = "a verdict is enforced once and recorded once"]
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// The request goes on as it came.
    Allow(Allowed),
    /// The request goes on with these findings cut out.
    Redact(Redaction),
    /// The request stops here.
    Block(Refusal),
}

/// Why a request may go on untouched.
#[derive(Debug, Clone, PartialEq)]
pub enum Allowed {
    /// Nothing was found.
    Clean,
    /// Something was found, and the policy says to record it only.
    Observed(Vec<Located>),
    /// A detector failed, and the policy says to go on.
    FailedOpen(DetectionFailure),
    /// Nothing was found in what was read; the model did not read everything, and the policy says to go on.
    Partial(DetectionFailure),
}

/// What is cut out before a request goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Redaction {
    /// The findings to cut out, by segment and start; they do not overlap.
    pub cut: Vec<Located>,
    /// Findings that the policy records and leaves in place.
    pub observed: Vec<Located>,
}

/// Why a request stops.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// Personal data or a secret, under a policy that blocks it; every finding that counted.
    Pii(Vec<Located>),
    /// A prompt injection; every finding of the request, the injection among them.
    Injection(Vec<Located>),
    /// Content policies, under a policy that blocks what breaks them; at least one.
    Content(Vec<BrokenPolicy>),
    /// Abuse, under a policy that blocks it.
    Abuse(Abuse),
    /// A detector failed, and the policy says to stop.
    FailedClosed(DetectionFailure),
}

/// A guard that did not finish. It has not said yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DetectionFailure {
    /// A detector panicked.
    #[error("a detector stopped unexpectedly")]
    Panicked,
    /// Detection was still running at its deadline.
    #[error("detection did not finish in time")]
    TimedOut,
    /// The body or the answer is of a form that the detectors cannot read.
    #[error("it cannot be read by the detectors")]
    Unreadable,
    /// The threads that let the model read have too much to do.
    #[error("the injection detector has too much to do")]
    Overloaded,
    /// The text is longer or more tangled than the model reads.
    #[error("it is too long or too tangled to be read in full")]
    TooLong,
}

impl DetectionFailure {
    /// The word for metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Panicked => "panicked",
            Self::TimedOut => "timed_out",
            Self::Unreadable => "unreadable",
            Self::Overloaded => "overloaded",
            Self::TooLong => "too_long",
        }
    }
}

impl Verdict {
    /// The detector's failure that the verdict rests on, if one did not finish.
    pub const fn failure(&self) -> Option<DetectionFailure> {
        match self {
            Self::Allow(Allowed::FailedOpen(failure) | Allowed::Partial(failure))
            | Self::Block(Refusal::FailedClosed(failure)) => Some(*failure),
            Self::Allow(Allowed::Clean | Allowed::Observed(_))
            | Self::Redact(_)
            | Self::Block(Refusal::Pii(_) | Refusal::Injection(_) | Refusal::Content(_) | Refusal::Abuse(_)) => None,
        }
    }

    /// The findings that the verdict rests on or leaves recorded, in order.
    pub fn findings(&self) -> Vec<&Located> {
        match self {
            Self::Allow(Allowed::Clean | Allowed::FailedOpen(_) | Allowed::Partial(_))
            | Self::Block(Refusal::FailedClosed(_) | Refusal::Content(_) | Refusal::Abuse(_)) => Vec::new(),
            Self::Allow(Allowed::Observed(found)) | Self::Block(Refusal::Pii(found) | Refusal::Injection(found)) => {
                found.iter().collect()
            }
            Self::Redact(redaction) => redaction.cut.iter().chain(&redaction.observed).collect(),
        }
    }

    /// The word for activity rows, metrics and logs.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Allow(Allowed::Clean) => "allow",
            Self::Allow(Allowed::Observed(_)) => "observe",
            Self::Allow(Allowed::FailedOpen(_)) => "failed_open",
            Self::Allow(Allowed::Partial(_)) => "partial_scan",
            Self::Redact(_) => "redact",
            Self::Block(Refusal::Pii(_)) => "block_pii",
            Self::Block(Refusal::Injection(_)) => "block_injection",
            Self::Block(Refusal::Content(_)) => "block_content",
            Self::Block(Refusal::Abuse(_)) => "block_abuse",
            Self::Block(Refusal::FailedClosed(_)) => "failed_closed",
        }
    }
}

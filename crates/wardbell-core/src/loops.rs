//! What finds a loop.

use serde::{Deserialize, Serialize};

/// What found a loop (`spec/budgets-and-loops.md`, D1 to D7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// D1: one call in a row.
    RepeatedCall,
    /// D2: a few calls in turn.
    Cycle,
    /// D3: other arguments, and nothing comes of it.
    NoProgress,
    /// D4: the model says the same again.
    NearDuplicate,
    /// D5: the same request again. An alert that names no detector is of this one: it was there first.
    #[default]
    RepeatedRequest,
    /// D6: a session past one of its caps.
    SessionCap,
    /// D7: an answer that says the same again and again.
    Chanting,
}

impl Detector {
    /// Every detector, from D1 to D7.
    pub const ALL: &'static [Self] = &[
        Self::RepeatedCall,
        Self::Cycle,
        Self::NoProgress,
        Self::NearDuplicate,
        Self::RepeatedRequest,
        Self::SessionCap,
        Self::Chanting,
    ];

    /// The name on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RepeatedCall => "repeated_call",
            Self::Cycle => "cycle",
            Self::NoProgress => "no_progress",
            Self::NearDuplicate => "near_duplicate",
            Self::RepeatedRequest => "repeated_request",
            Self::SessionCap => "session_cap",
            Self::Chanting => "chanting",
        }
    }
}

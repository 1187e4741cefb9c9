//! What a project wants done about what is found.

use serde::{Deserialize, Serialize};

use crate::entity::EntityType;

/// A project's policy. Versioned: a change makes a new version, and every activity row names the one that decided.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Personal data and secrets.
    pub dlp: DlpPolicy,
    /// Prompt injection.
    pub injection: InjectionPolicy,
    /// What happens when a detector fails.
    pub fail: FailPolicy,
}

/// What happens about personal data and secrets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DlpPolicy {
    /// What is done.
    pub action: DlpMode,
    /// The types that count; `None` is every type.
    pub entities: Option<Vec<EntityType>>,
    /// The lowest score that counts, from 0 to 1.
    pub threshold: f32,
}

/// The lowest score that counts unless the project says otherwise: AISG's default (`spec/wire-aisg.md` 1.5).
pub const THRESHOLD_DEFAULT: f32 = 0.4;

impl Default for DlpPolicy {
    fn default() -> Self {
        Self { action: DlpMode::Redact, entities: None, threshold: THRESHOLD_DEFAULT }
    }
}

/// What is done about personal data and secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DlpMode {
    /// Cut them out and go on.
    Redact,
    /// Stop the request.
    Block,
    /// Record them and go on.
    Detect,
    /// Do not look.
    Off,
}

/// What happens about prompt injection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InjectionPolicy {
    /// What is done.
    pub action: InjectionMode,
    /// How low a score counts.
    pub sensitivity: Sensitivity,
}

impl Default for InjectionPolicy {
    fn default() -> Self {
        Self { action: InjectionMode::Block, sensitivity: Sensitivity::Medium }
    }
}

/// What is done about prompt injection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InjectionMode {
    /// Stop the request.
    Block,
    /// Record it, raise an alert, and go on.
    Warn,
    /// Do not look.
    Off,
}

/// How low an injection score counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sensitivity {
    /// Only the surest rules.
    Low,
    /// The default.
    Medium,
    /// Everything that a rule reports.
    High,
}

impl Sensitivity {
    /// The lowest injection score that counts. Rules score 0.85 or 0.9 as AISG's families do (`spec/wire-aisg.md` 1.6),
    /// so `low` keeps the 0.9 families and the others keep all.
    pub const fn threshold(self) -> f32 {
        match self {
            Self::Low => 0.9,
            Self::Medium => 0.8,
            Self::High => 0.5,
        }
    }
}

/// What happens when a detector fails, for each surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FailPolicy {
    /// On the gateway surface (`/v1/chat/completions` and its like).
    pub gateway: FailMode,
    /// On the scan and proxy surface.
    pub proxy: FailMode,
}

impl Default for FailPolicy {
    fn default() -> Self {
        Self { gateway: FailMode::Closed, proxy: FailMode::Open }
    }
}

/// Whether a request goes on when a detector fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailMode {
    /// It goes on, and the record says so.
    Open,
    /// It stops.
    Closed,
}

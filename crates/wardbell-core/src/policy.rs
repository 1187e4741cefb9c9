//! What a project wants done about what is found.

mod budget;
mod loops;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::content::ContentPolicy;
use crate::entity::EntityType;
use crate::origin::Origin;

pub use budget::{BudgetPolicy, OnShortfall, TokenCount};
pub use loops::{
    LOOP_SECONDS_MAX, LOOP_THRESHOLD_MAX, LOOP_TOOL_BYTES_MAX, LOOP_TOOLS_MAX, LoopMode, LoopPolicy, LoopPolicyError,
    SessionCaps, Thresholds, ToolClass, TranscriptPolicy,
};

/// A project's policy. Versioned: a change makes a new version, and every activity row names the one that decided.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Personal data and secrets.
    pub dlp: DlpPolicy,
    /// Prompt injection.
    pub injection: InjectionPolicy,
    /// Scanning of answers.
    pub response: ResponsePolicy,
    /// What happens when a detector fails.
    pub fail: FailPolicy,
    /// How many requests a key may send.
    pub rate: RatePolicy,
    /// Clients that go in circles.
    pub loops: LoopPolicy,
    /// How calls are measured against budgets.
    pub budget: BudgetPolicy,
    /// What the project does not want to be talked about.
    pub content: Vec<ContentPolicy>,
    /// What happens when a text breaks one of the content policies.
    pub content_action: WarnOrBlock,
    /// What happens about abuse; `None` does not look.
    pub abuse: Option<WarnOrBlock>,
    /// What holds on the scan and proxy surface in place of `dlp.action` and `injection.action`, unless the caller's
    /// headers say otherwise.
    pub proxy: ProxyPolicy,
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
    /// Where a text comes from may make it count more, less, or not at all; an origin that is not here has its default
    /// ([`InjectionPolicy::level`]).
    pub origins: BTreeMap<Origin, OriginLevel>,
    /// What happens when a text is too long to be read in full and nothing was found in what was read.
    pub partial: FailMode,
    /// Fingerprints of texts that are no injection, whatever a detector says; at most [`ALLOWED_MAX`].
    pub allow: Vec<String>,
}

/// How many texts a project may allow. Source: ours; beyond it the sensitivity is wrong, not the texts.
pub const ALLOWED_MAX: usize = 1000;

/// Whether a text has the form of a fingerprint: 64 hexadecimal digits in lower case.
pub fn is_fingerprint(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Default for InjectionPolicy {
    fn default() -> Self {
        Self {
            action: InjectionMode::Block,
            sensitivity: Sensitivity::Medium,
            origins: BTreeMap::new(),
            partial: FailMode::Open,
            allow: Vec::new(),
        }
    }
}

impl InjectionPolicy {
    /// How low a score counts in a text of this origin; `None` where injections do not count. Unless the policy says
    /// otherwise, the application's own instructions do not count. Texts of third parties (tool results, documents) count
    /// like those of users, and are read in full ([`Origin::is_third_party`]): at `high`, one harmless page in twenty would
    /// stop an agent.
    pub fn level(&self, origin: Origin) -> Option<Sensitivity> {
        self.level_at(origin, self.sensitivity)
    }

    /// The same, with another sensitivity in place of the policy's own.
    pub fn level_at(&self, origin: Origin, sensitivity: Sensitivity) -> Option<Sensitivity> {
        let level = self.origins.get(&origin).copied().unwrap_or(match origin {
            Origin::System => OriginLevel::Off,
            Origin::ToolResult
            | Origin::Document
            | Origin::User
            | Origin::Assistant
            | Origin::ToolDefinition
            | Origin::Other => OriginLevel::Inherit,
        });
        match level {
            OriginLevel::Off => None,
            OriginLevel::Inherit => Some(sensitivity),
            OriginLevel::Low => Some(Sensitivity::Low),
            OriginLevel::Medium => Some(Sensitivity::Medium),
            OriginLevel::High => Some(Sensitivity::High),
        }
    }
}

/// How low an injection score counts in texts of one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OriginLevel {
    /// Injections do not count there.
    Off,
    /// As [`InjectionPolicy::sensitivity`] says.
    Inherit,
    /// Only the surest rules.
    Low,
    /// The default.
    Medium,
    /// Everything that a rule reports.
    High,
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
    /// The name on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The lowest injection score that counts. Rules score 0.85 or 0.9 as AISG's families do (`spec/wire-aisg.md` 1.6),
    /// so `low` keeps the 0.9 families and the others keep all. The model's scores are made so that about one benign text
    /// in a thousand reaches 0.9, one in a hundred 0.8 and one in twenty 0.5 (`spec/decisions.md`, Scores).
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

/// What happens about the model's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResponsePolicy {
    /// What is done about personal data and secrets in an answer.
    pub scan: ResponseMode,
}

impl Default for ResponsePolicy {
    fn default() -> Self {
        Self { scan: ResponseMode::Off }
    }
}

/// What is done about personal data and secrets in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResponseMode {
    /// Do not look.
    Off,
    /// Record them and pass the answer on.
    Detect,
    /// Cut them out.
    Redact,
    /// Stop the answer.
    Block,
}

/// How many requests a key may send.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RatePolicy {
    /// The limit; `None` is none.
    pub limit: Option<RateLimit>,
    /// Where it holds.
    pub surfaces: RateSurfaces,
}

/// A token bucket for each key.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests a second in the long run; more than 0.
    pub per_second: f64,
    /// Requests at once after a pause; at least 1.
    pub burst: u32,
}

/// Which surfaces a rate holds on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RateSurfaces {
    /// The gateway surface only.
    Gateway,
    /// The gateway surface, scans and proxied calls, counted together.
    All,
}

impl Default for RatePolicy {
    /// AISG's limit on its surface (`spec/wire-aisg.md` 1.10).
    fn default() -> Self {
        Self { limit: Some(RateLimit { per_second: 10.0, burst: 10 }), surfaces: RateSurfaces::Gateway }
    }
}

/// Say it, or stop the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WarnOrBlock {
    /// Record it, tell the caller, and go on.
    #[default]
    Warn,
    /// Stop the request.
    Block,
}

/// What the scan and proxy surface does where the caller's headers say nothing: nothing stops unless the project asks
/// (`spec/decisions.md`, One product, two surfaces).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyPolicy {
    /// About prompt injection.
    pub injection: WarnOrBlock,
    /// About personal data and secrets.
    pub dlp: DlpMode,
}

impl Default for ProxyPolicy {
    fn default() -> Self {
        Self { injection: WarnOrBlock::Warn, dlp: DlpMode::Off }
    }
}

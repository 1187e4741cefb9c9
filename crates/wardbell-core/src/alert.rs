//! An alert: a fact that a person should know.

mod sample;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entity::EntityType;
use crate::id::{AlertId, EndpointId, KeyId, ProjectId};
use crate::loops::Detector;
use crate::money::Usd;
use crate::policy::Sensitivity;
use crate::time::Timestamp;

pub use sample::sample;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $severity:ident;)*) => {
        /// What an alert is about. Names are the first product's event names.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AlertKind { $($(#[$doc])* $name,)* }

        impl AlertKind {
            /// Every kind, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name on every wire, such as `dlp.pii_blocked`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Finds a kind by its name on the wire.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)* _ => None }
            }

            /// How urgent an alert of this kind is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

kinds! {
    /// A request was stopped because of personal data or a secret.
    PiiBlocked = "dlp.pii_blocked", High;
    /// Personal data or a secret was cut out of a request, which then went on.
    PiiRedacted = "dlp.pii_redacted", Medium;
    /// A request was stopped because of a prompt injection.
    InjectionBlocked = "dlp.injection_blocked", High;
    /// A prompt injection was found and let through, because the policy says `warn`.
    InjectionDetected = "dlp.injection_detected", High;
    /// A text broke one of the project's content policies.
    ContentViolated = "dlp.policy_violated", High;
    /// A request was refused because a budget is used up.
    BudgetExhausted = "budget.exhausted", Medium;
    /// A budget has reached one of the shares at which somebody wants to know.
    BudgetThreshold = "budget.threshold", Medium;
    /// A client that repeats itself was stopped.
    LoopDetected = "loop.detected", Medium;
    /// Deliveries to an endpoint keep failing.
    EndpointFailing = "endpoint.failing", Medium;
    /// An endpoint was switched off, by its receiver's wish or because it kept failing.
    EndpointDisabled = "endpoint.disabled", Medium;
    /// A failing endpoint has taken a delivery again.
    EndpointRecovered = "endpoint.recovered", Medium;
    /// Somebody pressed Test.
    WebhookTest = "webhook.test", Medium;
}

impl AlertKind {
    /// Whether endpoints can subscribe to it: a test goes to the endpoint under test only.
    pub const fn is_subscribable(self) -> bool {
        !matches!(self, Self::WebhookTest)
    }

    /// Whether it is about an endpoint's health: such an alert never goes to the endpoint that it is about.
    pub const fn is_about_endpoint(self) -> bool {
        matches!(self, Self::EndpointFailing | Self::EndpointDisabled | Self::EndpointRecovered)
    }

    /// Whether it is about prompt injection.
    pub const fn is_injection(self) -> bool {
        matches!(self, Self::InjectionBlocked | Self::InjectionDetected)
    }

    /// What the alert is about, whatever came of it: the first part of its name, such as `dlp`.
    pub fn family(self) -> &'static str {
        self.as_str().split_once('.').map_or(self.as_str(), |(family, _)| family)
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for AlertKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for AlertKind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| serde::de::Error::custom("is no kind of alert of this version"))
    }
}

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    Low,
    /// Look at it today.
    Medium,
    /// Look at it now.
    High,
    /// Somebody is getting hurt.
    Critical,
}

impl Severity {
    /// The name on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A fact that a person should know. Its only text of the request is the masked preview.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its identity.
    pub id: AlertId,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// The request that caused it, as the receiver sees it: ours, or the caller's well-formed `X-Request-Id`. Empty where
    /// no request did.
    pub request_id: String,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: AlertKind,
    /// The particulars.
    pub data: AlertData,
    /// Who sent the request, and how sure the detector is.
    pub source: Source,
    /// The beginning of the text that raised it, after masking: at most [`PREVIEW_CHARS_MAX`] characters. Only where an
    /// endpoint of the project wants it.
    pub preview: Option<String>,
    /// Whether somebody pressed Test: it says so in every form, and it is not stored.
    pub is_test: bool,
}

/// The most characters of a preview (`spec/decisions.md`, Delivery).
pub const PREVIEW_CHARS_MAX: usize = 200;

/// Who sent the request behind an alert, and how sure the detector is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Source {
    /// The key that the caller presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The end user that the key was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How likely the text is an injection, from 0 to 1, where that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injection: Option<f32>,
    /// How low a score counted as an injection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Sensitivity>,
    /// The rule or the kind of attack that the injection was found by, such as `injection.model-indirect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The fingerprint of the text that holds it: what an operator who finds it harmless allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Whether an alert says that something began or that it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertStatus {
    /// It happened, or goes on.
    Firing,
    /// What an earlier alert told of is over.
    Resolved,
}

impl Alert {
    /// Whether it says that something began or that it ended.
    pub const fn status(&self) -> AlertStatus {
        match &self.data {
            AlertData::Budget(BudgetData { resolved: true, .. }) => AlertStatus::Resolved,
            _ if matches!(self.kind, AlertKind::EndpointRecovered) => AlertStatus::Resolved,
            _ => AlertStatus::Firing,
        }
    }

    /// The model that the caller asked for, where there was one.
    pub fn model(&self) -> Option<&str> {
        match &self.data {
            AlertData::Dlp(DlpData { model, .. })
            | AlertData::Budget(BudgetData { model, .. })
            | AlertData::Loop(LoopData { model, .. }) => {
                Some(model).filter(|model| !model.is_empty()).map(String::as_str)
            }
            AlertData::Endpoint(_) | AlertData::Test(_) => None,
        }
    }

    /// The entity types that it is about.
    pub fn entity_types(&self) -> &[EntityType] {
        match &self.data {
            AlertData::Dlp(DlpData { entity_types, .. }) => entity_types,
            _ => &[],
        }
    }

    /// What raised it, beyond its kind: entity types, the loop's fingerprint, the endpoint. Alerts of one kind, rule and
    /// key are of one group.
    pub fn rule(&self) -> String {
        match &self.data {
            AlertData::Dlp(DlpData { entity_types, policies, .. }) => {
                let types = entity_types.iter().map(|entity| entity.as_str());
                types.chain(policies.iter().map(String::as_str)).collect::<Vec<_>>().join(",")
            }
            AlertData::Budget(BudgetData { scope, .. }) => scope.clone(),
            AlertData::Loop(LoopData { fingerprint, .. }) => fingerprint.clone(),
            AlertData::Endpoint(EndpointData { endpoint_id, .. }) => endpoint_id.to_string(),
            AlertData::Test(_) => String::new(),
        }
    }

    /// What stays of an alert whose content was removed: that it happened, when, and how often something was found.
    #[must_use]
    pub fn expunged(mut self) -> Self {
        self.preview = None;
        self.source =
            Source { injection: self.source.injection, sensitivity: self.source.sensitivity, ..Source::default() };
        match &mut self.data {
            AlertData::Dlp(DlpData { entity_types, model, policies, .. }) => {
                entity_types.clear();
                policies.clear();
                model.clear();
            }
            AlertData::Budget(BudgetData { scope, model, .. }) => {
                scope.clear();
                model.clear();
            }
            AlertData::Loop(LoopData { fingerprint, model, tool, .. }) => {
                fingerprint.clear();
                model.clear();
                *tool = None;
            }
            AlertData::Endpoint(EndpointData { reason, .. }) => reason.clear(),
            AlertData::Test(_) => {}
        }
        self
    }

    /// The group that an alert belongs to (`spec/alert-contracts.md` 1b): its project, what it is about, its rule and its
    /// key. What begins and what ends the same state are of one group.
    pub fn group(&self) -> String {
        let Self { project, kind, source, .. } = self;
        let about = if kind.is_about_endpoint() { kind.family() } else { kind.as_str() };
        let key = source.key.map(|key| key.to_string()).unwrap_or_default();
        [project.to_string(), about.to_owned(), self.rule(), key].join("|")
    }
}

/// The particulars of an alert: the `data` object of its default payload.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AlertData {
    /// Of the `dlp.*` kinds.
    Dlp(DlpData),
    /// Of the `budget.*` kinds.
    Budget(BudgetData),
    /// Of `loop.detected`.
    Loop(LoopData),
    /// Of the `endpoint.*` kinds.
    Endpoint(EndpointData),
    /// Of `webhook.test`.
    Test(TestData),
}

impl AlertData {
    /// Reads what was written of an alert of this kind, with `read` for the form that it was written in.
    ///
    /// # Errors
    /// When the text is not of that kind.
    pub fn read<'de, D: serde::Deserializer<'de>>(kind: AlertKind, form: D) -> Result<Self, D::Error> {
        match kind {
            AlertKind::PiiBlocked
            | AlertKind::PiiRedacted
            | AlertKind::InjectionBlocked
            | AlertKind::InjectionDetected
            | AlertKind::ContentViolated => DlpData::deserialize(form).map(Self::Dlp),
            AlertKind::BudgetExhausted | AlertKind::BudgetThreshold => BudgetData::deserialize(form).map(Self::Budget),
            AlertKind::LoopDetected => LoopData::deserialize(form).map(Self::Loop),
            AlertKind::EndpointFailing | AlertKind::EndpointDisabled | AlertKind::EndpointRecovered => {
                EndpointData::deserialize(form).map(Self::Endpoint)
            }
            AlertKind::WebhookTest => TestData::deserialize(form).map(Self::Test),
        }
    }
}

/// The `data` of a `dlp.*` alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DlpData {
    /// The entity types found, sorted, each once.
    pub entity_types: Vec<EntityType>,
    /// How many findings there were.
    pub violation_count: u32,
    /// Whether a prompt injection was among them.
    pub has_injection: bool,
    /// The model that the caller asked for.
    pub model: String,
    /// What was done: `block`, `redact` or `detect`.
    pub action: DlpAction,
    /// The content policies that were broken, by name; of `dlp.policy_violated` only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
}

/// What was done about findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DlpAction {
    /// The request was stopped.
    Block,
    /// The findings were cut out.
    Redact,
    /// The findings were recorded.
    Detect,
}

impl DlpAction {
    /// The name on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Redact => "redact",
            Self::Detect => "detect",
        }
    }
}

/// The `data` of a `budget.*` alert. Money is kept in nano-dollars and told in dollars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetData {
    /// What is left.
    pub balance: Usd,
    /// What was spent of the budget.
    pub spent: Usd,
    /// The budget, if it has a limit.
    pub limit: Option<Usd>,
    /// The share that was reached, in percent, for `budget.threshold`.
    pub percent: Option<u8>,
    /// Whose budget it is: `project`, or `key:…`, `user:…`, `model:…`.
    pub scope: String,
    /// The model that the caller asked for.
    pub model: String,
    /// Whether it says that there is money again.
    pub resolved: bool,
}

/// The `data` of a `loop.detected` alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoopData {
    /// The hex digest of what repeats, the same as in the refusal.
    pub fingerprint: String,
    /// How often it came: requests within the window, calls, rounds or turns.
    pub hit_count: u32,
    /// The model that the caller asked for.
    pub model: String,
    /// How long the caller is refused, in seconds; 0 where only a cure helps.
    pub cooldown_seconds: u64,
    /// What found it.
    #[serde(default)]
    pub detector: Detector,
    /// The tool that is called, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// What the loop has cost so far, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
    /// What the refused request would have cost at most, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_avoided: Option<Usd>,
}

/// The `data` of an `endpoint.*` alert. It names no URL: that is a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointData {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// The form of its deliveries.
    pub format: crate::format::Format,
    /// What is wrong, in our own words.
    pub reason: String,
    /// How many attempts failed in a row.
    pub failures: u32,
    /// Since when it is failing.
    pub since: Timestamp,
}

/// The `data` of a test alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestData {
    /// Always true.
    pub test: bool,
}

//! An alert: a fact that a person should know.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::entity::EntityType;
use crate::id::{AlertId, ProjectId};
use crate::time::Timestamp;

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
    /// Somebody pressed Test.
    WebhookTest = "webhook.test", Medium;
}

impl AlertKind {
    /// Whether endpoints can subscribe to it: a test goes to the endpoint under test only.
    pub const fn is_subscribable(self) -> bool {
        !matches!(self, Self::WebhookTest)
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

/// A fact that a person should know, with no text of the request in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its identity.
    pub id: AlertId,
    /// The project that it belongs to.
    pub project: ProjectId,
    /// The request that caused it, as the receiver sees it: ours, or the caller's well-formed `X-Request-Id`.
    pub request_id: String,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: AlertKind,
    /// The particulars.
    pub data: AlertData,
}

/// The particulars of an alert: the `data` object of its default payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AlertData {
    /// Of the `dlp.*` kinds.
    Dlp(DlpData),
    /// Of `webhook.test`.
    Test(TestData),
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

/// The `data` of a test alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestData {
    /// Always true.
    pub test: bool,
}

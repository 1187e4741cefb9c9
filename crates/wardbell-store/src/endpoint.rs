//! A webhook endpoint: who is told, about what, in which form.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::KeyPair as _;
use serde::{Deserialize, Serialize};
use wardbell_core::alert::{Alert, AlertKind, Severity};
use wardbell_core::id::{EndpointId, KeyId, ProjectId};
use wardbell_core::secret::Secret;
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

use crate::signing::{PRIVATE_PREFIX, PUBLIC_PREFIX, SECRET_PREFIX, key_pair};

pub use wardbell_core::format::Format;

/// An endpoint as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Its identity.
    pub id: EndpointId,
    /// The project whose alerts it gets.
    pub project: ProjectId,
    /// Where alerts go; `mailto:` and the first address for mail. A webhook URL is a credential, so it is sealed at rest
    /// and shown masked.
    pub url: Secret<String>,
    /// The form of the body.
    pub format: Format,
    /// The kinds that it wants.
    pub events: Events,
    /// The least severity that it wants.
    pub severity_min: Severity,
    /// How deliveries are signed.
    pub signature: SignatureProfile,
    /// When a failed delivery is tried again.
    pub retry: RetryProfile,
    /// Whether alerts go there now.
    pub enabled: bool,
    /// The keys that sign, newest first. Never empty; older ones stay for the overlap of a rotation.
    pub secrets: Vec<SigningSecret>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What else was set.
    pub options: Options,
    /// How deliveries to it have gone.
    pub health: Health,
    /// The name of the file that declares it now.
    pub declared: Option<String>,
    /// Whether that file declares its secret, too.
    pub is_secret_declared: bool,
}

impl Endpoint {
    /// Whether this alert goes to this endpoint.
    pub fn wants(&self, alert: &Alert) -> bool {
        self.enabled && !self.is_subject_of(alert) && self.matches(alert)
    }

    /// Whether its filters let this alert through, whatever its state.
    pub fn matches(&self, alert: &Alert) -> bool {
        self.events.contains(alert.kind)
            && alert.kind.severity() >= self.severity_min
            && self.options.filter.contains(alert)
    }

    /// Whether the alert is about this endpoint's own health.
    fn is_subject_of(&self, alert: &Alert) -> bool {
        alert.kind.is_about_endpoint() && alert.rule() == self.id.to_string()
    }

    /// How alerts are folded on the way there.
    pub fn grouping(&self) -> Grouping {
        self.options.grouping.unwrap_or(if self.format.is_for_people() { Grouping::FOR_PEOPLE } else { Grouping::OFF })
    }
}

/// What may be set of an endpoint beside the fields that every endpoint has. Sealed at rest as one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// The operator's own text at the head of chat messages and mails.
    pub custom_message: Option<String>,
    /// Whether the masked preview goes out.
    pub include_preview: bool,
    /// Headers to send along, such as a receiver's own credential.
    #[serde(with = "shown_headers")]
    pub headers: Vec<(String, Secret<String>)>,
    /// PagerDuty's integration key.
    #[serde(with = "shown")]
    pub routing_key: Option<Secret<String>>,
    /// Recipients of mail.
    pub to: Vec<String>,
    /// Which alerts it wants, beyond kind and severity.
    pub filter: Filter,
    /// How alerts are folded; `None` is the form's own way.
    pub grouping: Option<Grouping>,
    /// The most deliveries in a second; `None` is the form's own limit.
    pub per_second: Option<f64>,
    /// How long it may fail before it is switched off; `None` is for ever.
    pub disable_after: Option<Duration>,
}

/// Serde of a secret inside of what is sealed as one.
mod shown {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use wardbell_core::secret::Secret;

    #[expect(clippy::ref_option, reason = "serde's `with` hands the field itself")]
    pub(super) fn serialize<S: Serializer>(secret: &Option<Secret<String>>, form: S) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::reveal).serialize(form)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(form: D) -> Result<Option<Secret<String>>, D::Error> {
        Option::deserialize(form)
    }
}

/// Serde of headers inside of what is sealed as one.
mod shown_headers {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use wardbell_core::secret::Secret;

    pub(super) fn serialize<S: Serializer>(headers: &[(String, Secret<String>)], form: S) -> Result<S::Ok, S::Error> {
        headers.iter().map(|(name, value)| (name, value.reveal())).collect::<Vec<_>>().serialize(form)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(form: D) -> Result<Vec<(String, Secret<String>)>, D::Error> {
        Vec::deserialize(form)
    }
}

/// Which alerts an endpoint wants, beyond kind and severity. An empty list lets everything through; an alert that has
/// nothing of the sort, such as one about an endpoint, passes too.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// Models; `*` stands for any run of characters.
    pub models: Vec<String>,
    /// Keys that callers presented.
    pub keys: Vec<KeyId>,
    /// Entity types; one of the alert's suffices. `*` as in `models`.
    pub entity_types: Vec<String>,
}

impl Filter {
    /// Whether an alert passes.
    pub fn contains(&self, alert: &Alert) -> bool {
        let Self { models, keys, entity_types } = self;
        let any = |patterns: &[String], text: &str| patterns.iter().any(|pattern| is_like(pattern, text));
        let types = alert.entity_types();
        (models.is_empty() || alert.model().is_none_or(|model| any(models, model)))
            && (keys.is_empty() || alert.source.key.is_none_or(|key| keys.contains(&key)))
            && (entity_types.is_empty()
                || types.is_empty()
                || types.iter().any(|entity| any(entity_types, entity.as_str())))
    }
}

/// Whether `text` is what `pattern` says, where `*` stands for any run of characters; case counts. Linear but for the
/// stars: each is matched at its first place, which suffices.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some((first, mut rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    while let Some((piece, after)) = rest.split_once('*') {
        let Some((_, remaining)) = text.split_once(piece) else {
            return false;
        };
        (text, rest) = (remaining, after);
    }
    text.ends_with(rest)
}

/// How alerts are folded on the way to an endpoint (`spec/alert-contracts.md` 1b).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grouping {
    /// Whether the first alert of a group goes out at once and those after it as one update.
    pub enabled: bool,
    /// How long the first update waits; each further one twice as long, up to [`WINDOW_MAX`].
    pub window: Duration,
    /// The most messages in a minute, updates and the one that tells what was suppressed included; 0 is no limit.
    pub per_minute: u32,
}

/// The longest wait for an update about a group.
pub const WINDOW_MAX: Duration = Duration::from_mins(5);

impl Grouping {
    /// Every alert goes out on its own.
    pub const OFF: Self = Self { enabled: false, window: Duration::from_secs(30), per_minute: 0 };
    /// What people can read: updates after 30 s and ever more rarely, five messages a minute.
    pub const FOR_PEOPLE: Self = Self { enabled: true, window: Duration::from_secs(30), per_minute: 5 };
}

wardbell_core::named! {
    /// How deliveries to an endpoint go.
    HealthState {
        /// The last one succeeded, or there was none.
        Healthy = "healthy",
        /// They keep failing.
        Failing = "failing",
        /// It was switched off, because it kept failing or its receiver wished so.
        Disabled = "disabled",
    }
}

/// How deliveries to an endpoint have gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Where it stands.
    pub state: HealthState,
    /// Since when.
    pub since: Timestamp,
    /// How many attempts in a row failed.
    pub failures: u32,
    /// What went wrong last, in our own words.
    pub reason: Option<String>,
}

impl Health {
    /// How a new endpoint stands.
    pub const fn new(now: Timestamp) -> Self {
        Self { state: HealthState::Healthy, since: now, failures: 0, reason: None }
    }
}

/// A key that signs deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSecret {
    /// `whsec_` and standard base64 of 16 bytes or more; `whsk_` and base64 of a private ed25519 seed; or, for LockLLM's
    /// profile, plain text.
    pub secret: Secret<String>,
    /// When it stops signing; `None` for the current one.
    pub expires_at: Option<Timestamp>,
}

/// How many random bytes a secret that Wardbell makes has (`spec/decisions.md`, Signatures).
const SECRET_BYTES: usize = 32;

impl SigningSecret {
    /// Makes a new one, current from now on: `whsec_` and the base64 of 32 random bytes.
    pub fn generate() -> Self {
        let text = format!("{SECRET_PREFIX}{}", STANDARD.encode(ambient::entropy::<SECRET_BYTES>()));
        Self { secret: Secret::new(text), expires_at: None }
    }

    /// Makes a private ed25519 key, current from now on: `whsk_` and the base64 of a seed of 32 random bytes.
    pub fn generate_private() -> Self {
        let text = format!("{PRIVATE_PREFIX}{}", STANDARD.encode(ambient::entropy::<SECRET_BYTES>()));
        Self { secret: Secret::new(text), expires_at: None }
    }

    /// Whether it is a private ed25519 key and not a shared secret.
    pub fn is_private(&self) -> bool {
        self.secret.reveal().starts_with(PRIVATE_PREFIX)
    }

    /// The published half of a private key: `whpk_` and base64. `None` of a shared secret.
    pub fn public_key(&self) -> Option<String> {
        let pair = key_pair(self.secret.reveal()).ok()?;
        Some(format!("{PUBLIC_PREFIX}{}", STANDARD.encode(pair.public_key())))
    }
}

/// Which kinds an endpoint wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Events {
    /// Every kind, those of later versions included.
    All,
    /// Those that one of these names.
    Only(Vec<Pattern>),
}

/// Names kinds of alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// One kind.
    Kind(AlertKind),
    /// Every kind of a family, written `dlp.*`.
    Family(&'static str),
}

impl Pattern {
    /// Reads `dlp.pii_blocked` or `dlp.*`.
    pub fn from_name(name: &str) -> Option<Self> {
        let kinds = || AlertKind::ALL.iter().copied().filter(|kind| kind.is_subscribable());
        match name.strip_suffix(".*") {
            Some(family) => kinds().find(|kind| kind.family() == family).map(|kind| Self::Family(kind.family())),
            None => kinds().find(|kind| kind.as_str() == name).map(Self::Kind),
        }
    }

    /// As it is written.
    pub fn name(self) -> String {
        match self {
            Self::Kind(kind) => kind.as_str().to_owned(),
            Self::Family(family) => format!("{family}.*"),
        }
    }

    fn contains(self, kind: AlertKind) -> bool {
        match self {
            Self::Kind(named) => named == kind,
            Self::Family(family) => kind.family() == family,
        }
    }
}

impl Events {
    /// Whether `kind` is wanted.
    pub fn contains(&self, kind: AlertKind) -> bool {
        match self {
            Self::All => true,
            Self::Only(patterns) => patterns.iter().any(|pattern| pattern.contains(kind)),
        }
    }
}

wardbell_core::named! {
    /// How deliveries are signed.
    SignatureProfile {
        /// Standard Webhooks' three headers with `v1`, and `X-AISG-Signature`.
        Standard = "standard",
        /// As `standard`, and a `v1a` token beside `v1` that anybody can check with the published key.
        Ed25519 = "ed25519",
        /// LockLLM's header, which is the secret itself.
        LockLlm = "lockllm",
        /// GitHub's header: `X-Hub-Signature-256`.
        GitHub = "github",
    }
}

wardbell_core::named! {
    /// When a failed delivery is tried again; the schedules are in `wardbell-notify/src/schedule.rs`.
    RetryProfile {
        /// Three sends, one second apart, whatever went wrong.
        Aisg = "aisg",
        /// At once, then with growing pauses for three days.
        Durable = "durable",
        /// Four sends within a second, only for what may pass.
        LockLlm = "lockllm",
    }
}

/// What is to change of an endpoint.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndpointChange {
    /// A new URL. Secrets in overlap stop at once: an old secret never signs to a new place.
    pub url: Option<Secret<String>>,
    /// A new form.
    pub format: Option<Format>,
    /// New kinds.
    pub events: Option<Events>,
    /// A new least severity.
    pub severity_min: Option<Severity>,
    /// A new way to sign.
    pub signature: Option<SignatureProfile>,
    /// A new schedule.
    pub retry: Option<RetryProfile>,
    /// On or off. Switching it on makes it healthy.
    pub enabled: Option<bool>,
    /// All of the other settings, as they are to be.
    pub options: Option<Options>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, expect) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4*", "gpt-4o-mini", true),
            ("*mini", "gpt-4o-mini", true),
            ("gpt*mini", "gpt-4o-mini", true),
            ("*4*m*", "gpt-4o-mini", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("**", "x", true),
            ("", "x", false),
        ] {
            assert_eq!(is_like(pattern, text), expect, "{pattern} {text}");
        }
        let hostile = "*a".repeat(2000);
        assert!(!is_like(&hostile, &"b".repeat(100_000)));
    }

    #[test]
    fn options_read_back_with_their_secrets() {
        let options = Options {
            routing_key: Some(Secret::new("r".repeat(32))),
            headers: vec![("x-token".to_owned(), Secret::new("t".to_owned()))],
            per_second: Some(0.5),
            grouping: Some(Grouping::FOR_PEOPLE),
            ..Options::default()
        };
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<Options>(&text).unwrap(), options);
        assert_eq!(serde_json::from_str::<Options>("{}").unwrap(), Options::default());
    }
}

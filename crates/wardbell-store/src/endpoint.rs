//! A webhook endpoint: who is told, about what, in which form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wardbell_core::alert::{AlertKind, Severity};
use wardbell_core::id::{EndpointId, ProjectId};
use wardbell_core::secret::Secret;
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

/// An endpoint as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its identity.
    pub id: EndpointId,
    /// The project whose alerts it gets.
    pub project: ProjectId,
    /// Where alerts go. A webhook URL is a credential, so it is sealed at rest and shown masked.
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
}

impl Endpoint {
    /// Whether an alert of this kind goes to this endpoint.
    pub fn wants(&self, kind: AlertKind) -> bool {
        self.enabled && self.events.contains(kind) && kind.severity() >= self.severity_min
    }
}

/// A key that signs deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningSecret {
    /// `whsec_` and standard base64 of 16 bytes or more.
    pub secret: Secret<String>,
    /// When it stops signing; `None` for the current one.
    pub expires_at: Option<Timestamp>,
}

/// How many random bytes a secret that Wardbell makes has (`spec/decisions.md`, Signatures).
const SECRET_BYTES: usize = 32;

impl SigningSecret {
    /// Makes a new one, current from now on: `whsec_` and the base64 of 32 random bytes.
    pub fn generate() -> Self {
        let text = format!("whsec_{}", STANDARD.encode(ambient::entropy::<SECRET_BYTES>()));
        Self { secret: Secret::new(text), expires_at: None }
    }
}

/// Which kinds an endpoint wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Events {
    /// Every kind, those of later versions included.
    All,
    /// These.
    Only(Vec<AlertKind>),
}

impl Events {
    /// Whether `kind` is wanted.
    pub fn contains(&self, kind: AlertKind) -> bool {
        match self {
            Self::All => true,
            Self::Only(kinds) => kinds.contains(&kind),
        }
    }
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$item])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on every wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Finds a value by its name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

named! {
    /// The form of a delivery's body.
    Format {
        /// Wardbell's envelope: AISG's fields with `severity` and `type`.
        Json = "json",
    }
}

named! {
    /// How deliveries are signed.
    SignatureProfile {
        /// Standard Webhooks' three headers and `X-AISG-Signature`.
        Standard = "standard",
    }
}

named! {
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointChange {
    /// A new URL. Secrets in overlap stop at once: an old secret never signs to a new place.
    pub url: Option<Secret<String>>,
    /// A new form.
    pub format: Option<Format>,
    /// New kinds.
    pub events: Option<Events>,
    /// A new least severity.
    pub severity_min: Option<Severity>,
    /// A new schedule.
    pub retry: Option<RetryProfile>,
    /// On or off.
    pub enabled: Option<bool>,
}

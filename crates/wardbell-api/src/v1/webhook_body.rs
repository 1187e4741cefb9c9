//! Webhooks on the wire.

use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::alert::AlertKind;
use wardbell_core::secret::Secret;
use wardbell_store::endpoint::{Endpoint, Events};

use super::list;
use super::webhook::EVERY_KIND;
use crate::{TestOutcome, destination};

/// A webhook. Its URL is a credential and is shown as scheme and host; its secret is not shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookAnswer {
    /// Its id.
    id: String,
    /// Where alerts go, without what gives access.
    #[schema(example = "https://hooks.example.com/…")]
    url: String,
    /// The form of the body.
    format: &'static str,
    /// The kinds of alert that it gets; `*` is every kind, those of later versions included.
    events: Vec<&'static str>,
    /// The least severity that it gets.
    severity_min: &'static str,
    /// How deliveries are signed.
    signature: &'static str,
    /// When a failed delivery is tried again.
    retry: &'static str,
    /// Whether alerts go there.
    enabled: bool,
    /// `enabled` or `disabled`.
    state: &'static str,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

/// A webhook as it is made: the only time that its secret is shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewWebhookAnswer {
    /// The key that signs deliveries. Keep it: it is not shown again.
    secret: String,
    /// The webhook.
    #[serde(flatten)]
    webhook: WebhookAnswer,
}

impl NewWebhookAnswer {
    /// Shows the secret of a webhook that was just made.
    pub(super) fn new(secret: &Secret<String>, webhook: WebhookAnswer) -> Self {
        Self { secret: secret.reveal().clone(), webhook }
    }
}

impl From<Endpoint> for WebhookAnswer {
    fn from(endpoint: Endpoint) -> Self {
        let Endpoint {
            id,
            project: _,
            url,
            format,
            events,
            severity_min,
            signature,
            retry,
            enabled,
            secrets: _,
            created_at,
        } = endpoint;
        Self {
            id: id.to_string(),
            url: destination::masked(url.reveal()),
            format: format.as_str(),
            events: match events {
                Events::All => vec![EVERY_KIND],
                Events::Only(kinds) => kinds.into_iter().map(AlertKind::as_str).collect(),
            },
            severity_min: severity_min.as_str(),
            signature: signature.as_str(),
            retry: retry.as_str(),
            enabled,
            state: if enabled { "enabled" } else { "disabled" },
            created_at: list::time(created_at),
        }
    }
}

/// A new webhook.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `webhook.rs` reads it")]
pub(crate) struct NewWebhook {
    /// Where alerts go: https, a public address, unless the operator allows others.
    #[schema(write_only, example = "https://hooks.example.com/wardbell")]
    url: String,
    /// The form of the body: `json` in this version.
    #[schema(pattern = "^json$", default = "json")]
    format: Option<String>,
    /// The kinds of alert that it gets; `["*"]` is every kind.
    #[schema(default = json!(["*"]))]
    events: Option<Vec<String>>,
    /// The least severity that it gets.
    #[schema(pattern = "^(low|medium|high|critical)$", default = "low")]
    severity_min: Option<String>,
    /// A secret of your own: `whsec_` and base64 of 16 to 256 bytes. One is made if it is left out.
    #[schema(write_only)]
    secret: Option<String>,
    /// How deliveries are signed: `standard` in this version.
    #[schema(pattern = "^standard$", default = "standard")]
    signature: Option<String>,
    /// When a failed delivery is tried again.
    #[schema(pattern = "^(aisg|durable|lockllm)$", default = "aisg")]
    retry: Option<String>,
    /// Whether alerts go there.
    #[schema(default = true)]
    enabled: Option<bool>,
}

/// A change of a webhook; what is left out stays.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `webhook.rs` reads it")]
pub(crate) struct WebhookPatch {
    /// A new place. Secrets that were rotated out stop signing at once.
    #[schema(write_only)]
    url: Option<String>,
    /// The form of the body: `json` in this version.
    #[schema(pattern = "^json$")]
    format: Option<String>,
    /// The kinds of alert that it gets.
    events: Option<Vec<String>>,
    /// The least severity that it gets.
    #[schema(pattern = "^(low|medium|high|critical)$")]
    severity_min: Option<String>,
    /// How deliveries are signed: `standard` in this version.
    #[schema(pattern = "^standard$")]
    signature: Option<String>,
    /// When a failed delivery is tried again.
    #[schema(pattern = "^(aisg|durable|lockllm)$")]
    retry: Option<String>,
    /// Whether alerts go there.
    enabled: Option<bool>,
}

/// What came of a test alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestAnswer {
    /// Whether the receiver answered 2xx.
    delivered: bool,
    /// The status that it answered, if it did.
    status: Option<u16>,
    /// How long it took, in milliseconds.
    duration_ms: f64,
    /// What went wrong.
    error: Option<String>,
    /// The beginning of the receiver's answer, escaped, at most 1 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    response_excerpt: Option<String>,
}

impl From<TestOutcome> for TestAnswer {
    fn from(outcome: TestOutcome) -> Self {
        let TestOutcome { delivered, status, duration, error, excerpt } = outcome;
        Self { delivered, status, duration_ms: list::millis(duration), error, response_excerpt: excerpt }
    }
}

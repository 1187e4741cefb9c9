//! Webhooks on the wire.

use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::secret::Secret;
use wardbell_store::endpoint::{Endpoint, Events, Filter, Grouping, HealthState, Options, SigningSecret};

use super::list;
use super::webhook_settings::EVERY_KIND;
use crate::{TestOutcome, destination};

/// A webhook. Its URL is a credential and is shown as scheme and host; secrets, keys and values of headers are not shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookAnswer {
    /// Its id.
    id: String,
    /// Where alerts go, without what gives access.
    #[schema(example = "https://hooks.example.com/…")]
    url: String,
    /// The form of the body.
    format: &'static str,
    /// The kinds of alert that it gets; `*` is every kind, those of later versions included, and `dlp.*` a family.
    events: Vec<String>,
    /// The least severity that it gets.
    severity_min: &'static str,
    /// Which alerts it gets, beyond kind and severity.
    filter: FilterAnswer,
    /// How alerts are folded on the way there.
    group: GroupAnswer,
    /// How deliveries are signed.
    signature: &'static str,
    /// The key that anybody can check `v1a` signatures with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whpk_…")]
    public_key: Option<String>,
    /// When a failed delivery is tried again.
    retry: &'static str,
    /// The operator's own text at the head of messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_message: Option<String>,
    /// Whether the masked preview goes out.
    include_preview: bool,
    /// The names of the headers that are sent along.
    headers: Vec<String>,
    /// Recipients of mail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    to: Vec<String>,
    /// The most deliveries in a second; null is the form's own limit.
    per_second: Option<f64>,
    /// How long it may fail before it is switched off; null is for ever.
    disable_after_seconds: Option<f64>,
    /// Whether alerts go there.
    enabled: bool,
    /// `healthy`, `failing` or `disabled`.
    #[schema(pattern = "^(healthy|failing|disabled)$")]
    state: &'static str,
    /// How deliveries have gone.
    health: HealthAnswer,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// The configuration file that declares it; only a change of that file changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "wardbell.toml")]
    declared: Option<String>,
    /// The configuration file that declares its secret. One that is not declared is rotated here.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "wardbell.toml")]
    secret_declared: Option<String>,
}

/// How deliveries to a webhook have gone.
#[derive(Debug, Serialize, ToSchema)]
struct HealthAnswer {
    /// Since when it stands as it does.
    #[schema(format = DateTime)]
    since: String,
    /// How many attempts in a row failed.
    failures: u32,
    /// What went wrong last.
    reason: Option<String>,
}

/// Which alerts a webhook gets; an empty list lets all through.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FilterAnswer {
    /// Models; `*` stands for any run of characters.
    models: Vec<String>,
    /// Ids of keys.
    keys: Vec<String>,
    /// Entity types; `*` as in `models`.
    entity_types: Vec<String>,
}

impl From<Filter> for FilterAnswer {
    fn from(filter: Filter) -> Self {
        let Filter { models, keys, entity_types } = filter;
        Self { models, keys: keys.iter().map(ToString::to_string).collect(), entity_types }
    }
}

/// How alerts are folded on the way to a webhook.
#[derive(Debug, Serialize, ToSchema)]
struct GroupAnswer {
    /// Whether the first alert of a group goes out at once and those after it as one update.
    enabled: bool,
    /// How long the first update waits; each further one twice as long, up to five minutes.
    window_seconds: u64,
    /// The most messages in a minute; 0 is no limit.
    per_minute: u32,
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
    pub(super) fn new(secret: Option<&Secret<String>>, webhook: WebhookAnswer) -> Self {
        Self { secret: secret.map(|secret| secret.reveal().clone()).unwrap_or_default(), webhook }
    }
}

impl From<Endpoint> for WebhookAnswer {
    fn from(endpoint: Endpoint) -> Self {
        let Grouping { enabled: folds, window, per_minute } = endpoint.grouping();
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
            secrets,
            created_at,
            options,
            health,
            declared,
            is_secret_declared,
        } = endpoint;
        let Options {
            custom_message,
            include_preview,
            headers,
            routing_key: _,
            to,
            filter,
            grouping: _,
            per_second,
            disable_after,
        } = options;
        Self {
            id: id.to_string(),
            url: destination::masked(url.reveal()),
            format: format.as_str(),
            events: match events {
                Events::All => vec![EVERY_KIND.to_owned()],
                Events::Only(patterns) => patterns.iter().map(|pattern| pattern.name()).collect(),
            },
            severity_min: severity_min.as_str(),
            filter: filter.into(),
            group: GroupAnswer { enabled: folds, window_seconds: window.as_secs(), per_minute },
            signature: signature.as_str(),
            public_key: secrets.iter().find_map(SigningSecret::public_key),
            retry: retry.as_str(),
            custom_message,
            include_preview,
            headers: headers.into_iter().map(|(name, _)| name).collect(),
            to,
            per_second,
            disable_after_seconds: disable_after.map(|after| after.as_secs_f64()),
            enabled,
            state: if enabled { health.state.as_str() } else { HealthState::Disabled.as_str() },
            health: HealthAnswer { since: list::time(health.since), failures: health.failures, reason: health.reason },
            created_at: list::time(created_at),
            secret_declared: declared.clone().filter(|_| is_secret_declared),
            declared,
        }
    }
}

macro_rules! webhook_bodies {
    ($($(#[$doc:meta])* $name:ident, $place:ty, $($secret:ident)?;)*) => {$(
        $(#[$doc])*
        #[derive(ToSchema)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "describes the body for the OpenAPI document; `webhook_settings.rs` reads it")]
        pub(crate) struct $name {
            /// Where alerts go: https, a public address, unless the operator allows others. Not for email. A changed URL
            /// stops secrets that were rotated out at once.
            #[schema(write_only, example = "https://hooks.example.com/wardbell")]
            url: $place,
            /// The form of the body. Left out, the address decides: Slack, Discord, PagerDuty and Teams are known, the
            /// rest is `json`.
            #[schema(pattern = "^(json|raw|slack|discord|teams|pagerduty|email|cloudevents|ocsf|alertmanager)$")]
            format: Option<String>,
            /// The kinds of alert that it gets, families such as `dlp.*`, or `["*"]` for every kind, which is the default
            /// but for `raw`, which gets injections.
            events: Option<Vec<String>>,
            /// The least severity that it gets.
            #[schema(pattern = "^(low|medium|high|critical)$", default = "low")]
            severity_min: Option<String>,
            $(
                /// A secret of your own: `whsec_` and base64 of 16 to 256 bytes, or, signed as `lockllm`, 16 to 256 printable
                /// ASCII characters, or, signed as `ed25519`, `whsk_` and base64 of a seed of 32 bytes. One is made if it is left out.
                #[schema(write_only)]
                $secret: Option<String>,
            )?
            /// How deliveries are signed. `ed25519` adds `v1a` to `standard`; `lockllm` sends the secret as it is, which is
            /// weak, and is the default for `raw` with a secret of your own.
            #[schema(pattern = "^(standard|ed25519|lockllm|github)$")]
            signature: Option<String>,
            /// When a failed delivery is tried again.
            #[schema(pattern = "^(durable|aisg|lockllm)$", default = "durable")]
            retry: Option<String>,
            /// Text at the head of messages: slack, discord, teams and email.
            #[schema(max_length = 500)]
            custom_message: Option<String>,
            /// Whether the masked preview of the text goes out. On by default for raw and for what people read.
            include_preview: Option<bool>,
            /// Headers to send along, at most ten, such as a receiver's own credential.
            #[schema(write_only, value_type = Option<Object>)]
            headers: Option<std::collections::BTreeMap<String, String>>,
            /// PagerDuty's integration key: 32 letters and digits.
            #[schema(write_only)]
            routing_key: Option<String>,
            /// Recipients of mail.
            #[schema(max_items = 20)]
            to: Option<Vec<String>>,
            /// How alerts are folded; null is the form's own way: what people read is folded, machines get every alert.
            group: Option<GroupBody>,
            /// Which alerts it gets, beyond kind and severity.
            filter: Option<FilterBody>,
            /// The most deliveries in a second; null is the form's own limit.
            #[schema(minimum = 0.01, maximum = 1000)]
            per_second: Option<f64>,
            /// How long it may fail before it is switched off; null, the default, is for ever.
            #[schema(minimum = 60, maximum = 2_592_000)]
            disable_after_seconds: Option<f64>,
            /// Whether alerts go there. Switching it on makes it healthy.
            #[schema(default = true)]
            enabled: Option<bool>,
        }
    )*};
}

webhook_bodies! {
    /// A new webhook.
    NewWebhook, Option<String>, secret;
    /// A change of a webhook; what is left out stays.
    WebhookPatch, Option<String>, ;
}

/// How alerts are folded.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `webhook_settings.rs` reads it")]
pub(crate) struct GroupBody {
    /// Whether the first alert of a group goes out at once and those after it as one update.
    #[schema(default = true)]
    enabled: Option<bool>,
    /// How long the first update waits.
    #[schema(minimum = 5, maximum = 300, default = 30)]
    window_seconds: Option<u64>,
    /// The most messages in a minute, the one that tells what was suppressed included; 0 is no limit.
    #[schema(minimum = 0, maximum = 600, default = 5)]
    per_minute: Option<u32>,
}

/// Which alerts are meant; an empty list means all.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `webhook_settings.rs` reads it")]
pub(crate) struct FilterBody {
    /// Models; `*` stands for any run of characters.
    models: Option<Vec<String>>,
    /// Ids of keys.
    keys: Option<Vec<String>>,
    /// Entity types; one of the alert's suffices. `*` as in `models`.
    entity_types: Option<Vec<String>>,
}

/// What to test.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `webhook.rs` reads it")]
pub(crate) struct TestBody {
    /// The kind of the sample alert.
    #[schema(default = "webhook.test", example = "dlp.pii_blocked")]
    kind: Option<String>,
    /// The form to try; the webhook's own if it is left out.
    format: Option<String>,
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

//! Webhook endpoints: who is told, about what, in which form.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::alert::{AlertKind, Severity};
use wardbell_core::id::EndpointId;
use wardbell_core::secret::Secret;
use wardbell_store::endpoint::{
    Endpoint, EndpointChange, Events, Format, RetryProfile, SignatureProfile, SigningSecret,
};
use wardbell_store::error::StoreError;
use wardbell_telemetry::ambient;

use super::change::change;
use super::list::{self, List, PageParams};
use super::openapi::Refusals;
use super::{Answer, Created, Done, signing};
use crate::destination;
use crate::error::{ApiError, Fault, FieldError};
use crate::extract::{Body, InProject, Named, OptionalBody, Query};
use crate::fields::{Fields, required};
use crate::{Shared, TestOutcome};

/// Formats of `spec/api.md` that come later.
const FORMATS_LATER: &[&str] = &[
    "raw",
    "slack",
    "discord",
    "teams",
    "pagerduty",
    "email",
    "cloudevents",
    "ocsf",
    "alertmanager",
];

/// Signature profiles of `spec/api.md` that come later.
const SIGNATURES_LATER: &[&str] = &["lockllm", "github"];

/// Fields of `spec/api.md` that come later.
const FIELDS_LATER: &[&str] = &[
    "custom_message",
    "include_preview",
    "headers",
    "routing_key",
    "to",
    "group",
];

/// What stands for every kind of alert.
const EVERY_KIND: &str = "*";

/// The longest list of kinds that is read.
const EVENTS_MAX: usize = 100;

const SEVERITIES: &[Severity] = &[
    Severity::Low,
    Severity::Medium,
    Severity::High,
    Severity::Critical,
];

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
#[expect(
    dead_code,
    reason = "describes the body for the OpenAPI document; `create` reads it"
)]
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
#[expect(
    dead_code,
    reason = "describes the body for the OpenAPI document; `update` reads it"
)]
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
}

impl From<TestOutcome> for TestAnswer {
    fn from(outcome: TestOutcome) -> Self {
        let TestOutcome {
            delivered,
            status,
            duration,
            error,
        } = outcome;
        Self {
            delivered,
            status,
            duration_ms: list::millis(duration),
            error,
        }
    }
}

/// The fields that creating and changing share.
struct Settings {
    url: Option<Secret<String>>,
    format: Option<Format>,
    events: Option<Events>,
    severity_min: Option<Severity>,
    signature: Option<SignatureProfile>,
    retry: Option<RetryProfile>,
    enabled: Option<bool>,
}

fn read(api: &Shared, body: &mut Fields) -> Result<Settings, FieldError> {
    for field in FIELDS_LATER {
        body.not_available(field)?;
    }
    let url = body.text("url")?;
    let format = body.word_of_version("format", Format::ALL, Format::as_str, FORMATS_LATER)?;
    if let Some(url) = &url {
        destination::webhook("url", url, format.is_some(), &api.state.egress)?;
    }
    Ok(Settings {
        url: url.map(Secret::new),
        format,
        events: read_events(body)?,
        severity_min: body.word("severity_min", SEVERITIES, Severity::as_str)?,
        signature: body.word_of_version(
            "signature",
            SignatureProfile::ALL,
            SignatureProfile::as_str,
            SIGNATURES_LATER,
        )?,
        retry: body.word("retry", RetryProfile::ALL, RetryProfile::as_str)?,
        enabled: body.boolean("enabled")?,
    })
}

fn read_events(body: &mut Fields) -> Result<Option<Events>, FieldError> {
    let Some(names) = body.texts("events", EVENTS_MAX)? else {
        return Ok(None);
    };
    let subscribable = || {
        AlertKind::ALL
            .iter()
            .copied()
            .filter(|kind| kind.is_subscribable())
    };
    let wrong = |message: &str| {
        let allowed: Vec<_> = subscribable().map(AlertKind::as_str).collect();
        body.invalid(
            "events",
            format!(
                "{message}: {}, or [\"*\"] for every kind",
                allowed.join(", ")
            ),
        )
    };
    let mut kinds = Vec::new();
    let mut every = false;
    for name in &names {
        match subscribable().find(|kind| kind.as_str() == name) {
            Some(kind) if kinds.contains(&kind) => {}
            Some(kind) => kinds.push(kind),
            None if name == EVERY_KIND => every = true,
            None => return Err(wrong("must hold only")),
        }
    }
    match (every, kinds.is_empty()) {
        (true, _) => Ok(Some(Events::All)),
        (false, true) => Err(wrong("must not be empty; it can hold")),
        (false, false) => Ok(Some(Events::Only(kinds))),
    }
}

/// Makes a webhook and shows its secret, once.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/webhooks", tag = "webhooks", operation_id = "create_webhook",
    params(("project" = String, Path, description = "The project's id")), request_body = NewWebhook,
    responses((status = 201, description = "The webhook and its secret", body = NewWebhookAnswer), Refusals)
)]
pub(super) async fn create(
    State(api): State<Shared>,
    InProject(project): InProject,
    Body(mut body): Body,
) -> Created<NewWebhookAnswer> {
    let settings = read(&api, &mut body)?;
    let own = signing::read_own(&mut body)?;
    body.finish()?;
    let Settings {
        url,
        format,
        events,
        severity_min,
        signature,
        retry,
        enabled,
    } = settings;
    let secret = own.unwrap_or_else(signing::generate);
    let now = ambient::now();
    let endpoint = Endpoint {
        id: EndpointId::mint(now, ambient::entropy()),
        project,
        url: required("url", url)?,
        format: format.unwrap_or(Format::Json),
        events: events.unwrap_or(Events::All),
        severity_min: severity_min.unwrap_or(Severity::Low),
        signature: signature.unwrap_or(SignatureProfile::Standard),
        retry: retry.unwrap_or(RetryProfile::Aisg),
        enabled: enabled.unwrap_or(true),
        secrets: vec![SigningSecret {
            secret: secret.clone(),
            expires_at: None,
        }],
        created_at: now,
    };
    let webhook = WebhookAnswer::from(endpoint.clone());
    change(&api, move |api| async move {
        let max = api.state.webhooks_per_project_max;
        api.state.store.create_endpoint(endpoint, max).await.map_err(|error| match error {
            StoreError::LimitReached { .. } => ApiError::LimitReached {
                message: format!("this project has {max} webhooks, which is the limit"),
                hint: "remove one, or have the operator raise WARDBELL_WEBHOOKS_PER_PROJECT_MAX",
            },
            other => ApiError::from(other),
        })
    })
    .await?;
    Ok((
        StatusCode::CREATED,
        Json(NewWebhookAnswer {
            secret: secret.reveal().clone(),
            webhook,
        }),
    ))
}

/// Lists a project's webhooks, oldest first.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/webhooks", tag = "webhooks", operation_id = "list_webhooks",
    params(("project" = String, Path, description = "The project's id"), PageParams),
    responses((status = 200, description = "Webhooks", body = List<WebhookAnswer>), Refusals)
)]
pub(super) async fn list(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(query): Query,
) -> Answer<List<WebhookAnswer>> {
    let page = list::settings::<EndpointId>(query)?;
    let endpoints = api.state.store.endpoints(project).await?;
    Ok(Json(List::of_settings(
        endpoints,
        &page,
        |endpoint| endpoint.id.to_string(),
        WebhookAnswer::from,
    )))
}

/// Shows a webhook.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/webhooks/{webhook}", tag = "webhooks", operation_id = "get_webhook",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("webhook" = String, Path, description = "The webhook's id")
    ),
    responses((status = 200, description = "The webhook", body = WebhookAnswer), Refusals)
)]
pub(super) async fn show(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<EndpointId>,
) -> Answer<WebhookAnswer> {
    Ok(Json(WebhookAnswer::from(
        api.state.store.endpoint(project, id).await?,
    )))
}

/// Changes a webhook.
#[utoipa::path(
    patch, path = "/api/v1/projects/{project}/webhooks/{webhook}", tag = "webhooks", operation_id = "update_webhook",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("webhook" = String, Path, description = "The webhook's id")
    ),
    request_body = WebhookPatch,
    responses((status = 200, description = "The webhook as it is now", body = WebhookAnswer), Refusals)
)]
pub(super) async fn update(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<EndpointId>,
    Body(mut body): Body,
) -> Answer<WebhookAnswer> {
    let settings = read(&api, &mut body)?;
    body.refuse(
        "secret",
        Fault::Invalid("is changed by POST …/rotate-secret".to_owned()),
    )?;
    body.finish()?;
    // There is one profile, and it was checked: nothing to change.
    let Settings {
        url,
        format,
        events,
        severity_min,
        signature: _,
        retry,
        enabled,
    } = settings;
    let patch = EndpointChange {
        url,
        format,
        events,
        severity_min,
        retry,
        enabled,
    };
    let endpoint = change(&api, move |api| async move {
        Ok(api
            .state
            .store
            .update_endpoint(project, id, patch, ambient::now())
            .await?)
    })
    .await?;
    Ok(Json(WebhookAnswer::from(endpoint)))
}

/// Removes a webhook; what was still to be delivered to it is given up.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}/webhooks/{webhook}", tag = "webhooks", operation_id = "delete_webhook",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("webhook" = String, Path, description = "The webhook's id")
    ),
    responses((status = 204, description = "It is gone"), Refusals)
)]
pub(super) async fn remove(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<EndpointId>,
) -> Done {
    change(&api, move |api| async move {
        Ok(api
            .state
            .store
            .delete_endpoint(project, id, ambient::now())
            .await?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a signed test alert at once and tells what came of it, also where the webhook is disabled.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/webhooks/{webhook}/test", tag = "webhooks", operation_id = "test_webhook",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("webhook" = String, Path, description = "The webhook's id")
    ),
    responses(
        (status = 200, description = "What came of it", body = TestAnswer),
        (status = 429, description = "More than 10 tests of this webhook in a minute", body = crate::error::ErrorAnswer),
        Refusals
    )
)]
pub(super) async fn test(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<EndpointId>,
    OptionalBody(body): OptionalBody,
) -> Answer<TestAnswer> {
    body.finish()?;
    let endpoint = api.state.store.endpoint(project, id).await?;
    api.tests.take(id, ambient::now())?;
    Ok(Json(TestAnswer::from(
        api.state.tester.test(&endpoint).await,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_later_word_is_no_word_of_now() {
        assert!(
            FORMATS_LATER
                .iter()
                .all(|word| Format::from_name(word).is_none())
        );
        assert!(
            SIGNATURES_LATER
                .iter()
                .all(|word| SignatureProfile::from_name(word).is_none())
        );
    }
}

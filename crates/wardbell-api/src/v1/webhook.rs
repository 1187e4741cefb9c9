//! Webhook endpoints: who is told, about what, in which form.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
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
use super::openapi::{BodyRefusals, Refusals};
use super::webhook_body::{NewWebhook, NewWebhookAnswer, TestAnswer, WebhookAnswer, WebhookPatch};
use super::{Answer, Created, Done, signing};
use crate::Shared;
use crate::destination;
use crate::error::{ApiError, Fault, FieldError};
use crate::extract::{Body, InProject, Named, OptionalBody, Query};
use crate::fields::{Fields, required};

/// Formats of `spec/api.md` that come later.
const FORMATS_LATER: &[&str] =
    &["raw", "slack", "discord", "teams", "pagerduty", "email", "cloudevents", "ocsf", "alertmanager"];

/// Signature profiles of `spec/api.md` that come later.
const SIGNATURES_LATER: &[&str] = &["lockllm", "github"];

/// Fields of `spec/api.md` that come later.
const FIELDS_LATER: &[&str] = &["custom_message", "include_preview", "headers", "routing_key", "to", "group"];

/// What stands for every kind of alert.
pub(super) const EVERY_KIND: &str = "*";

/// The longest list of kinds that is read.
const EVENTS_MAX: usize = 100;

const SEVERITIES: &[Severity] = &[Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

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
    let judge = |url: String| destination::webhook("url", &url, format.is_some(), api.state.egress.policy());
    Ok(Settings {
        url: url.map(judge).transpose()?,
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

async fn judge_place(api: &Shared, settings: &Settings) -> Result<(), FieldError> {
    match &settings.url {
        Some(url) => destination::covered("url", url.reveal(), &api.state.egress).await,
        None => Ok(()),
    }
}

fn read_events(body: &mut Fields) -> Result<Option<Events>, FieldError> {
    let Some(names) = body.texts("events", EVENTS_MAX)? else {
        return Ok(None);
    };
    let subscribable = || AlertKind::ALL.iter().copied().filter(|kind| kind.is_subscribable());
    let wrong = |message: &str| {
        let allowed: Vec<_> = subscribable().map(AlertKind::as_str).collect();
        body.invalid("events", format!("{message}: {}, or [\"*\"] for every kind", allowed.join(", ")))
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
    responses((status = 201, description = "The webhook and its secret", body = NewWebhookAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn create(
    State(api): State<Shared>,
    InProject(project): InProject,
    Body(mut body): Body,
) -> Created<NewWebhookAnswer> {
    let settings = read(&api, &mut body)?;
    judge_place(&api, &settings).await?;
    let own = signing::read_own(&mut body)?;
    body.finish()?;
    let Settings { url, format, events, severity_min, signature, retry, enabled } = settings;
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
        secrets: vec![SigningSecret { secret: secret.clone(), expires_at: None }],
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
    Ok((StatusCode::CREATED, Json(NewWebhookAnswer::new(&secret, webhook))))
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
    Ok(Json(List::of_settings(endpoints, &page, |endpoint| endpoint.id.to_string(), WebhookAnswer::from)))
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
    Ok(Json(WebhookAnswer::from(api.state.store.endpoint(project, id).await?)))
}

/// Changes a webhook.
#[utoipa::path(
    patch, path = "/api/v1/projects/{project}/webhooks/{webhook}", tag = "webhooks", operation_id = "update_webhook",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("webhook" = String, Path, description = "The webhook's id")
    ),
    request_body = WebhookPatch,
    responses((status = 200, description = "The webhook as it is now", body = WebhookAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn update(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<EndpointId>,
    Body(mut body): Body,
) -> Answer<WebhookAnswer> {
    let settings = read(&api, &mut body)?;
    judge_place(&api, &settings).await?;
    body.refuse("secret", Fault::Invalid("is changed by POST …/rotate-secret".to_owned()))?;
    body.finish()?;
    // There is one profile, and it was checked: nothing to change.
    let Settings { url, format, events, severity_min, signature: _, retry, enabled } = settings;
    let patch = EndpointChange { url, format, events, severity_min, retry, enabled };
    let endpoint = change(&api, move |api| async move {
        Ok(api.state.store.update_endpoint(project, id, patch, ambient::now()).await?)
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
    change(&api, move |api| async move { Ok(api.state.store.delete_endpoint(project, id, ambient::now()).await?) })
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
        Refusals, BodyRefusals
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
    Ok(Json(TestAnswer::from(api.state.tester.test(&endpoint).await)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_later_word_is_no_word_of_now() {
        assert!(FORMATS_LATER.iter().all(|word| Format::from_name(word).is_none()));
        assert!(SIGNATURES_LATER.iter().all(|word| SignatureProfile::from_name(word).is_none()));
    }
}

//! Webhook endpoints: who is told, about what, in which form.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use wardbell_core::alert::{AlertKind, Severity};
use wardbell_core::id::EndpointId;
use wardbell_core::secret::Secret;
use wardbell_store::endpoint::{
    Endpoint, EndpointChange, Events, Format, Health, Options, RetryProfile, SignatureProfile,
};
use wardbell_store::error::StoreError;
use wardbell_telemetry::ambient;

use super::change::change;
use super::list::{self, List, PageParams};
use super::openapi::{BodyRefusals, Refusals};
use super::webhook_body::{NewWebhook, NewWebhookAnswer, TestAnswer, TestBody, WebhookAnswer, WebhookPatch};
use super::webhook_settings::{
    OptionsChange, Settings, check, check_test, events_by_default, previews_by_default, read,
};
use super::{Answer, Created, Done, signing};
use crate::Shared;
use crate::destination;
use crate::error::{ApiError, Fault, FieldError};
use crate::extract::{Body, InProject, Named, OptionalBody, Query};
use crate::fields::required;

/// Judges where a webhook leads, beside the form that is chosen for it.
async fn judge_place(
    api: &Shared,
    url: Option<String>,
    format: Option<Format>,
) -> Result<Option<(Secret<String>, Format)>, FieldError> {
    let Some(url) = url else { return Ok(None) };
    let (url, format) = destination::webhook("url", &url, format, api.state.egress.policy())?;
    destination::covered("url", url.reveal(), &api.state.egress).await?;
    Ok(Some((url, format)))
}

/// Where mail goes, as it is stored: the first recipient.
fn mail_place(to: &[String]) -> Result<Secret<String>, FieldError> {
    let first = to.first().ok_or_else(|| FieldError::invalid("to", "is needed for email: a list of mail addresses"))?;
    Ok(Secret::new(format!("mailto:{first}")))
}

/// What a new webhook is to be, all but its identity and its secrets.
pub(crate) struct Made {
    pub(crate) url: Secret<String>,
    pub(crate) format: Format,
    pub(crate) events: Events,
    pub(crate) severity_min: Severity,
    pub(crate) signature: SignatureProfile,
    pub(crate) retry: RetryProfile,
    pub(crate) enabled: bool,
    pub(crate) options: Options,
}

/// Completes the settings of a new webhook, whose place has been judged unless it is mail.
pub(crate) fn made(
    settings: Settings,
    place: Option<(Secret<String>, Format)>,
    has_own_secret: bool,
    mail_enabled: bool,
) -> Result<Made, FieldError> {
    let Settings { url, format, events, severity_min, signature, retry, enabled, change: changed } = settings;
    let (url, format) = if format == Some(Format::Email) {
        if url.is_some() {
            return Err(FieldError::invalid("url", "is not for email; name the recipients in `to`"));
        }
        (mail_place(changed.to.as_deref().unwrap_or_default())?, Format::Email)
    } else {
        required("url", place)?
    };
    let options = changed.apply(Options { include_preview: previews_by_default(format), ..Options::default() });
    check(format, &options, mail_enabled)?;
    // A secret of the second product's receivers is compared as it is (`spec/decisions.md`, Signatures).
    let usual =
        if format == Format::Raw && has_own_secret { SignatureProfile::LockLlm } else { SignatureProfile::Standard };
    Ok(Made {
        url,
        format,
        events: events.unwrap_or_else(|| events_by_default(format)),
        severity_min: severity_min.unwrap_or(Severity::Low),
        signature: signature.unwrap_or(usual),
        retry: retry.unwrap_or(RetryProfile::Durable),
        enabled: enabled.unwrap_or(true),
        options,
    })
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
    let settings = read(&mut body)?;
    let own = signing::read_own(&mut body)?;
    body.finish()?;
    let place = match settings.format {
        Some(Format::Email) => None,
        format => judge_place(&api, settings.url.clone(), format).await?,
    };
    let Made { url, format, events, severity_min, signature, retry, enabled, options } =
        made(settings, place, own.is_some(), api.state.mail_enabled)?;
    let secrets = signing::secrets(own, signature)?;
    let shown = secrets.iter().find(|secret| !secret.is_private()).map(|secret| secret.secret.clone());
    let now = ambient::now();
    let endpoint = Endpoint {
        id: EndpointId::mint(now, ambient::entropy()),
        project,
        url,
        format,
        events,
        severity_min,
        signature,
        retry,
        enabled,
        secrets,
        created_at: now,
        options,
        health: Health::new(now),
        declared: None,
        is_secret_declared: false,
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
    Ok((StatusCode::CREATED, Json(NewWebhookAnswer::new(shown.as_ref(), webhook))))
}

/// An address to judge.
#[derive(utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `guess_format` reads it")]
pub(crate) struct GuessBody {
    /// The address that a webhook would have.
    #[schema(write_only)]
    url: String,
}

/// The form that an address takes.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct GuessAnswer {
    /// The form: that of a known service, or `json`.
    #[schema(example = "slack")]
    format: &'static str,
}

/// Judges an address and tells which form it takes, without making a webhook.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/webhooks/guess-format", tag = "webhooks", operation_id = "guess_webhook_format",
    params(("project" = String, Path, description = "The project's id")), request_body = GuessBody,
    responses((status = 200, description = "The form", body = GuessAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn guess_format(
    State(api): State<Shared>,
    InProject(_): InProject,
    Body(mut body): Body,
) -> Answer<GuessAnswer> {
    let url = required("url", body.text("url")?)?;
    body.finish()?;
    let (_, format) = required("url", judge_place(&api, Some(url), None).await?)?;
    Ok(Json(GuessAnswer { format: format.as_str() }))
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
    responses((status = 200, description = "The webhook as it is now", body = WebhookAnswer), (status = 409, description = "The configuration file declares it", body = crate::error::ErrorAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn update(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<EndpointId>,
    Body(mut body): Body,
) -> Answer<WebhookAnswer> {
    let settings = read(&mut body)?;
    body.refuse("secret", Fault::Invalid("is changed by POST …/rotate-secret".to_owned()))?;
    body.finish()?;
    let Settings { url, format, events, severity_min, signature, retry, enabled, change: changed } = settings;
    let place = judge_place(&api, url, format).await?;
    let endpoint = change(&api, move |api| async move {
        let before = api.state.store.endpoint(project, id).await?;
        let patched = patch(&api, &before, place, format, changed)?;
        if signature == Some(SignatureProfile::Ed25519) && before.secrets.iter().all(|secret| !secret.is_private()) {
            let message = "cannot become ed25519: the webhook has no private key; make another webhook with it";
            return Err(FieldError::invalid("signature", message).into());
        }
        let patch = EndpointChange { events, severity_min, signature, retry, enabled, ..patched };
        Ok(api.state.store.update_endpoint(project, id, patch, ambient::now()).await?)
    })
    .await?;
    Ok(Json(WebhookAnswer::from(endpoint)))
}

/// What changes of the place, the form and the options, checked against what stays.
fn patch(
    api: &Shared,
    before: &Endpoint,
    place: Option<(Secret<String>, Format)>,
    format: Option<Format>,
    changed: OptionsChange,
) -> Result<EndpointChange, FieldError> {
    let is_mail = before.format == Format::Email;
    let wants_mail = format.map_or(is_mail, |format| format == Format::Email);
    if is_mail != wants_mail || (is_mail && place.is_some()) {
        return Err(FieldError::invalid("format", "cannot turn between mail and a URL; make another webhook"));
    }
    let options = changed.apply(before.options.clone());
    let (url, kept) = match place {
        // The address decides only where the caller does not, and then it may have to.
        Some((url, guessed)) => {
            let kept = if guessed == Format::Json { before.format } else { guessed };
            (Some(url), kept)
        }
        None if is_mail => (Some(mail_place(&options.to)?), Format::Email),
        None => (None, before.format),
    };
    let format = format.unwrap_or(kept);
    if url.is_none() {
        destination::webhook("format", before.url.reveal(), Some(format), api.state.egress.policy()).or_else(
            |error| {
                // The address was judged when it was stored; here only the form is in question.
                if error.field == "format" { Err(error) } else { Ok((before.url.clone(), format)) }
            },
        )?;
    }
    check(format, &options, api.state.mail_enabled)?;
    Ok(EndpointChange { url, format: Some(format), options: Some(options), ..EndpointChange::default() })
}

/// Removes a webhook; what was still to be delivered to it is given up.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}/webhooks/{webhook}", tag = "webhooks", operation_id = "delete_webhook",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("webhook" = String, Path, description = "The webhook's id")
    ),
    responses((status = 204, description = "It is gone"), (status = 409, description = "The configuration file declares it", body = crate::error::ErrorAnswer), Refusals)
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

/// Sends a signed test alert of any kind, in any form, at once and tells what came of it, also where the webhook is
/// disabled.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/webhooks/{webhook}/test", tag = "webhooks", operation_id = "test_webhook",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("webhook" = String, Path, description = "The webhook's id")
    ),
    request_body = Option<TestBody>,
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
    OptionalBody(mut body): OptionalBody,
) -> Answer<TestAnswer> {
    let kind = body.word("kind", AlertKind::ALL, AlertKind::as_str)?.unwrap_or(AlertKind::WebhookTest);
    let format = body.word("format", Format::ALL, Format::as_str)?;
    body.finish()?;
    let mut endpoint = api.state.store.endpoint(project, id).await?;
    if let Some(format) = format {
        check_test(&endpoint, format, api.state.mail_enabled)?;
        endpoint.format = format;
    }
    api.tests.take(id, ambient::now())?;
    Ok(Json(TestAnswer::from(api.state.tester.test(&endpoint, kind).await)))
}

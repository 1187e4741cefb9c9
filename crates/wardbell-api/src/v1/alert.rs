//! Alerts, to read; which of them a webhook would have got; and removing their content.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use wardbell_core::alert::{Alert, AlertKind, Severity};
use wardbell_core::fold::Fold;
use wardbell_core::id::{AlertId, EndpointId, ProjectId};
use wardbell_core::policy::ALLOWED_MAX;
use wardbell_store::endpoint::{Endpoint, Events, Filter};
use wardbell_store::outbox::{AlertFilter, DeliveryFilter, Expunge};
use wardbell_store::page::{PAGE_MAX, PageQuery};
use wardbell_store::project::ProjectChange;
use wardbell_telemetry::ambient;

use super::Answer;
use super::change::change;
use super::delivery::DeliveryAnswer;
use super::list::{self, List, PageParams};
use super::openapi::{BodyRefusals, Refusals};
use super::project;
use super::webhook_body::FilterBody;
use super::webhook_settings::{SEVERITIES, read_events, read_filter};
use crate::Shared;
use crate::error::{ApiError, Fault, FieldError};
use crate::extract::{Body, InProject, Named, Query};
use crate::fields::Fields;

/// How many alerts are looked at unless the caller says.
const MATCHED_DEFAULT: u32 = 100;

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertAnswer {
    /// Its id.
    id: String,
    /// The project.
    project_id: String,
    /// The request that caused it: ours, or the caller's own `X-Request-Id`. Empty where no request did.
    request_id: String,
    /// What happened.
    #[schema(example = "dlp.pii_blocked")]
    kind: &'static str,
    /// How urgent it is.
    severity: &'static str,
    /// When it happened.
    #[schema(format = DateTime)]
    time: String,
    /// The key that the caller presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<String>,
    /// The end user that the key was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// How likely the text was an injection, from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    injection_score: Option<f32>,
    /// What it was found by, such as `injection.model-indirect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    injection_reason: Option<String>,
    /// The fingerprint of the text; `POST …/alerts/{alert}/allow` allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    /// The particulars, as the default form of a delivery has them.
    #[schema(value_type = Object)]
    data: Value,
}

impl From<Alert> for AlertAnswer {
    fn from(alert: Alert) -> Self {
        let data = wardbell_render::data(&alert);
        let Alert { id, project, request_id, at, kind, data: _, source, preview: _, is_test: _ } = alert;
        Self {
            id: id.to_string(),
            project_id: project.to_string(),
            request_id,
            kind: kind.as_str(),
            severity: kind.severity().as_str(),
            time: list::time(at),
            key_id: source.key.map(|key| key.to_string()),
            user_id: source.user,
            injection_score: source.injection,
            injection_reason: source.rule,
            fingerprint: source.fingerprint,
            data,
        }
    }
}

/// An alert and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertDetail {
    /// The alert.
    #[serde(flatten)]
    alert: AlertAnswer,
    /// Its deliveries, the first hundred. A webhook that it was folded for has none.
    deliveries: Vec<DeliveryAnswer>,
}

/// Alerts that one message stands for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoldAnswer {
    /// Why they were folded: `group`, `ceiling` or `silence`.
    reason: &'static str,
    /// How many.
    count: u64,
    /// When the first of them happened.
    #[schema(format = DateTime)]
    first_at: String,
    /// When the last of them happened.
    #[schema(format = DateTime)]
    last_at: String,
    /// The ids of the first few.
    sample_alert_ids: Vec<String>,
}

impl From<Fold> for FoldAnswer {
    fn from(fold: Fold) -> Self {
        let Fold { reason, count, first_at, last_at, kinds: _, samples, note: _ } = fold;
        Self {
            reason: reason.as_str(),
            count,
            first_at: list::time(first_at),
            last_at: list::time(last_at),
            sample_alert_ids: samples.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Which alerts are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for the OpenAPI document; `list` reads it")]
pub(crate) struct AlertParams {
    /// Only of this kind.
    kind: Option<String>,
    /// Only this severe or more: `low`, `medium`, `high` or `critical`.
    severity_min: Option<String>,
    /// Only at or after this time.
    #[param(format = DateTime)]
    since: Option<String>,
}

/// Lists a project's alerts, newest first.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/alerts", tag = "alerts", operation_id = "list_alerts",
    params(("project" = String, Path, description = "The project's id"), AlertParams, PageParams),
    responses((status = 200, description = "Alerts", body = List<AlertAnswer>), Refusals)
)]
pub(super) async fn list(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(mut query): Query,
) -> Answer<List<AlertAnswer>> {
    let filter = AlertFilter {
        kind: query.word("kind", AlertKind::ALL, AlertKind::as_str)?,
        severity_min: query.word("severity_min", SEVERITIES, Severity::as_str)?,
        since: query.time("since")?,
    };
    let page = list::records::<AlertId>(query)?;
    Ok(Json(List::of_page(api.state.store.alerts(project, filter, page).await?, AlertAnswer::from)))
}

/// Shows an alert with its deliveries.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/alerts/{alert}", tag = "alerts", operation_id = "get_alert",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("alert" = String, Path, description = "The alert's id")
    ),
    responses((status = 200, description = "The alert", body = AlertDetail), Refusals)
)]
pub(super) async fn show(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<AlertId>,
) -> Answer<AlertDetail> {
    let alert = api.state.store.alert(project, id).await?;
    let filter = DeliveryFilter { alert: Some(id), ..DeliveryFilter::default() };
    let page = PageQuery { cursor: None, limit: MATCHED_DEFAULT };
    let deliveries = api.state.store.deliveries(project, filter, page).await?.items;
    Ok(Json(AlertDetail { alert: alert.into(), deliveries: deliveries.into_iter().map(Into::into).collect() }))
}

/// Which of the last alerts a webhook would have got.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MatchAnswer {
    /// How many alerts were looked at.
    alert_count: usize,
    /// How many of them match.
    match_count: usize,
    /// The alerts, newest first.
    data: Vec<Matched>,
}

/// An alert and whether it matches.
#[derive(Debug, Serialize, ToSchema)]
struct Matched {
    /// The alert's id.
    id: String,
    /// What happened.
    kind: &'static str,
    /// How urgent it is.
    severity: &'static str,
    /// When it happened.
    #[schema(format = DateTime)]
    time: String,
    /// Whether the webhook would have got it.
    would_match: bool,
}

async fn matched(
    api: &Shared,
    project: ProjectId,
    limit: u32,
    matches: impl Fn(&Alert) -> bool,
) -> Answer<MatchAnswer> {
    let page = PageQuery { cursor: None, limit };
    let alerts = api.state.store.alerts(project, AlertFilter::default(), page).await?.items;
    let data: Vec<_> = alerts
        .iter()
        .map(|alert| Matched {
            id: alert.id.to_string(),
            kind: alert.kind.as_str(),
            severity: alert.kind.severity().as_str(),
            time: list::time(alert.at),
            would_match: matches(alert),
        })
        .collect();
    let match_count = data.iter().filter(|matched| matched.would_match).count();
    Ok(Json(MatchAnswer { alert_count: data.len(), match_count, data }))
}

fn read_limit(fields: &mut Fields) -> Result<u32, FieldError> {
    let wrong = format!("must be a whole number from 1 to {PAGE_MAX}");
    match fields.value("limit") {
        None => Ok(MATCHED_DEFAULT),
        Some(value) => value
            .as_u64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
            .and_then(|limit| u32::try_from(limit).ok())
            .filter(|limit| (1..=PAGE_MAX).contains(limit))
            .ok_or_else(|| fields.invalid("limit", wrong)),
    }
}

/// How many alerts are looked at.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for the OpenAPI document; `matches` reads it")]
pub(crate) struct MatchParams {
    /// How many of the last alerts, from 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
}

/// Tells which of the last alerts a webhook's filters let through.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/webhooks/{webhook}/matches", tag = "webhooks",
    operation_id = "list_webhook_matches",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("webhook" = String, Path, description = "The webhook's id"),
        MatchParams
    ),
    responses((status = 200, description = "The last alerts", body = MatchAnswer), Refusals)
)]
pub(super) async fn matches(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<EndpointId>,
    Query(mut query): Query,
) -> Answer<MatchAnswer> {
    let limit = read_limit(&mut query)?;
    query.finish()?;
    let endpoint: Endpoint = api.state.store.endpoint(project, id).await?;
    matched(&api, project, limit, |alert| endpoint.matches(alert)).await
}

/// Filters to try.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `try_filters` reads it")]
pub(crate) struct MatchBody {
    /// Kinds, families such as `dlp.*`, or `["*"]`.
    events: Option<Vec<String>>,
    /// The least severity.
    #[schema(pattern = "^(low|medium|high|critical)$")]
    severity_min: Option<String>,
    /// Models, keys and entity types.
    filter: Option<FilterBody>,
    /// How many of the last alerts, from 1 to 500.
    #[schema(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
}

/// Tells which of the last alerts filters would let through that no webhook has yet.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/alerts/match", tag = "alerts", operation_id = "match_alerts",
    params(("project" = String, Path, description = "The project's id")),
    request_body = MatchBody,
    responses((status = 200, description = "The last alerts", body = MatchAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn try_filters(
    State(api): State<Shared>,
    InProject(project): InProject,
    Body(mut body): Body,
) -> Answer<MatchAnswer> {
    let events = read_events(&mut body)?.unwrap_or(Events::All);
    let severity_min = body.word("severity_min", SEVERITIES, Severity::as_str)?.unwrap_or(Severity::Low);
    let filter: Filter = read_filter(&mut body)?.unwrap_or_default();
    let limit = read_limit(&mut body)?;
    body.finish()?;
    matched(&api, project, limit, |alert| {
        events.contains(alert.kind) && alert.kind.severity() >= severity_min && filter.contains(alert)
    })
    .await
}

/// Which text an alert is about, and since when it is allowed or not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AllowAnswer {
    /// The fingerprint of the text.
    fingerprint: String,
    /// The version of the project's policy that says so.
    policy_version: u32,
}

/// Allows the text that an alert of a prompt injection is about: in this project it is no injection from now on, whatever a
/// detector says. Nobody stores the text; its keyed fingerprint goes to `injection.allow` of the project's policy, where it
/// can be taken out again.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/alerts/{alert}/allow", tag = "alerts", operation_id = "allow_alert",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("alert" = String, Path, description = "The alert's id")
    ),
    responses((status = 200, description = "The text is allowed", body = AllowAnswer), (status = 409, description = "The configuration file declares it", body = crate::error::ErrorAnswer), Refusals)
)]
pub(super) async fn allow(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<AlertId>,
) -> Answer<AllowAnswer> {
    let fingerprint = fingerprint_of(&api, project, id).await?;
    let allowed = fingerprint.clone();
    let change = change_allowed(&api, project, move |allow| {
        if allow.contains(&allowed) {
            return Ok(());
        }
        if allow.len() >= ALLOWED_MAX {
            return Err(ApiError::LimitReached {
                message: format!("a project allows at most {ALLOWED_MAX} texts"),
                hint: "lower injection.sensitivity, or take fingerprints out of injection.allow",
            });
        }
        allow.push(allowed);
        Ok(())
    });
    Ok(Json(AllowAnswer { fingerprint, policy_version: change.await? }))
}

/// Takes back that the text of an alert is allowed: it is judged like any other again. One that is not allowed stays so.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}/alerts/{alert}/allow", tag = "alerts", operation_id = "disallow_alert",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("alert" = String, Path, description = "The alert's id")
    ),
    responses((status = 200, description = "The text is allowed no more", body = AllowAnswer), Refusals)
)]
pub(super) async fn disallow(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<AlertId>,
) -> Answer<AllowAnswer> {
    let fingerprint = fingerprint_of(&api, project, id).await?;
    let allowed = fingerprint.clone();
    let change = change_allowed(&api, project, move |allow| {
        allow.retain(|one| *one != allowed);
        Ok(())
    });
    Ok(Json(AllowAnswer { fingerprint, policy_version: change.await? }))
}

/// The fingerprint of the text that an alert of an injection is about.
async fn fingerprint_of(api: &Shared, project: ProjectId, id: AlertId) -> Result<String, ApiError> {
    let alert = api.state.store.alert(project, id).await?;
    alert.source.fingerprint.filter(|_| alert.kind.is_injection()).ok_or(ApiError::Conflict {
        message: "the alert names no text that could be allowed",
        hint: "only alerts of a prompt injection do, until their content is removed",
    })
}

/// Changes which texts a project allows; returns the version of its policy that does.
async fn change_allowed(
    api: &Shared,
    project: ProjectId,
    edit: impl FnOnce(&mut Vec<String>) -> Result<(), ApiError> + Send + 'static,
) -> Result<u32, ApiError> {
    let changed = change(api, move |api| async move {
        // Read within the turn: another change may have come before this one.
        let present = project::read(&api, project).await?;
        let mut policy = present.policy.clone();
        edit(&mut policy.injection.allow)?;
        if policy == present.policy {
            return Ok(present);
        }
        let change = ProjectChange { policy: Some(policy), ..ProjectChange::default() };
        Ok(api.state.store.update_project(project, change, ambient::now()).await?)
    })
    .await?;
    Ok(changed.policy_version)
}

/// What to remove the content of: one alert, or all before a time.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `expunge` reads it")]
pub(crate) struct ExpungeBody {
    /// The id of an alert.
    alert: Option<String>,
    /// Every alert of the project before this time.
    #[schema(format = DateTime)]
    before: Option<String>,
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExpungeAnswer {
    /// The content of how many alerts.
    expunged: u32,
}

/// Removes the content of alerts now: previews, users, models, entity types, and what receivers answered. That they
/// happened, and when, stays on record; deliveries of them that are pending are given up.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/expunge", tag = "alerts", operation_id = "expunge_alerts",
    params(("project" = String, Path, description = "The project's id")),
    request_body = ExpungeBody,
    responses((status = 200, description = "What was removed", body = ExpungeAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn expunge(
    State(api): State<Shared>,
    InProject(project): InProject,
    Body(mut body): Body,
) -> Answer<ExpungeAnswer> {
    let alert = body.parsed("alert", "the id of an alert (`alr_…`)")?;
    let before = body.time("before")?;
    let what = match (alert, before) {
        (Some(alert), None) => Expunge::Alert(alert),
        (None, Some(before)) => Expunge::Before(before),
        (Some(_), Some(_)) => return Err(body.invalid("before", "cannot be given with `alert`").into()),
        (None, None) => return Err(body.fault("alert", Fault::Missing).into()),
    };
    body.finish()?;
    let expunged = api.state.store.expunge(project, what, ambient::now()).await?;
    Ok(Json(ExpungeAnswer { expunged }))
}

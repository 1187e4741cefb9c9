//! Deliveries and their attempts, to read and to replay.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use wardbell_core::alert::AlertKind;
use wardbell_core::id::{DeliveryId, EndpointId, ProjectId};
use wardbell_store::outbox::{
    Attempt, AttemptPhases, Delivery, DeliveryFilter, DeliveryState, ReplayFilter, ReplayPlan, Replayed,
};
use wardbell_telemetry::ambient;

use super::alert::FoldAnswer;
use super::list::{self, List, PageParams};
use super::openapi::{BodyRefusals, Refusals};
use super::{Answer, Created};
use crate::Shared;
use crate::error::{ApiError, FieldError};
use crate::extract::{Body, InProject, Named, OptionalBody, Query};
use crate::fields::{Fields, required};

const STATES: &[DeliveryState] = &[DeliveryState::Pending, DeliveryState::Delivered, DeliveryState::Dead];

/// A delivery: an alert for one webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryAnswer {
    /// Its id.
    id: String,
    /// Its id as the receiver sees it, the same in every attempt.
    webhook_id: String,
    /// The alert.
    alert_id: String,
    /// The webhook (`whe_…`).
    endpoint_id: String,
    /// `pending`, `delivered` or `dead`.
    #[schema(pattern = "^(pending|delivered|dead)$")]
    state: &'static str,
    /// How many attempts were made.
    attempt_count: u32,
    /// When the next attempt is due, while pending.
    #[schema(format = DateTime)]
    next_attempt_at: Option<String>,
    /// Why it is dead.
    reason: Option<String>,
    /// The alerts that it stands for, if it is an update about many.
    #[serde(skip_serializing_if = "Option::is_none")]
    fold: Option<FoldAnswer>,
    /// How often it was replayed.
    replays: u32,
    /// Whether it goes out in the plain form, because the receiver refused the rich one.
    plain: bool,
    /// When the alert was committed.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was delivered or given up.
    #[schema(format = DateTime)]
    finished_at: Option<String>,
}

/// A delivery with every attempt.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryDetail {
    /// The delivery.
    #[serde(flatten)]
    delivery: DeliveryAnswer,
    /// Its attempts, first to last.
    attempts: Vec<AttemptAnswer>,
}

/// One try at a delivery.
#[derive(Debug, Serialize, ToSchema)]
struct AttemptAnswer {
    /// 1 for the first.
    number: u32,
    /// When it started.
    #[schema(format = DateTime)]
    started_at: String,
    /// The status that the receiver answered, if it did.
    status: Option<u16>,
    /// What went wrong.
    error: Option<String>,
    /// How long each phase took.
    phases: PhasesAnswer,
    /// The beginning of the receiver's answer, escaped, at most 1 KiB.
    response_excerpt: Option<String>,
}

/// How long each phase of an attempt took, in milliseconds; 0 where it did not get that far.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "a number on the wire carries its unit")]
struct PhasesAnswer {
    /// Resolving the name.
    dns_ms: f64,
    /// Connecting.
    connect_ms: f64,
    /// The TLS handshake.
    tls_ms: f64,
    /// From the request's last byte to the answer's first.
    first_byte_ms: f64,
    /// All of it.
    total_ms: f64,
}

impl From<Delivery> for DeliveryAnswer {
    fn from(delivery: Delivery) -> Self {
        let Delivery {
            id,
            alert,
            endpoint,
            project: _,
            state,
            attempts,
            next_at,
            reason,
            fold,
            replays,
            is_plain,
            created_at,
            finished_at,
        } = delivery;
        Self {
            id: id.to_string(),
            webhook_id: id.webhook_id().to_string(),
            alert_id: alert.to_string(),
            endpoint_id: endpoint.to_string(),
            state: state.as_str(),
            attempt_count: attempts,
            next_attempt_at: next_at.map(list::time),
            reason,
            fold: fold.map(Into::into),
            replays,
            plain: is_plain,
            created_at: list::time(created_at),
            finished_at: finished_at.map(list::time),
        }
    }
}

impl From<Attempt> for AttemptAnswer {
    fn from(attempt: Attempt) -> Self {
        let Attempt { number, at, status, error, phases, excerpt } = attempt;
        let AttemptPhases { dns, connect, tls, first_byte, total } = phases;
        Self {
            number,
            started_at: list::time(at),
            status,
            error,
            phases: PhasesAnswer {
                dns_ms: list::millis(dns),
                connect_ms: list::millis(connect),
                tls_ms: list::millis(tls),
                first_byte_ms: list::millis(first_byte),
                total_ms: list::millis(total),
            },
            response_excerpt: excerpt,
        }
    }
}

/// Which deliveries are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for the OpenAPI document; `list` reads it")]
pub(crate) struct DeliveryParams {
    /// Only in this state: `pending`, `delivered` or `dead`.
    state: Option<String>,
    /// Only for this webhook (`whe_…`).
    endpoint: Option<String>,
    /// Only of this alert (`alr_…`).
    alert: Option<String>,
    /// Only of alerts at or after this time.
    #[param(format = DateTime)]
    since: Option<String>,
}

/// Lists a project's deliveries, newest first.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/deliveries", tag = "deliveries", operation_id = "list_deliveries",
    params(("project" = String, Path, description = "The project's id"), DeliveryParams, PageParams),
    responses((status = 200, description = "Deliveries", body = List<DeliveryAnswer>), Refusals)
)]
pub(super) async fn list(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(mut query): Query,
) -> Answer<List<DeliveryAnswer>> {
    let filter = DeliveryFilter {
        state: query.word("state", STATES, DeliveryState::as_str)?,
        endpoint: query.parsed("endpoint", "the id of a webhook (`whe_…`)")?,
        alert: query.parsed("alert", "the id of an alert (`alr_…`)")?,
        since: query.time("since")?,
    };
    let page = list::records::<DeliveryId>(query)?;
    Ok(Json(List::of_page(api.state.store.deliveries(project, filter, page).await?, DeliveryAnswer::from)))
}

/// Shows a delivery with every attempt.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/deliveries/{delivery}", tag = "deliveries", operation_id = "get_delivery",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("delivery" = String, Path, description = "The delivery's id")
    ),
    responses((status = 200, description = "The delivery", body = DeliveryDetail), Refusals)
)]
pub(super) async fn show(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<DeliveryId>,
) -> Answer<DeliveryDetail> {
    let (delivery, attempts) = api.state.store.delivery(project, id).await?;
    Ok(Json(DeliveryDetail { delivery: delivery.into(), attempts: attempts.into_iter().map(Into::into).collect() }))
}

/// Where to send again.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `replay` reads it")]
pub(crate) struct ReplayBody {
    /// Another webhook of the project (`whe_…`): a delivery of its own is made, with a `webhook_id` of its own.
    to: Option<String>,
}

/// Makes a finished delivery due again, with a fresh count of attempts and the same `webhook_id`; or sends its alert to
/// another webhook.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/deliveries/{delivery}/replay", tag = "deliveries",
    operation_id = "replay_delivery",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("delivery" = String, Path, description = "The delivery's id")
    ),
    request_body = Option<ReplayBody>,
    responses(
        (status = 202, description = "The delivery as it is now", body = DeliveryAnswer),
        (status = 409, description = "It is pending already", body = crate::error::ErrorAnswer),
        Refusals, BodyRefusals
    )
)]
pub(super) async fn replay(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<DeliveryId>,
    OptionalBody(mut body): OptionalBody,
) -> Created<DeliveryAnswer> {
    let to: Option<EndpointId> = body.parsed("to", "the id of a webhook (`whe_…`)")?;
    body.finish()?;
    let (delivery, _) = api.state.store.delivery(project, id).await?;
    if delivery.state == DeliveryState::Pending {
        return Err(ApiError::Conflict {
            message: "the delivery is pending already",
            hint: "wait until it is delivered or dead",
        });
    }
    if let Some(to) = to {
        let filter =
            ReplayFilter { alert: Some(delivery.alert), endpoint: Some(delivery.endpoint), ..ReplayFilter::default() };
        let plan = ReplayPlan { to: Some(to), per_second: PER_SECOND_DEFAULT, dry_run: false };
        api.state.store.replay_many(project, filter, plan, ambient::now()).await?;
    } else {
        api.state.store.replay(project, id, ambient::now()).await?;
    }
    let (delivery, _) = api.state.store.delivery(project, id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}

/// How fast replays go unless the caller says: a receiver that has just come back takes this much.
const PER_SECOND_DEFAULT: u32 = 20;
/// The fastest that replays go.
const PER_SECOND_MAX: u64 = 1000;

/// Which deliveries to send again, where, and how fast. At least one filter must be given.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `replay_many` reads it")]
pub(crate) struct ReplayManyBody {
    /// Only `dead` or only `delivered` ones.
    #[schema(pattern = "^(dead|delivered)$")]
    state: Option<String>,
    /// Only of this webhook (`whe_…`).
    endpoint: Option<String>,
    /// Only of this alert (`alr_…`).
    alert: Option<String>,
    /// Only alerts of this kind.
    kind: Option<String>,
    /// Only alerts at or after this time.
    #[schema(format = DateTime)]
    since: Option<String>,
    /// Only alerts before this time.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// Only what was never attempted: dead letters without an attempt, and alerts that the webhook wants and that no
    /// delivery was made of, since it was off or not there yet. Needs `endpoint`.
    never_attempted: Option<bool>,
    /// Another webhook to send to (`whe_…`).
    to: Option<String>,
    /// How many in a second.
    #[schema(minimum = 1, maximum = 1000, default = 20)]
    per_second: Option<u32>,
    /// Only count.
    dry_run: Option<bool>,
}

/// What a replay came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReplayAnswer {
    /// How many deliveries are due again, or would be.
    count: u32,
    /// Whether there are more than 10,000: call again.
    has_more: bool,
    /// Whether they were only counted.
    dry_run: bool,
}

/// Sends finished deliveries again, at a steady pace.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/deliveries/replay", tag = "deliveries", operation_id = "replay_deliveries",
    params(("project" = String, Path, description = "The project's id")),
    request_body = ReplayManyBody,
    responses(
        (status = 202, description = "How many are due again, or would be", body = ReplayAnswer),
        Refusals, BodyRefusals
    )
)]
pub(super) async fn replay_many(
    State(api): State<Shared>,
    InProject(project): InProject,
    Body(mut body): Body,
) -> Created<ReplayAnswer> {
    const FINISHED: &[DeliveryState] = &[DeliveryState::Delivered, DeliveryState::Dead];
    let filter = ReplayFilter {
        state: body.word("state", FINISHED, DeliveryState::as_str)?,
        endpoint: body.parsed("endpoint", "the id of a webhook (`whe_…`)")?,
        alert: body.parsed("alert", "the id of an alert (`alr_…`)")?,
        kind: body.word("kind", AlertKind::ALL, AlertKind::as_str)?,
        since: body.time("since")?,
        until: body.time("until")?,
        never_attempted: body.boolean("never_attempted")?.unwrap_or(false),
    };
    if filter == ReplayFilter::default() {
        let message = "or another filter must be given: endpoint, alert, kind, since, until or never_attempted";
        return Err(body.invalid("state", message).into());
    }
    if filter.never_attempted && filter.endpoint.is_none() {
        return Err(body.invalid("endpoint", "is needed with `never_attempted`").into());
    }
    replayed(&api, project, filter, body).await
}

/// Sends again what a webhook did not get since a time: its dead letters, and what was never attempted.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/webhooks/{webhook}/recover", tag = "webhooks",
    operation_id = "recover_webhook",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("webhook" = String, Path, description = "The webhook's id")
    ),
    request_body = RecoverBody,
    responses(
        (status = 202, description = "How many are due again, or would be", body = ReplayAnswer),
        Refusals, BodyRefusals
    )
)]
pub(super) async fn recover(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<EndpointId>,
    Body(mut body): Body,
) -> Created<ReplayAnswer> {
    let since = required("since", body.time("since")?)?;
    let plan = read_plan(&mut body)?;
    body.finish()?;
    let plan = ReplayPlan { to: None, ..plan };
    let dead = ReplayFilter {
        state: Some(DeliveryState::Dead),
        endpoint: Some(id),
        since: Some(since),
        ..ReplayFilter::default()
    };
    let now = ambient::now();
    // What was never attempted comes first, so that the dead letters among it count once.
    let missed = ReplayFilter { never_attempted: true, ..dead };
    let missed = api.state.store.replay_many(project, missed, plan, now).await?;
    let dead = api.state.store.replay_many(project, dead, plan, now).await?;
    Ok((
        StatusCode::ACCEPTED,
        Json(ReplayAnswer {
            count: missed.count + dead.count,
            has_more: missed.has_more || dead.has_more,
            dry_run: plan.dry_run,
        }),
    ))
}

/// Since when to recover, and how fast.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `recover` reads it")]
pub(crate) struct RecoverBody {
    /// Alerts at or after this time.
    #[schema(format = DateTime)]
    since: String,
    /// How many in a second.
    #[schema(minimum = 1, maximum = 1000, default = 20)]
    per_second: Option<u32>,
    /// Only count. A dead letter without an attempt is counted twice then.
    dry_run: Option<bool>,
}

fn read_plan(body: &mut Fields) -> Result<ReplayPlan, FieldError> {
    let per_second = body.integer("per_second", PER_SECOND_MAX)?;
    if per_second == Some(0) {
        return Err(body.invalid("per_second", format!("must be a whole number from 1 to {PER_SECOND_MAX}")));
    }
    Ok(ReplayPlan {
        to: None,
        per_second: per_second.and_then(|number| u32::try_from(number).ok()).unwrap_or(PER_SECOND_DEFAULT),
        dry_run: body.boolean("dry_run")?.unwrap_or(false),
    })
}

async fn replayed(api: &Shared, project: ProjectId, filter: ReplayFilter, mut body: Fields) -> Created<ReplayAnswer> {
    let to = body.parsed("to", "the id of a webhook (`whe_…`)")?;
    let plan = ReplayPlan { to, ..read_plan(&mut body)? };
    body.finish()?;
    let Replayed { count, has_more } = api.state.store.replay_many(project, filter, plan, ambient::now()).await?;
    Ok((StatusCode::ACCEPTED, Json(ReplayAnswer { count, has_more, dry_run: plan.dry_run })))
}

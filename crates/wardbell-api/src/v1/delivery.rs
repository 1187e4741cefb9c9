//! Deliveries and their attempts, to read and to replay.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use wardbell_core::id::DeliveryId;
use wardbell_store::outbox::{Attempt, AttemptPhases, Delivery, DeliveryFilter, DeliveryState};
use wardbell_telemetry::ambient;

use super::list::{self, List, PageParams};
use super::openapi::{BodyRefusals, Refusals};
use super::{Answer, Created};
use crate::Shared;
use crate::error::ApiError;
use crate::extract::{InProject, Named, OptionalBody, Query};

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
        let Delivery { id, alert, endpoint, project: _, state, attempts, next_at, reason, created_at, finished_at } =
            delivery;
        Self {
            id: id.to_string(),
            webhook_id: id.webhook_id().to_string(),
            alert_id: alert.to_string(),
            endpoint_id: endpoint.to_string(),
            state: state.as_str(),
            attempt_count: attempts,
            next_attempt_at: next_at.map(list::time),
            reason,
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
        endpoint: list::parsed(&mut query, "endpoint", "the id of a webhook (`whe_…`)")?,
        alert: list::parsed(&mut query, "alert", "the id of an alert (`alr_…`)")?,
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

/// Makes a finished delivery due again, with a fresh count of attempts and the same `webhook_id`.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/deliveries/{delivery}/replay", tag = "deliveries",
    operation_id = "replay_delivery",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("delivery" = String, Path, description = "The delivery's id")
    ),
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
    OptionalBody(body): OptionalBody,
) -> Created<DeliveryAnswer> {
    body.finish()?;
    let (delivery, _) = api.state.store.delivery(project, id).await?;
    if delivery.state == DeliveryState::Pending {
        return Err(ApiError::Conflict {
            message: "the delivery is pending already",
            hint: "wait until it is delivered or dead",
        });
    }
    api.state.store.replay(project, id, ambient::now()).await?;
    let (delivery, _) = api.state.store.delivery(project, id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}

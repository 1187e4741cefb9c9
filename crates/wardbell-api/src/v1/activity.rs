//! The activity log, to read. It never holds text.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use wardbell_core::entity::EntityType;
use wardbell_core::id::RequestId;
use wardbell_core::money::Usd;
use wardbell_core::outcome::Outcome;
use wardbell_store::activity::{ActivityFilter, ActivityRow, VerdictGroup};

use super::Answer;
use super::list::{self, List, PageParams};
use super::openapi::Refusals;
use crate::Shared;
use crate::extract::{InProject, Query};

/// What is remembered of a request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActivityAnswer {
    /// The request's id.
    id: String,
    /// The well-formed `X-Request-Id` that the caller sent.
    caller_request_id: Option<String>,
    /// When it arrived.
    #[schema(format = DateTime)]
    time: String,
    /// The key that it was made with.
    key_id: String,
    /// The surface that took it.
    #[schema(example = "chat.completions")]
    surface: String,
    /// The model that the caller asked for; empty if it did not get that far.
    model: String,
    /// The provider; empty if it did not get that far.
    provider: String,
    /// What the guards decided.
    #[schema(example = "block_pii")]
    verdict: String,
    /// How it ended.
    #[schema(example = "refused")]
    outcome: String,
    /// The status that the caller got; null while the request is under way.
    status: Option<u16>,
    /// The entity types found.
    entity_types: Vec<String>,
    /// How many findings there were.
    violation_count: u32,
    /// The highest injection score.
    #[schema(minimum = 0, maximum = 1)]
    injection_score: f32,
    /// Whether the answer was a stream.
    streamed: bool,
    /// From the first byte in to the last byte out, in milliseconds.
    latency_ms: f64,
    /// Time in detectors, in milliseconds.
    detect_ms: f64,
    /// Time to the provider's first byte, in milliseconds.
    upstream_ms: f64,
    /// What Wardbell itself took, in milliseconds: everything but the wait for the provider.
    own_ms: f64,
    /// Tokens of the prompt, if the provider told.
    input_tokens: Option<u64>,
    /// Tokens of the answer, if the provider told.
    output_tokens: Option<u64>,
    /// What it cost in US dollars, if its price and usage are known, or money of a budget was held for it.
    cost_usd: Option<f64>,
    /// The version of the policy that decided.
    policy_version: u32,
}

impl From<ActivityRow> for ActivityAnswer {
    fn from(row: ActivityRow) -> Self {
        let ActivityRow {
            request,
            caller_request,
            at,
            project: _,
            key,
            surface,
            model,
            provider,
            verdict,
            outcome,
            status,
            entity_types,
            violation_count,
            injection_score,
            streamed,
            latency,
            detect_latency,
            upstream_latency,
            own_latency,
            input_tokens,
            output_tokens,
            cost,
            policy_version,
        } = row;
        Self {
            id: request.to_string(),
            caller_request_id: caller_request,
            time: list::time(at),
            key_id: key.to_string(),
            surface,
            model,
            provider,
            verdict,
            outcome,
            status: Some(status).filter(|status| *status != 0),
            entity_types,
            violation_count,
            injection_score,
            streamed,
            latency_ms: list::millis(latency),
            detect_ms: list::millis(detect_latency),
            upstream_ms: list::millis(upstream_latency),
            own_ms: list::millis(own_latency),
            input_tokens,
            output_tokens,
            cost_usd: cost.map(Usd::as_dollars),
            policy_version,
        }
    }
}

/// Which requests are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for the OpenAPI document; `list` reads it")]
pub(crate) struct ActivityParams {
    /// Only with such a verdict: `blocked`, `redacted`, `observed` or `clean`.
    verdict: Option<String>,
    /// Only with this outcome: `in_flight`, `served`, `refused`, `upstream_failed` or `abandoned`.
    outcome: Option<String>,
    /// Only by this key (`key_…`).
    key: Option<String>,
    /// Only for this model, as the caller wrote it.
    model: Option<String>,
    /// Only on this surface, such as `chat.completions`.
    surface: Option<String>,
    /// Only where this entity type was found.
    entity: Option<String>,
    /// Only with this id: ours, or the caller's `X-Request-Id`.
    request: Option<String>,
    /// Only at or after this time.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Only before this time.
    #[param(format = DateTime)]
    until: Option<String>,
}

/// Lists a project's requests, newest first.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/activity", tag = "activity", operation_id = "list_activity",
    params(("project" = String, Path, description = "The project's id"), ActivityParams, PageParams),
    responses((status = 200, description = "Requests", body = List<ActivityAnswer>), Refusals)
)]
pub(super) async fn list(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(mut query): Query,
) -> Answer<List<ActivityAnswer>> {
    let filter = ActivityFilter {
        verdict: query.word("verdict", VerdictGroup::ALL, VerdictGroup::as_str)?,
        outcome: query.word("outcome", &Outcome::ALL, Outcome::as_str)?,
        key: query.parsed("key", "the id of a key (`key_…`)")?,
        model: query.text("model")?,
        surface: query.text("surface")?,
        entity: query.word("entity", EntityType::ALL, EntityType::as_str)?,
        request: query.text("request")?,
        since: query.time("since")?,
        until: query.time("until")?,
    };
    let page = list::records::<RequestId>(query)?;
    Ok(Json(List::of_page(api.state.store.activity(project, filter, page).await?, ActivityAnswer::from)))
}

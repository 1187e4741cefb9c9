//! The activity log, to read. It never holds text.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::id::RequestId;
use wardbell_core::money::Usd;
use wardbell_store::activity::ActivityRow;

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
            input_tokens,
            output_tokens,
            cost_usd: cost.map(Usd::as_dollars),
            policy_version,
        }
    }
}

/// Lists a project's requests, newest first.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/activity", tag = "activity", operation_id = "list_activity",
    params(("project" = String, Path, description = "The project's id"), PageParams),
    responses((status = 200, description = "Requests", body = List<ActivityAnswer>), Refusals)
)]
pub(super) async fn list(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(query): Query,
) -> Answer<List<ActivityAnswer>> {
    let page = list::records::<RequestId>(query)?;
    Ok(Json(List::of_page(api.state.store.activity(project, page).await?, ActivityAnswer::from)))
}

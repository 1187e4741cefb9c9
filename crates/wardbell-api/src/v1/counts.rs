//! Requests over time, and what was seen most.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use wardbell_core::id::ProjectId;
use wardbell_core::money::Usd;
use wardbell_store::counts::{Counts, CountsOverTime, CountsQuery, Top};
use wardbell_telemetry::ambient;

use super::Answer;
use super::list;
use super::openapi::Refusals;
use crate::Shared;
use crate::error::ApiError;
use crate::extract::Query;

/// A time that ends now, and how long a point of it lasts: 60 to 96 points, or 15 of a quarter of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    name: &'static str,
    length: Duration,
    step: Duration,
}

const RANGES: &[Range] = &[
    Range { name: "15m", length: Duration::from_mins(15), step: Duration::from_mins(1) },
    Range { name: "1h", length: Duration::from_hours(1), step: Duration::from_mins(1) },
    Range { name: "6h", length: Duration::from_hours(6), step: Duration::from_mins(5) },
    Range { name: "24h", length: Duration::from_hours(24), step: Duration::from_mins(15) },
    Range { name: "7d", length: Duration::from_hours(7 * 24), step: Duration::from_hours(2) },
    Range { name: "30d", length: Duration::from_hours(30 * 24), step: Duration::from_hours(8) },
];

/// The range unless the caller says.
const RANGE_DEFAULT: Range = RANGES[1];

/// Requests over time, and what was seen most in that time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountsAnswer {
    /// The range.
    #[schema(example = "1h")]
    range: &'static str,
    /// How long a point lasts.
    step_seconds: u64,
    /// All points together.
    total: PointAnswer,
    /// A point for each step, oldest first, without gaps; the last one is not over.
    points: Vec<PointAnswer>,
    /// Entity types.
    entity_types: Vec<TopAnswer>,
    /// Keys, by id.
    keys: Vec<TopAnswer>,
    /// Models.
    models: Vec<TopAnswer>,
}

/// What happened in a step: requests that came in it and have ended.
#[derive(Debug, Serialize, ToSchema)]
struct PointAnswer {
    /// When it began.
    #[schema(format = DateTime)]
    time: String,
    /// All requests.
    requests: u64,
    /// Those that a guard stopped.
    blocked: u64,
    /// Those of which something was cut out.
    redacted: u64,
    /// Those with a prompt injection in them.
    injections: u64,
    /// Those whose provider could not be reached or broke off.
    upstream_failed: u64,
    /// What they cost, where that is known.
    spent_usd: f64,
    /// What Wardbell itself took for one, on average; null where there was none.
    own_ms: Option<f64>,
}

/// What was seen often.
#[derive(Debug, Serialize, ToSchema)]
struct TopAnswer {
    /// What.
    name: String,
    /// In how many requests.
    requests: u64,
    /// What these cost, where that is known.
    spent_usd: f64,
}

impl From<Counts> for PointAnswer {
    fn from(counts: Counts) -> Self {
        let Counts { at, requests, blocked, redacted, injections, failed, cost, own } = counts;
        let mean = u32::try_from(requests).ok().and_then(|requests| own.checked_div(requests));
        Self {
            time: list::time(at),
            requests,
            blocked,
            redacted,
            injections,
            upstream_failed: failed,
            spent_usd: cost.as_dollars(),
            own_ms: mean.map(list::millis),
        }
    }
}

impl From<Top> for TopAnswer {
    fn from(top: Top) -> Self {
        let Top { name, requests, cost } = top;
        Self { name, requests, spent_usd: Usd::as_dollars(cost) }
    }
}

/// Which counts are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query for the OpenAPI document; `show` reads it")]
pub(crate) struct CountsParams {
    /// Only of this project (`proj_…`).
    project: Option<String>,
    /// How far back: `15m`, `1h` (the default), `6h`, `24h`, `7d` or `30d`.
    range: Option<String>,
}

/// Counts requests over time: how many came, were stopped, were changed, and what they cost; and the entity types, keys
/// and models seen most. Exact for requests that have ended.
#[utoipa::path(
    get, path = "/api/v1/counts", tag = "activity", operation_id = "get_counts", params(CountsParams),
    responses((status = 200, description = "Counts", body = CountsAnswer), Refusals)
)]
pub(super) async fn show(State(api): State<Shared>, Query(mut query): Query) -> Answer<CountsAnswer> {
    let project: Option<ProjectId> = query.parsed("project", "the id of a project (`proj_…`)")?;
    let range = query.word("range", RANGES, |range| range.name)?.unwrap_or(RANGE_DEFAULT);
    query.finish()?;
    if project.is_some_and(|project| !api.state.directory.current().projects.contains_key(&project)) {
        return Err(ApiError::NotFound("project"));
    }
    let Range { name, length, step } = range;
    let until = ambient::now();
    let query = CountsQuery { project, since: until.before(length.saturating_sub(step)), until, step };
    let CountsOverTime { points, entities, keys, models } = api.state.store.counts(query).await?;
    let total = points.iter().copied().reduce(Counts::plus).unwrap_or_default();
    let tops = |tops: Vec<Top>| tops.into_iter().map(TopAnswer::from).collect();
    Ok(Json(CountsAnswer {
        range: name,
        step_seconds: step.as_secs(),
        total: total.into(),
        points: points.into_iter().map(PointAnswer::from).collect(),
        entity_types: tops(entities),
        keys: tops(keys),
        models: tops(models),
    }))
}

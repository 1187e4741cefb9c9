//! Silences and mute windows: who holds back which alerts, when, and why.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;
use wardbell_core::alert::Severity;
use wardbell_core::id::{ProjectId, SilenceId};
use wardbell_core::time::Timestamp;
use wardbell_store::endpoint::Events;
use wardbell_store::error::StoreError;
use wardbell_store::silence::{Matcher, Period, SILENCE_MAX, Silence, Weekly};
use wardbell_telemetry::ambient;

use super::list::{self, List, PageParams};
use super::openapi::{BodyRefusals, Refusals};
use super::webhook_body::FilterAnswer;
use super::webhook_settings::{EVERY_KIND, SEVERITIES, read_events, read_filter_fields};
use super::{Answer, Created, Done};
use crate::Shared;
use crate::error::{ApiError, FieldError};
use crate::extract::{Body, InProject, Named, Query};
use crate::fields::{Fields, required};

/// The longest author and reason, in characters.
const TEXT_CHARS_MAX: usize = 200;

/// The most days of a mute window.
const DAYS_MAX: usize = 7;

/// A silence.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SilenceAnswer {
    /// Its id.
    id: String,
    /// Who made it.
    author: String,
    /// Why.
    reason: String,
    /// Only on the way to this webhook; null is every webhook that folds alerts.
    webhook: Option<String>,
    /// The kinds that it holds back; `*` is every kind.
    events: Vec<String>,
    /// The highest severity that it holds back; null is every one.
    severity_max: Option<&'static str>,
    /// Models, keys and entity types that it holds back.
    #[serde(flatten)]
    filter: FilterAnswer,
    /// When it begins, if it holds once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    starts_at: Option<String>,
    /// When it ends, if it holds once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    ends_at: Option<String>,
    /// When it holds every week.
    #[serde(skip_serializing_if = "Option::is_none")]
    weekly: Option<WeeklyAnswer>,
    /// Whether it holds now.
    active: bool,
    /// Whether it will never hold again.
    over: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

/// A mute window.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WeeklyAnswer {
    /// Days on which it begins.
    days: Vec<String>,
    /// When it begins, in its time zone.
    from: String,
    /// When it ends; not later than `from` is on the next day.
    to: String,
    /// An IANA time zone.
    time_zone: String,
    /// When it is no longer kept.
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<Silence> for SilenceAnswer {
    fn from(silence: Silence) -> Self {
        let now = ambient::now();
        let Silence { id, project: _, author, reason, created_at, matcher, period } = silence;
        let Matcher { endpoint, events, severity_max, filter } = matcher;
        let (active, over) = (period.until(now).is_some(), period.is_over(now));
        let moment = |millis| list::time(Timestamp::from_millis(millis));
        let (starts_at, ends_at, weekly) = match period {
            Period::Once { starts_at, ends_at } => (Some(moment(starts_at)), Some(moment(ends_at)), None),
            Period::Weekly(Weekly { days, from, to, time_zone, expires_at }) => {
                let expires_at = moment(expires_at);
                (None, None, Some(WeeklyAnswer { days, from, to, time_zone, expires_at }))
            }
        };
        Self {
            id: id.to_string(),
            author,
            reason,
            webhook: endpoint.map(|endpoint| endpoint.to_string()),
            events: if events.is_empty() { vec![EVERY_KIND.to_owned()] } else { events },
            severity_max: severity_max.map(Severity::as_str),
            filter: filter.into(),
            starts_at,
            ends_at,
            weekly,
            active,
            over,
            created_at: list::time(created_at),
        }
    }
}

/// A new silence. It holds once (`ends_at` or `duration_seconds`) or every week.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `create` reads it")]
pub(crate) struct NewSilence {
    /// Who makes it.
    #[schema(max_length = 200)]
    author: String,
    /// Why.
    #[schema(max_length = 200)]
    reason: String,
    /// Only on the way to this webhook (`whe_…`). Without it, webhooks that get every alert on its own still get them.
    webhook: Option<String>,
    /// Kinds, families such as `dlp.*`, or `["*"]`.
    events: Option<Vec<String>>,
    /// The highest severity that is held back.
    #[schema(pattern = "^(low|medium|high|critical)$")]
    severity_max: Option<String>,
    /// Models; `*` stands for any run of characters.
    models: Option<Vec<String>>,
    /// Ids of keys.
    keys: Option<Vec<String>>,
    /// Entity types.
    entity_types: Option<Vec<String>>,
    /// When it begins; now if it is left out.
    #[schema(format = DateTime)]
    starts_at: Option<String>,
    /// When it ends.
    #[schema(format = DateTime)]
    ends_at: Option<String>,
    /// How long it holds, in place of `ends_at`.
    duration_seconds: Option<u64>,
    /// When it holds every week.
    weekly: Option<NewWeekly>,
}

/// A new mute window.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `create` reads it")]
pub(crate) struct NewWeekly {
    /// Days on which it begins: `mon` to `sun`.
    days: Vec<String>,
    /// When it begins, `HH:MM` in its time zone.
    from: String,
    /// When it ends, `HH:MM`; not later than `from` is on the next day.
    to: String,
    /// An IANA time zone, such as `Europe/Berlin`.
    time_zone: String,
    /// When it is no longer kept; at most a year from now.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Makes a silence or a mute window. What it holds back is told as one message when it ends.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/silences", tag = "silences", operation_id = "create_silence",
    params(("project" = String, Path, description = "The project's id")), request_body = NewSilence,
    responses((status = 201, description = "The silence", body = SilenceAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn create(
    State(api): State<Shared>,
    InProject(project): InProject,
    Body(mut body): Body,
) -> Created<SilenceAnswer> {
    let now = ambient::now();
    let silence = read(&mut body, project, now)?;
    body.finish()?;
    if let Some(endpoint) = silence.matcher.endpoint {
        api.state.store.endpoint(project, endpoint).await?;
    }
    let answer = SilenceAnswer::from(silence.clone());
    api.state.store.create_silence(silence).await.map_err(|error| match error {
        StoreError::LimitReached { max, .. } => ApiError::LimitReached {
            message: format!("this project has {max} silences, which is the limit"),
            hint: "remove those that are over",
        },
        other => ApiError::from(other),
    })?;
    Ok((StatusCode::CREATED, Json(answer)))
}

fn read(body: &mut Fields, project: ProjectId, now: Timestamp) -> Result<Silence, FieldError> {
    let author = read_text(body, "author")?;
    let reason = read_text(body, "reason")?;
    let endpoint = body.parsed("webhook", "the id of a webhook (`whe_…`)")?;
    let events = match read_events(body)? {
        None | Some(Events::All) => Vec::new(),
        Some(Events::Only(patterns)) => patterns.iter().map(|pattern| pattern.name()).collect(),
    };
    let severity_max = body.word("severity_max", SEVERITIES, Severity::as_str)?;
    let filter = read_filter_fields(body)?;
    let period = read_period(body, now)?;
    Ok(Silence {
        id: SilenceId::mint(now, ambient::entropy()),
        project,
        author,
        reason,
        created_at: now,
        matcher: Matcher { endpoint, events, severity_max, filter },
        period,
    })
}

fn read_text(body: &mut Fields, name: &'static str) -> Result<String, FieldError> {
    let text = required(name, body.text(name)?)?;
    let is_good =
        !text.trim().is_empty() && text.chars().count() <= TEXT_CHARS_MAX && !text.chars().any(char::is_control);
    if is_good {
        Ok(text)
    } else {
        Err(body.invalid(name, format!("must be one line of 1 to {TEXT_CHARS_MAX} characters")))
    }
}

fn read_period(body: &mut Fields, now: Timestamp) -> Result<Period, FieldError> {
    let starts_at = body.time("starts_at")?;
    let ends_at = body.time("ends_at")?;
    let duration = body.integer("duration_seconds", SILENCE_MAX.as_secs())?;
    let latest = now.after(SILENCE_MAX);
    if let Some(mut weekly) = body.object("weekly")? {
        if starts_at.is_some() || ends_at.is_some() || duration.is_some() {
            return Err(body.invalid("weekly", "cannot be given with starts_at, ends_at or duration_seconds"));
        }
        let days = required("weekly.days", weekly.texts("days", DAYS_MAX)?)?;
        let mut text = |name: &'static str| -> Result<String, FieldError> {
            let field = weekly.path(name);
            required(&field, weekly.text(name)?)
        };
        let (from, to, time_zone) = (text("from")?, text("to")?, text("time_zone")?);
        let expires_at: Timestamp = required("weekly.expires_at", weekly.time("expires_at")?)?;
        if expires_at <= now || expires_at > latest {
            return Err(weekly.invalid("expires_at", "must be in the future and at most a year away"));
        }
        weekly.finish()?;
        let period = Period::Weekly(Weekly { days, from, to, time_zone, expires_at: expires_at.as_millis() });
        period.check().map_err(|wrong| FieldError::invalid("weekly", format!("cannot be kept: {wrong}")))?;
        return Ok(period);
    }
    let starts_at = starts_at.unwrap_or(now);
    let ends_at = match (ends_at, duration) {
        (Some(ends_at), None) => ends_at,
        (None, Some(seconds)) => starts_at.after(Duration::from_secs(seconds)),
        (Some(_), Some(_)) => {
            return Err(body.invalid("duration_seconds", "cannot be given with ends_at"));
        }
        (None, None) => return Err(body.invalid("ends_at", "or duration_seconds or weekly must be given")),
    };
    if ends_at <= starts_at || ends_at <= now {
        return Err(body.invalid("ends_at", "must be after the beginning, and in the future"));
    }
    if ends_at > latest {
        return Err(body.invalid("ends_at", "must be at most a year away"));
    }
    Ok(Period::Once { starts_at: starts_at.as_millis(), ends_at: ends_at.as_millis() })
}

/// Lists a project's silences, oldest first; those that are over stay until they are removed.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/silences", tag = "silences", operation_id = "list_silences",
    params(("project" = String, Path, description = "The project's id"), PageParams),
    responses((status = 200, description = "Silences", body = List<SilenceAnswer>), Refusals)
)]
pub(super) async fn list(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(query): Query,
) -> Answer<List<SilenceAnswer>> {
    let page = list::settings::<SilenceId>(query)?;
    let silences = api.state.store.silences(project).await?;
    Ok(Json(List::of_settings(silences, &page, |silence| silence.id.to_string(), SilenceAnswer::from)))
}

/// Removes a silence; what it held back is told now.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}/silences/{silence}", tag = "silences", operation_id = "delete_silence",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("silence" = String, Path, description = "The silence's id")
    ),
    responses((status = 204, description = "It is gone"), Refusals)
)]
pub(super) async fn remove(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<SilenceId>,
) -> Done {
    api.state.store.delete_silence(project, id, ambient::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Alerts, to read.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use wardbell_core::alert::{Alert, AlertData, AlertKind, DlpAction, DlpData, TestData};
use wardbell_core::entity::EntityType;
use wardbell_core::id::AlertId;
use wardbell_store::outbox::AlertFilter;

use super::Answer;
use super::list::{self, List, PageParams};
use super::openapi::Refusals;
use crate::Shared;
use crate::extract::{InProject, Named, Query};

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertAnswer {
    /// Its id.
    id: String,
    /// The project.
    project_id: String,
    /// The request that caused it: ours, or the caller's own `X-Request-Id`.
    request_id: String,
    /// What happened.
    #[schema(example = "dlp.pii_blocked")]
    kind: &'static str,
    /// How urgent it is.
    severity: &'static str,
    /// When it happened.
    #[schema(format = DateTime)]
    time: String,
    /// The particulars, by kind.
    data: AlertDataAnswer,
}

/// The particulars of an alert.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum AlertDataAnswer {
    /// Of the `dlp.*` kinds.
    Dlp(DlpDataAnswer),
    /// Of `webhook.test`.
    Test(TestDataAnswer),
}

/// The particulars of a `dlp.*` alert.
#[derive(Debug, Serialize, ToSchema)]
struct DlpDataAnswer {
    /// The entity types found.
    entity_types: Vec<&'static str>,
    /// How many findings there were.
    violation_count: u32,
    /// Whether a prompt injection was among them.
    has_injection: bool,
    /// The model that the caller asked for.
    model: String,
    /// What was done: `block`, `redact` or `detect`.
    action: &'static str,
}

/// The particulars of a test alert.
#[derive(Debug, Serialize, ToSchema)]
struct TestDataAnswer {
    /// Always true.
    test: bool,
}

impl From<Alert> for AlertAnswer {
    fn from(alert: Alert) -> Self {
        let Alert { id, project, request_id, at, kind, data } = alert;
        Self {
            id: id.to_string(),
            project_id: project.to_string(),
            request_id,
            kind: kind.as_str(),
            severity: kind.severity().as_str(),
            time: list::time(at),
            data: data.into(),
        }
    }
}

impl From<AlertData> for AlertDataAnswer {
    fn from(data: AlertData) -> Self {
        match data {
            AlertData::Dlp(DlpData { entity_types, violation_count, has_injection, model, action }) => {
                Self::Dlp(DlpDataAnswer {
                    entity_types: entity_types.into_iter().map(EntityType::as_str).collect(),
                    violation_count,
                    has_injection,
                    model,
                    action: match action {
                        DlpAction::Block => "block",
                        DlpAction::Redact => "redact",
                        DlpAction::Detect => "detect",
                    },
                })
            }
            AlertData::Test(TestData { test }) => Self::Test(TestDataAnswer { test }),
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
        since: list::parsed(&mut query, "since", "an RFC 3339 time such as 2026-11-23T15:04:05Z")?,
    };
    let page = list::records::<AlertId>(query)?;
    Ok(Json(List::of_page(api.state.store.alerts(project, filter, page).await?, AlertAnswer::from)))
}

/// Shows an alert.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/alerts/{alert}", tag = "alerts", operation_id = "get_alert",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("alert" = String, Path, description = "The alert's id")
    ),
    responses((status = 200, description = "The alert", body = AlertAnswer), Refusals)
)]
pub(super) async fn show(
    State(api): State<Shared>,
    InProject(project): InProject,
    Named(id): Named<AlertId>,
) -> Answer<AlertAnswer> {
    Ok(Json(AlertAnswer::from(api.state.store.alert(project, id).await?)))
}

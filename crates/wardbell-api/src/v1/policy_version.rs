//! The versions of a project's policy: to read, and to go back to.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use wardbell_store::project::{PolicyVersion, ProjectChange};
use wardbell_telemetry::ambient;

use super::Answer;
use super::change::change;
use super::list::{self, List, PageParams};
use super::openapi::{BodyRefusals, Refusals};
use super::policy::PolicyAnswer;
use super::project::ProjectAnswer;
use crate::Shared;
use crate::error::ApiError;
use crate::extract::{Body, InProject, Query};
use crate::fields::required;

/// A policy as it was or is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionAnswer {
    /// Counted from 1.
    version: u32,
    /// When it came into force.
    #[schema(format = DateTime)]
    time: String,
    /// The policy, in full.
    policy: PolicyAnswer,
}

impl From<PolicyVersion> for VersionAnswer {
    fn from(version: PolicyVersion) -> Self {
        let PolicyVersion { version, policy, at } = version;
        Self { version, time: list::time(at), policy: policy.into() }
    }
}

/// Lists the versions of a project's policy, newest first. The cursor is a version.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/policy/versions", tag = "projects", operation_id = "list_policy_versions",
    params(("project" = String, Path, description = "The project's id"), PageParams),
    responses((status = 200, description = "Versions", body = List<VersionAnswer>), Refusals)
)]
pub(super) async fn list(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(query): Query,
) -> Answer<List<VersionAnswer>> {
    let page = list::records::<u32>(query)?;
    let before = page.cursor.and_then(|cursor| cursor.parse().ok());
    let found = api.state.store.policies(project, before, page.limit + 1).await?;
    Ok(Json(List::of_newest(found, page.limit, |version| version.version.to_string(), VersionAnswer::from)))
}

/// Which version to go back to.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `restore` reads it")]
pub(crate) struct RestoreBody {
    /// The version.
    #[schema(minimum = 1)]
    version: u32,
}

/// Puts the policy of an earlier version in force again, as a new version.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/policy/restore", tag = "projects", operation_id = "restore_policy_version",
    params(("project" = String, Path, description = "The project's id")), request_body = RestoreBody,
    responses((status = 200, description = "The project as it is now", body = ProjectAnswer), (status = 409, description = "The configuration file declares it", body = crate::error::ErrorAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn restore(
    State(api): State<Shared>,
    InProject(project): InProject,
    Body(mut body): Body,
) -> Answer<ProjectAnswer> {
    let version = required("version", body.integer("version", u64::from(u32::MAX))?)?;
    body.finish()?;
    let version = u32::try_from(version).unwrap_or(u32::MAX);
    let project = change(&api, move |api| async move {
        let found = api.state.store.policies(project, Some(version.saturating_add(1)), 1).await?;
        let found = found.into_iter().find(|found| found.version == version);
        let PolicyVersion { policy, .. } = found.ok_or(ApiError::NotFound("policy version"))?;
        let change = ProjectChange { policy: Some(policy), ..ProjectChange::default() };
        Ok(api.state.store.update_project(project, change, ambient::now()).await?)
    })
    .await?;
    Ok(Json(ProjectAnswer::from(project)))
}

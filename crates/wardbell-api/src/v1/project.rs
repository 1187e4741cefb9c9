//! Projects.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::id::ProjectId;
use wardbell_core::policy::Policy;
use wardbell_store::project::{Project, ProjectChange};
use wardbell_telemetry::ambient;

use super::change::change;
use super::list::{self, List, PageParams};
use super::openapi::{BodyRefusals, Refusals};
use super::policy::{self, PolicyAnswer, PolicyBody};
use super::{Answer, Created, Done};
use crate::Shared;
use crate::error::ApiError;
use crate::extract::{Body, InProject, Query};
use crate::fields::required;

/// A project.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProjectAnswer {
    /// Its id.
    #[schema(example = "proj_0199a0d4c1c37d1f8b7c2f5f0c9d3e21")]
    id: String,
    /// Its name.
    name: String,
    /// Its policy, in full.
    policy: PolicyAnswer,
    /// 1 at first, one more at each change of the policy; activity rows name the version that decided.
    policy_version: u32,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// Whether its keys open anything.
    enabled: bool,
    /// The configuration file that declares it; only a change of that file changes its name, or removes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "wardbell.toml")]
    declared: Option<String>,
    /// The configuration file that declares its policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "wardbell.toml")]
    policy_declared: Option<String>,
}

impl From<Project> for ProjectAnswer {
    fn from(project: Project) -> Self {
        let Project { id, name, policy, policy_version, created_at, enabled, slug: _, declared, is_policy_declared } =
            project;
        Self {
            id: id.to_string(),
            name,
            policy: policy.into(),
            policy_version,
            created_at: list::time(created_at),
            enabled,
            policy_declared: declared.clone().filter(|_| is_policy_declared),
            declared,
        }
    }
}

/// A new project.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `create` reads it")]
pub(crate) struct NewProject {
    /// Its name, of 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// Its policy; what is left out has its default.
    policy: Option<PolicyBody>,
}

/// A change of a project.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `update` reads it")]
pub(crate) struct ProjectPatch {
    /// A new name, of 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// A change of the policy; what is left out stays.
    policy: Option<PolicyBody>,
    /// Whether its keys open anything.
    enabled: Option<bool>,
}

/// Makes a project.
#[utoipa::path(
    post, path = "/api/v1/projects", tag = "projects", operation_id = "create_project",
    request_body = NewProject,
    responses((status = 201, description = "The project", body = ProjectAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn create(State(api): State<Shared>, Body(mut body): Body) -> Created<ProjectAnswer> {
    let name = required("name", body.name("name")?)?;
    let policy = match body.object("policy")? {
        Some(fields) => policy::merge(fields, Policy::default())?,
        None => Policy::default(),
    };
    body.finish()?;
    let now = ambient::now();
    let id = ProjectId::mint(now, ambient::entropy());
    let project = Project {
        id,
        name,
        policy,
        policy_version: 1,
        created_at: now,
        enabled: true,
        slug: None,
        declared: None,
        is_policy_declared: false,
    };
    let answer = ProjectAnswer::from(project.clone());
    change(&api, |api| async move { Ok(api.state.store.create_project(project).await?) }).await?;
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Lists projects, oldest first.
#[utoipa::path(
    get, path = "/api/v1/projects", tag = "projects", operation_id = "list_projects", params(PageParams),
    responses((status = 200, description = "Projects", body = List<ProjectAnswer>), Refusals)
)]
pub(super) async fn list(State(api): State<Shared>, Query(query): Query) -> Answer<List<ProjectAnswer>> {
    let page = list::settings::<ProjectId>(query)?;
    let projects = api.state.store.projects().await?;
    Ok(Json(List::of_settings(projects, &page, |project| project.id.to_string(), ProjectAnswer::from)))
}

/// Shows a project.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}", tag = "projects", operation_id = "get_project",
    params(("project" = String, Path, description = "The project's id")),
    responses((status = 200, description = "The project", body = ProjectAnswer), Refusals)
)]
pub(super) async fn show(State(api): State<Shared>, InProject(id): InProject) -> Answer<ProjectAnswer> {
    Ok(Json(ProjectAnswer::from(read(&api, id).await?)))
}

/// Changes a project.
#[utoipa::path(
    patch, path = "/api/v1/projects/{project}", tag = "projects", operation_id = "update_project",
    params(("project" = String, Path, description = "The project's id")), request_body = ProjectPatch,
    responses((status = 200, description = "The project as it is now", body = ProjectAnswer), (status = 409, description = "The configuration file declares it", body = crate::error::ErrorAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn update(
    State(api): State<Shared>,
    InProject(id): InProject,
    Body(mut body): Body,
) -> Answer<ProjectAnswer> {
    let name = body.name("name")?;
    let fields = body.object("policy")?;
    let enabled = body.boolean("enabled")?;
    body.finish()?;
    let project = change(&api, move |api| async move {
        // Read within the turn: another change may have come before this one.
        let present = read(&api, id).await?;
        let policy = match fields {
            Some(fields) => Some(policy::merge(fields, present.policy.clone())?),
            None => None,
        };
        // A change to the same is none: it makes no new version.
        let policy = policy.filter(|policy| *policy != present.policy);
        Ok(api.state.store.update_project(id, ProjectChange { name, policy, enabled }, ambient::now()).await?)
    })
    .await?;
    Ok(Json(ProjectAnswer::from(project)))
}

/// Removes a project with its keys, providers and webhooks.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}", tag = "projects", operation_id = "delete_project",
    params(("project" = String, Path, description = "The project's id")),
    responses((status = 204, description = "It is gone"), (status = 409, description = "The configuration file declares it", body = crate::error::ErrorAnswer), Refusals)
)]
pub(super) async fn remove(State(api): State<Shared>, InProject(id): InProject) -> Done {
    change(&api, move |api| async move { Ok(api.state.store.delete_project(id, ambient::now()).await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn read(api: &Shared, id: ProjectId) -> Result<Project, ApiError> {
    let projects = api.state.store.projects().await?;
    projects.into_iter().find(|project| project.id == id).ok_or(ApiError::NotFound("project"))
}

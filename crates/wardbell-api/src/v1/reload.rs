//! Reading the configuration anew.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Answer;
use super::openapi::{BodyRefusals, Refusals};
use crate::Shared;
use crate::error::ApiError;
use crate::extract::OptionalBody;
use crate::{ReloadError, Reloaded};

/// What a reload changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReloadAnswer {
    /// Settings that have another value from now on. Requests under way end with the one before.
    #[schema(example = json!(["limits.body_bytes_max"]))]
    applied: Vec<String>,
    /// Settings that have another value in the file or the environment, and will have it after a restart.
    #[schema(example = json!(["listen"]))]
    needs_restart: Vec<String>,
    /// What the file declares.
    declared: DeclaredAnswer,
}

/// What the file declares, by slug: `support` is a project, `support/oncall` a webhook of it.
#[derive(Debug, Serialize, ToSchema)]
struct DeclaredAnswer {
    /// What is new.
    created: Vec<String>,
    /// What has changed.
    updated: Vec<String>,
    /// What the file declares no more: it is switched off, and is this API's from now on.
    disabled: Vec<String>,
}

/// Reads the configuration file and the environment anew, as SIGHUP does. All of it is checked before any of it is in force.
#[utoipa::path(
    post, path = "/api/v1/reload", tag = "configuration", operation_id = "reload_configuration",
    responses(
        (status = 200, description = "What changed", body = ReloadAnswer),
        (status = 422, description = "The configuration has problems: what was in force stays", body = crate::error::ErrorAnswer),
        Refusals, BodyRefusals
    )
)]
pub(super) async fn reload(State(api): State<Shared>, OptionalBody(body): OptionalBody) -> Answer<ReloadAnswer> {
    body.finish()?;
    // In a task of its own: a caller who hangs up leaves no half of it.
    let task = tokio::spawn(async move { api.state.reload.reload().await });
    let Reloaded { applied, needs_restart, created, updated, disabled } = match task.await {
        Ok(Ok(reloaded)) => reloaded,
        Ok(Err(ReloadError::Invalid(problems))) => return Err(ApiError::BadConfiguration(problems)),
        Ok(Err(ReloadError::Store(error))) => return Err(ApiError::Store(error)),
        Ok(Err(ReloadError::NotInForce(error))) => return Err(ApiError::NotInForce(error)),
        Err(_) => return Err(ApiError::Interrupted),
    };
    Ok(Json(ReloadAnswer { applied, needs_restart, declared: DeclaredAnswer { created, updated, disabled } }))
}

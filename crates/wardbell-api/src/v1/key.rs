//! Keys that callers present to the gateway.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::budget::{ALERT_AT_DEFAULT, Scope};
use wardbell_core::id::KeyId;
use wardbell_core::money::Usd;
use wardbell_core::time::Timestamp;
use wardbell_store::budget::{BudgetChange, Sum};
use wardbell_store::key::{self, Key, KeyHash};
use wardbell_telemetry::ambient;

use super::change::change;
use super::list::{self, List, PageParams};
use super::openapi::{BodyRefusals, Refusals};
use super::{Answer, Created, Done};
use crate::Shared;
use crate::extract::{Body, InProject, Named, Query};
use crate::fields::required;

/// A key as it is listed; the key itself is not kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyAnswer {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// The end user that it was made for.
    user_id: Option<String>,
    /// Its first characters.
    hint: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When a request with it last ended; null if none has.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

/// A key as it is made: the only time that it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewKeyAnswer {
    /// The key. Keep it: it is not shown again.
    #[schema(pattern = "^wb_[A-Za-z0-9_-]{43}$")]
    key: String,
    /// What is kept of it.
    #[serde(flatten)]
    kept: KeyAnswer,
}

impl From<Key> for KeyAnswer {
    fn from(key: Key) -> Self {
        let Key { id, project: _, name, user_id, hint, created_at } = key;
        Self { id: id.to_string(), name, user_id, hint, created_at: list::time(created_at), last_used_at: None }
    }
}

/// A new key.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `create` reads it")]
pub(crate) struct NewKey {
    /// Its name, of 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The end user that it is made for.
    #[schema(min_length = 1, max_length = 200)]
    user_id: Option<String>,
    /// What it may spend, until the balance of `key:<id>` is topped up. At most 9 decimals.
    #[schema(minimum = 0)]
    budget_usd: Option<f64>,
}

/// Makes a key and shows it, once.
#[utoipa::path(
    post, path = "/api/v1/projects/{project}/keys", tag = "keys", operation_id = "create_key",
    params(("project" = String, Path, description = "The project's id")), request_body = NewKey,
    responses((status = 201, description = "The key", body = NewKeyAnswer), Refusals, BodyRefusals)
)]
pub(super) async fn create(
    State(api): State<Shared>,
    InProject(project): InProject,
    Body(mut body): Body,
) -> Created<NewKeyAnswer> {
    let name = required("name", body.name("name")?)?;
    let user_id = body.name("user_id")?;
    let budget = body.amount("budget_usd")?;
    body.finish()?;
    let text = key::generate();
    let now = ambient::now();
    let key = Key {
        id: KeyId::mint(now, ambient::entropy()),
        project,
        name,
        user_id,
        hint: key::hint(&text),
        created_at: now,
    };
    let hash = KeyHash::of(text.reveal());
    let kept = KeyAnswer::from(key.clone());
    change(&api, move |api| async move {
        // First the budget: the key never opens anything without it.
        if let Some(balance) = budget {
            let (sum, alert_at) = (Sum::Balance(balance), ALERT_AT_DEFAULT.to_vec());
            let set = BudgetChange::Set { sum, minimum: Usd::ZERO, alert_at };
            api.state.store.change_budget(project, Scope::Key(key.id), set, now).await?;
        }
        Ok(api.state.store.create_key(key, hash).await?)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(NewKeyAnswer { key: text.reveal().clone(), kept })))
}

/// Lists a project's keys, oldest first.
#[utoipa::path(
    get, path = "/api/v1/projects/{project}/keys", tag = "keys", operation_id = "list_keys",
    params(("project" = String, Path, description = "The project's id"), PageParams),
    responses((status = 200, description = "Keys", body = List<KeyAnswer>), Refusals)
)]
pub(super) async fn list(
    State(api): State<Shared>,
    InProject(project): InProject,
    Query(query): Query,
) -> Answer<List<KeyAnswer>> {
    let page = list::settings::<KeyId>(query)?;
    let keys = api.state.store.keys(project).await?;
    let used: HashMap<KeyId, Timestamp> = api.state.store.keys_last_used(project).await?.into_iter().collect();
    let show = |key: Key| {
        let last_used_at = used.get(&key.id).copied().map(list::time);
        KeyAnswer { last_used_at, ..KeyAnswer::from(key) }
    };
    Ok(Json(List::of_settings(keys, &page, |key| key.id.to_string(), show)))
}

/// Revokes a key. It opens nothing from the moment of the answer.
#[utoipa::path(
    delete, path = "/api/v1/projects/{project}/keys/{key}", tag = "keys", operation_id = "delete_key",
    params(
        ("project" = String, Path, description = "The project's id"),
        ("key" = String, Path, description = "The key's id")
    ),
    responses((status = 204, description = "It is gone"), Refusals)
)]
pub(super) async fn remove(State(api): State<Shared>, InProject(project): InProject, Named(id): Named<KeyId>) -> Done {
    change(&api, move |api| async move { Ok(api.state.store.delete_key(project, id).await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

//! Version 1 of the API: its table of calls, and what they share.

use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::middleware;
use axum::routing::{MethodRouter, delete, get, post};
use axum::{Json, Router};

use crate::error::ApiError;
use crate::{Shared, auth};

pub(crate) mod activity;
pub(crate) mod alert;
pub(crate) mod budget;
pub(crate) mod change;
pub(crate) mod counts;
pub(crate) mod delivery;
pub(crate) mod event;
pub(crate) mod key;
pub(crate) mod list;
pub(crate) mod openapi;
pub(crate) mod policy;
pub(crate) mod policy_version;
pub(crate) mod project;
pub(crate) mod provider;
pub(crate) mod reload;
pub(crate) mod signing;
pub(crate) mod silence;
pub(crate) mod test_limit;
pub(crate) mod trial;
pub(crate) mod webhook;
pub(crate) mod webhook_body;
pub(crate) mod webhook_settings;

/// Where version 1 is.
pub(crate) const PREFIX: &str = "/api/v1";

/// Every call: path below [`PREFIX`], methods, handlers. The OpenAPI document is tested against it.
fn calls() -> Vec<(&'static str, &'static [&'static str], MethodRouter<Shared>)> {
    vec![
        ("/openapi.json", &["get"], get(openapi::show)),
        ("/events", &["get"], get(event::show)),
        ("/counts", &["get"], get(counts::show)),
        ("/reload", &["post"], post(reload::reload)),
        ("/projects", &["get", "post"], get(project::list).post(project::create)),
        (
            "/projects/{project}",
            &["get", "patch", "delete"],
            get(project::show).patch(project::update).delete(project::remove),
        ),
        ("/projects/{project}/try", &["post"], post(trial::try_out)),
        ("/projects/{project}/policy/versions", &["get"], get(policy_version::list)),
        ("/projects/{project}/policy/restore", &["post"], post(policy_version::restore)),
        ("/projects/{project}/budgets", &["get"], get(budget::list)),
        (
            "/projects/{project}/budget",
            &["get", "put", "delete"],
            get(budget::show).put(budget::put).delete(budget::remove),
        ),
        ("/projects/{project}/budget/top-up", &["post"], post(budget::top_up)),
        ("/projects/{project}/budget/release", &["post"], post(budget::release)),
        ("/projects/{project}/keys", &["get", "post"], get(key::list).post(key::create)),
        ("/projects/{project}/keys/{key}", &["delete"], delete(key::remove)),
        ("/projects/{project}/providers", &["get"], get(provider::list)),
        (
            "/projects/{project}/providers/{name}",
            &["get", "put", "delete"],
            get(provider::show).put(provider::put).delete(provider::remove),
        ),
        ("/projects/{project}/providers/{name}/test", &["post"], post(provider::test)),
        ("/projects/{project}/webhooks/guess-format", &["post"], post(webhook::guess_format)),
        ("/projects/{project}/webhooks", &["get", "post"], get(webhook::list).post(webhook::create)),
        (
            "/projects/{project}/webhooks/{webhook}",
            &["get", "patch", "delete"],
            get(webhook::show).patch(webhook::update).delete(webhook::remove),
        ),
        ("/projects/{project}/webhooks/{webhook}/test", &["post"], post(webhook::test)),
        ("/projects/{project}/webhooks/{webhook}/rotate-secret", &["post"], post(signing::rotate)),
        ("/projects/{project}/webhooks/{webhook}/recover", &["post"], post(delivery::recover)),
        ("/projects/{project}/webhooks/{webhook}/matches", &["get"], get(alert::matches)),
        ("/projects/{project}/silences", &["get", "post"], get(silence::list).post(silence::create)),
        ("/projects/{project}/silences/{silence}", &["delete"], delete(silence::remove)),
        ("/projects/{project}/expunge", &["post"], post(alert::expunge)),
        ("/projects/{project}/alerts", &["get"], get(alert::list)),
        ("/projects/{project}/alerts/match", &["post"], post(alert::try_filters)),
        ("/projects/{project}/alerts/{alert}", &["get"], get(alert::show)),
        ("/projects/{project}/alerts/{alert}/allow", &["post", "delete"], post(alert::allow).delete(alert::disallow)),
        ("/projects/{project}/deliveries", &["get"], get(delivery::list)),
        ("/projects/{project}/deliveries/replay", &["post"], post(delivery::replay_many)),
        ("/projects/{project}/deliveries/{delivery}", &["get"], get(delivery::show)),
        ("/projects/{project}/deliveries/{delivery}/replay", &["post"], post(delivery::replay)),
        ("/projects/{project}/activity", &["get"], get(activity::list)),
    ]
}

/// The calls behind the guard. Its fallbacks answer below [`PREFIX`] only, so the router merges into any other.
pub(crate) fn router(api: Shared) -> Router {
    let calls = calls().into_iter().fold(Router::new(), |router, (path, _, methods)| router.route(path, methods));
    let guarded = calls
        .fallback(no_such_call)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(api.state.body_bytes_max))
        .layer(middleware::from_fn_with_state(api.clone(), auth::guard));
    let lost = no_such_call.layer(middleware::from_fn_with_state(api.clone(), auth::guard));
    // `nest` leaves out the path with nothing but a slash after the prefix.
    Router::new().nest(PREFIX, guarded).route_service("/api/v1/", lost.with_state(api.clone())).with_state(api)
}

async fn no_such_call() -> ApiError {
    ApiError::NoSuchCall
}

async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

/// An answer with a body, or the refusal.
type Answer<T> = Result<Json<T>, ApiError>;

/// An answer 201 with a body, or the refusal.
type Created<T> = Result<(http::StatusCode, Json<T>), ApiError>;

/// An answer 204, or the refusal.
type Done = Result<http::StatusCode, ApiError>;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    /// The methods told beside each path are those that the router takes, and the document has exactly these.
    #[test]
    fn the_document_lists_every_call() {
        let document: Value = serde_json::from_str(&openapi::document()).unwrap();
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())))
            .collect();
        let routed: BTreeSet<(String, String)> = calls()
            .iter()
            .flat_map(|(path, methods, _)| {
                methods.iter().map(move |method| (format!("{PREFIX}{path}"), (*method).to_owned()))
            })
            .collect();
        assert_eq!(described, routed);
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    }

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        let document: Value = serde_json::from_str(&openapi::document()).unwrap();
        let mut waiting = vec![&document];
        while let Some(value) = waiting.pop() {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(reference)) = fields.get("$ref") {
                        let pointer = reference.trim_start_matches('#');
                        assert!(document.pointer(pointer).is_some(), "{reference}");
                    }
                    waiting.extend(fields.values());
                }
                Value::Array(items) => waiting.extend(items),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
    }

    /// `axum` tells the methods of a route only in the `Allow` header, so the table names them; they must agree.
    #[test]
    fn the_table_names_the_methods_of_its_handlers() {
        for (path, methods, handlers) in calls() {
            let shown = format!("{handlers:?}");
            for method in ["get", "post", "put", "patch", "delete"] {
                let routed = !shown.contains(&format!("{method}: None"));
                assert_eq!(routed, methods.contains(&method), "{method} {path}: {shown}");
            }
        }
    }
}

//! `GET /health`: whether Wardbell can do its work, in AISG's shape (`spec/wire-aisg.md` 1.11).

use std::time::{Duration, Instant};

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;
use wardbell_store::store::Store;

/// How long the database may take to answer before it counts as unreachable.
const CHECK_TIME_MAX: Duration = Duration::from_secs(2);

/// Checks and answers: 200 when healthy, 207 when degraded.
pub(crate) async fn answer(store: &dyn Store) -> Response<Body> {
    let started = Instant::now();
    let database = match tokio::time::timeout(CHECK_TIME_MAX, store.next_due(Vec::new())).await {
        Ok(Ok(_)) => "ok",
        Ok(Err(_)) => "degraded",
        Err(_) => "unreachable",
    };
    let healthy = database == "ok";
    let body = json!({
        "status": if healthy { "healthy" } else { "degraded" },
        "checks": {"database": database},
        "providers": ["openai", "echo"],
        "version": env!("CARGO_PKG_VERSION"),
        "check_ms": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = if healthy { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    response
}

//! The live feed: the API's event stream, behind the session.

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use crate::App;
use crate::client::query;

#[derive(Deserialize)]
pub(super) struct Whose {
    #[serde(default)]
    project: String,
}

/// The event stream, as it comes from the API.
pub(super) async fn stream(State(app): State<App>, Query(Whose { project }): Query<Whose>) -> Response<Body> {
    app.api.stream(&format!("/events{}", query([("project", project.as_str())]))).await
}

//! The OpenAPI document, made from the annotations of the calls.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi};

use super::{
    activity, alert, budget, counts, delivery, event, key, policy_version, project, provider, reload, signing, silence,
    trial, webhook,
};
use crate::error::ErrorAnswer;

/// The refusals that every call may give.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the answers for the OpenAPI document; `error.rs` gives them")]
pub(crate) enum Refusals {
    /// The admin token is missing or wrong.
    #[response(status = 401)]
    Unauthenticated(ErrorAnswer),
    /// A project key does not open this API.
    #[response(status = 403)]
    Forbidden(ErrorAnswer),
    /// There is no such thing in this project.
    #[response(status = 404)]
    NotFound(ErrorAnswer),
    /// A field or parameter is unknown, missing, wrong or not available in this version, or a limit is reached.
    #[response(status = 422)]
    Field(ErrorAnswer),
    /// The store failed.
    #[response(status = 503)]
    Store(ErrorAnswer),
}

/// The refusals that a call with a body may give besides.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes the answers for the OpenAPI document; `error.rs` gives them")]
pub(crate) enum BodyRefusals {
    /// The body is not JSON, or gives a field twice.
    #[response(status = 400)]
    Malformed(ErrorAnswer),
    /// The body did not arrive in time.
    #[response(status = 408)]
    TooSlow(ErrorAnswer),
    /// The body is larger than the limit.
    #[response(status = 413)]
    TooLarge(ErrorAnswer),
    /// The body is not declared as JSON.
    #[response(status = 415)]
    NotJson(ErrorAnswer),
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Wardbell management API",
        description = "Projects, budgets, keys, providers and webhooks to set; alerts, deliveries and activity to read."
    ),
    paths(
        show,
        project::create, project::list, project::show, project::update, project::remove,
        policy_version::list, policy_version::restore, trial::try_out,
        budget::list, budget::show, budget::put, budget::remove, budget::top_up, budget::release,
        key::create, key::list, key::remove,
        provider::put, provider::list, provider::show, provider::remove, provider::test,
        webhook::create, webhook::list, webhook::show, webhook::update, webhook::remove, webhook::test, webhook::guess_format,
        signing::rotate,
        silence::create, silence::list, silence::remove,
        alert::list, alert::show, alert::matches, alert::try_filters, alert::allow, alert::disallow, alert::expunge,
        delivery::list, delivery::show, delivery::replay, delivery::replay_many, delivery::recover,
        activity::list, counts::show, event::show, reload::reload,
    ),
    modifiers(&AdminTokenScheme),
    security(("admin_token" = [])),
)]
struct Document;

struct AdminTokenScheme;

impl Modify for AdminTokenScheme {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi.components.get_or_insert_default().add_security_scheme("admin_token", scheme);
    }
}

/// The document, as indented JSON with a line end.
pub(crate) fn document() -> String {
    #[expect(clippy::expect_used, reason = "the document is plain data, and a test writes it")]
    let mut text = Document::openapi().to_pretty_json().expect("the document is plain data");
    text.push('\n');
    text
}

/// Shows this document.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "openapi", operation_id = "get_openapi",
    responses((status = 200, description = "This document", body = Object), Refusals)
)]
pub(super) async fn show() -> ([(HeaderName, HeaderValue); 1], String) {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], document())
}

//! The pages of the door: set-up, sign-in, a lost password.

use axum::Extension;
use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use serde::Deserialize;
use wardbell_telemetry::ambient;

use crate::App;
use crate::door::guard::{address, safe_next};
use crate::door::{is_tls, password};
use crate::form::Form;
use crate::page;
use crate::trouble::Trouble;

/// Where to go once signed in.
#[derive(Deserialize)]
pub(crate) struct Next {
    next: Option<String>,
}

fn problem(sentence: Option<&str>) -> Markup {
    html! { @if let Some(sentence) = sentence { p.problem role="alert" { (sentence) } } }
}

/// The two fields of a new password. The hidden name is for password managers.
fn new_password() -> Markup {
    html! {
        input type="text" name="username" value="operator" autocomplete="username" hidden;
        label.field { span { "New password" }
            input type="password" name="password" autocomplete="new-password" required minlength=(password::LENGTH_MIN) autofocus;
            small { "10 characters or more. A sentence is good." } }
        label.field { span { "The same again" }
            input type="password" name="again" autocomplete="new-password" required; }
    }
}

fn setup_form(wrong: Option<&str>) -> Markup {
    page::bare(
        "Set up Wardbell",
        &html! {
            h1 { "Set up Wardbell" }
            p.lead { "Choose the password for this dashboard. This link works until you have." }
            (problem(wrong))
            form method="post" { (new_password()) button.primary type="submit" { "Set password and sign in" } }
        },
    )
}

pub(crate) async fn setup(State(app): State<App>, Path(token): Path<String>) -> Result<Response, Trouble> {
    if app.door.store.operator_password().await?.is_some() {
        return Ok(Redirect::to("/sign-in").into_response());
    }
    if !app.door.is_setup_token(&token) {
        return Ok(stale_link());
    }
    Ok(setup_form(None).into_response())
}

fn stale_link() -> Response {
    let body = html! {
        h1 { "This link does not work" }
        p.lead { "Each start of Wardbell prints a new set-up link until a password is set. Use the newest one in the log." }
        p { a href="/forgot" { "Set a password with the admin token instead" } }
    };
    (StatusCode::FORBIDDEN, page::bare("This link does not work", &body)).into_response()
}

pub(crate) async fn set_up(
    State(app): State<App>,
    Path(token): Path<String>,
    Extension(form): Extension<Form>,
    request: Request,
) -> Result<Response, Trouble> {
    let (parts, _) = request.into_parts();
    if let Some(refused) = throttled(&app, &parts) {
        return Ok(refused);
    }
    if !app.door.is_setup_token(&token) {
        return Ok(stale_link());
    }
    if let Err(weak) = password::check(form.raw("password"), form.raw("again")) {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, setup_form(Some(weak.sentence()))).into_response());
    }
    let Some(hash) = app.door.hasher.hash(form.raw("password")).await else {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    };
    if !app.door.store.set_up_operator(hash, ambient::now()).await? {
        return Ok(Redirect::to("/sign-in").into_response());
    }
    tracing::info!("dashboard set up");
    come_in(&app, &parts, "/?said=set-up").await
}

async fn come_in(app: &App, parts: &Parts, to: &str) -> Result<Response, Trouble> {
    app.door.throttle.forget(address(&parts.extensions));
    let cookie = app.door.open(is_tls(&parts.headers)).await?;
    Ok(([(SET_COOKIE, cookie)], Redirect::to(to)).into_response())
}

fn sign_in_form(next: &str, wrong: Option<&str>) -> Markup {
    page::bare(
        "Sign in",
        &html! {
            h1 { "Sign in to Wardbell" }
            (problem(wrong))
            form method="post" action="/sign-in" {
                input type="hidden" name="next" value=(next);
                input type="text" name="username" value="operator" autocomplete="username" hidden;
                label.field { span { "Password" }
                    input type="password" name="password" autocomplete="current-password" required autofocus; }
                button.primary type="submit" { "Sign in" }
            }
            p.aside { a href="/forgot" { "Forgot the password?" } }
        },
    )
}

pub(crate) async fn sign_in(
    State(app): State<App>,
    Query(Next { next }): Query<Next>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    let next = next.unwrap_or_default();
    if app.door.signed(&headers).await?.is_some() {
        return Ok(Redirect::to(safe_next(&next)).into_response());
    }
    if app.door.store.operator_password().await?.is_none() {
        return Ok(not_set_up());
    }
    Ok(sign_in_form(&next, None).into_response())
}

fn not_set_up() -> Response {
    let body = html! {
        h1 { "Wardbell is not set up yet" }
        p.lead { "Open the set-up link that Wardbell printed when it started. It looks like this:" }
        pre { code { "http://127.0.0.1:8787/setup/…" } }
        p { "No log at hand? " a href="/forgot" { "Set the password with the admin token" } "." }
    };
    page::bare("Not set up yet", &body).into_response()
}

pub(crate) async fn signed_in(
    State(app): State<App>,
    Extension(form): Extension<Form>,
    request: Request,
) -> Result<Response, Trouble> {
    let (parts, _) = request.into_parts();
    if let Some(refused) = throttled(&app, &parts) {
        return Ok(refused);
    }
    let next = form.raw("next");
    let Some(hash) = app.door.store.operator_password().await? else { return Ok(not_set_up()) };
    if !app.door.hasher.is(form.raw("password"), hash).await {
        tracing::warn!("dashboard sign-in refused");
        return Ok((StatusCode::UNAUTHORIZED, sign_in_form(next, Some("That is not the password."))).into_response());
    }
    come_in(&app, &parts, safe_next(next)).await
}

fn throttled(app: &App, parts: &Parts) -> Option<Response> {
    let wait = app.door.throttle.take(address(&parts.extensions), ambient::now()).err()?;
    let seconds = wait.as_secs() + 1;
    let body = html! {
        h1 { "Too many tries" }
        p.lead role="alert" { "Wait " (seconds) " seconds, then go back and try again." }
        p { a.button href="/sign-in" { "Back to sign-in" } }
    };
    let retry = [(http::header::RETRY_AFTER, seconds.to_string())];
    Some((StatusCode::TOO_MANY_REQUESTS, retry, page::bare("Too many tries", &body)).into_response())
}

fn forgot_form(wrong: Option<&str>) -> Markup {
    page::bare(
        "Set a new password",
        &html! {
            h1 { "Set a new password" }
            p.lead { "The admin token proves that the server is yours. It is in the variable " code { "WARDBELL_ADMIN_TOKEN" }
                " or in the file " code { "admin-token" } " of the data folder. Every browser is signed out." }
            (problem(wrong))
            form method="post" action="/forgot" {
                label.field { span { "Admin token" } input type="password" name="token" autocomplete="off" required; }
                (new_password())
                button.primary type="submit" { "Set password and sign in" }
            }
            p.aside { a href="/sign-in" { "Back to sign-in" } }
        },
    )
}

pub(crate) async fn forgot() -> Markup {
    forgot_form(None)
}

pub(crate) async fn reset(
    State(app): State<App>,
    Extension(form): Extension<Form>,
    request: Request,
) -> Result<Response, Trouble> {
    let (parts, _) = request.into_parts();
    if let Some(refused) = throttled(&app, &parts) {
        return Ok(refused);
    }
    let wrong = if app.door.is_admin_token(form.text("token")) {
        password::check(form.raw("password"), form.raw("again")).err().map(password::Weak::sentence)
    } else {
        Some("That is not the admin token.")
    };
    if let Some(wrong) = wrong {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, forgot_form(Some(wrong))).into_response());
    }
    let Some(hash) = app.door.hasher.hash(form.raw("password")).await else {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    };
    app.door.store.set_operator_password(hash, ambient::now()).await?;
    tracing::info!("dashboard password set with the admin token");
    come_in(&app, &parts, "/?said=password-changed").await
}

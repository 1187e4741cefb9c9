//! The operator's own: the password, and the browsers that are signed in.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use maud::{Markup, html};
use wardbell_telemetry::ambient;

use super::Said;
use crate::App;
use crate::door::{Signed, is_tls, no_cookie, password};
use crate::form::Form;
use crate::page::Frame;
use crate::trouble::Trouble;

pub(crate) async fn show(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Query(Said { said }): Query<Said>,
) -> Result<Markup, Trouble> {
    let frame = Frame::new(&app, &signed).await?.at_account().say(said.as_deref());
    page(&app, &frame, None).await
}

async fn page(app: &App, frame: &Frame, wrong: Option<&str>) -> Result<Markup, Trouble> {
    let sessions = app.door.store.session_count(ambient::now()).await?;
    let body = html! {
        h1 { "Account" }
        section.panel {
            h2 { "Change password" }
            @if let Some(wrong) = wrong { p.problem role="alert" { (wrong) } }
            form.narrow method="post" action="/account/password" {
                (frame.token())
                input type="text" name="username" value="operator" autocomplete="username" hidden;
                label.field { span { "Present password" } input type="password" name="present" autocomplete="current-password" required; }
                label.field { span { "New password" } input type="password" name="password" autocomplete="new-password" required minlength=(password::LENGTH_MIN);
                    small { "10 characters or more. A sentence is good." } }
                label.field { span { "The same again" } input type="password" name="again" autocomplete="new-password" required; }
                button.primary type="submit" { "Change password" }
            }
        }
        section.panel {
            h2 { "Signed-in browsers" }
            p { @if sessions == 1 { "Only this one." } @else { (sessions) " browsers are signed in, this one included." } }
            form method="post" action="/account/sign-out-everywhere" {
                (frame.token())
                button.danger type="submit" { "Sign out everywhere" }
            }
        }
        section.panel {
            h2 { "API" }
            p { "Everything that these pages do, the management API does as well, with the admin token: "
                "the variable " code { "WARDBELL_ADMIN_TOKEN" } ", or the file " code { "admin-token" } " in the data folder." }
            p { "Its description is at " code { "/api/v1/openapi.json" } "." }
        }
    };
    Ok(frame.page("Account", &body))
}

pub(crate) async fn change_password(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Extension(form): Extension<Form>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    let frame = Frame::new(&app, &signed).await?.at_account();
    let hash = app.door.store.operator_password().await?.unwrap_or_default();
    let wrong = if app.door.hasher.is(form.raw("present"), hash).await {
        password::check(form.raw("password"), form.raw("again")).err().map(password::Weak::sentence)
    } else {
        Some("The present password is wrong.")
    };
    if let Some(wrong) = wrong {
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&app, &frame, Some(wrong)).await?).into_response());
    }
    let Some(hash) = app.door.hasher.hash(form.raw("password")).await else {
        return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
    };
    app.door.store.set_operator_password(hash, ambient::now()).await?;
    // Every session has ended, this one included: it goes on under a new one.
    let cookie = app.door.open(is_tls(&headers)).await?;
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/account?said=password-changed")).into_response())
}

pub(crate) async fn sign_out(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
) -> Result<Response, Trouble> {
    app.door.store.end_session(signed.hash).await?;
    Ok(([no_cookie()], Redirect::to("/sign-in")).into_response())
}

pub(crate) async fn sign_out_everywhere(State(app): State<App>) -> Result<Response, Trouble> {
    app.door.store.end_sessions().await?;
    Ok(([no_cookie()], Redirect::to("/sign-in")).into_response())
}

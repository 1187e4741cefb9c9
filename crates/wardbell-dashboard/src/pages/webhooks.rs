//! The webhooks of a project, and a new one with its secret.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::Said;
use super::webhook_form::{Draft, FIELDS, fields, format_choice};
use crate::App;
use crate::client::{Refusal, piece};
use crate::door::Signed;
use crate::form::Form;
use crate::page::{Frame, Tab};
use crate::parts::{self, empty};
use crate::text::Shown;
use crate::trouble::Trouble;
use crate::wire::{Guess, List, NewWebhook, Webhook};

pub(super) async fn list(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Path(project): Path<String>,
    Query(Said { said }): Query<Said>,
) -> Result<Markup, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Webhooks).await?.say(said.as_deref());
    let base = frame.base();
    let webhooks: List<Webhook> = app.api.get(&format!("{}/webhooks", frame.api())).await?;
    let max = app.webhooks_per_project_max as usize;
    let is_full = webhooks.data.len() >= max;
    let rows = html! {
        @for webhook in &webhooks.data {
            tr {
                td data-label="Address" { a.mono href=(format!("{base}/webhooks/{}", webhook.id)) { (Shown(&webhook.url)) }
                    @if let Some(file) = &webhook.declared { " " (parts::badge("info", &format!("declared in {file}"))) } }
                td data-label="Format" { (webhook.format) }
                td data-label="Events" { (events(webhook)) }
                td data-label="State" { (parts::state(&webhook.state)) }
                td data-label="Enabled" { (switch(&base, webhook)) }
                td data-label="Made" { (parts::time(&webhook.created_at)) }
            }
        }
    };
    let body = html! {
        div.head {
            h1 { "Webhooks" }
            @if !is_full { a.button.primary href=(format!("{base}/webhooks/new")) { "Add webhook" } }
        }
        p.lead { "Who is told when something happens: a chat channel, a pager, a mailbox, or a program of yours." }
        @if webhooks.data.is_empty() {
            (empty("Nobody is told yet", &html! {
                p { "Add a webhook, copy its secret, and press Test: the alert is there within a second." }
                p { a.button.primary href=(format!("{base}/webhooks/new")) { "Add the first webhook" } }
            }))
        } @else {
            (parts::table("Webhooks", &["Address", "Format", "Events", "State", "Enabled", "Made"], &rows))
            p.dim {
                (webhooks.data.len()) " of " (max) " webhooks. "
                @if is_full {
                    "This project has as many as it may: delete one, or have the operator raise "
                    code { "WARDBELL_WEBHOOKS_PER_PROJECT_MAX" } " and restart. To tell more people, let one webhook go to a channel or a program that passes it on."
                }
            }
        }
    };
    Ok(frame.page("Webhooks", &body))
}

fn events(webhook: &Webhook) -> Markup {
    match webhook.events.as_slice() {
        [all] if all == "*" => html! { "all events" },
        [one] => html! { code { (one) } },
        several => html! { span title=(several.join(", ")) { (several.len()) " events" } },
    }
}

/// The switch of a webhook; a plain form where there is no script.
pub(super) fn switch(base: &str, webhook: &Webhook) -> Markup {
    let (word, next) = if webhook.enabled { ("On", "off") } else { ("Off", "on") };
    // What the file switches, only the file switches; what failed may be switched on again.
    let failed = !webhook.enabled && webhook.health.reason.is_some();
    if webhook.declared.is_some() && !failed {
        return html! { span { (word) } };
    }
    html! {
        button.switch type="button" role="switch" aria-checked=(if webhook.enabled { "true" } else { "false" })
            aria-label=(format!("Alerts go to {}", webhook.url))
            hx-post=(format!("{base}/webhooks/{}/switch", webhook.id)) hx-vals=(format!("{{\"to\":\"{next}\"}}")) hx-swap="outerHTML" {
            span.knob aria-hidden="true" {} (word)
        }
    }
}

pub(super) async fn add(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Path(project): Path<String>,
) -> Result<Markup, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Webhooks).await?;
    Ok(add_page(&app, &frame, &Draft::default(), None))
}

fn add_page(app: &App, frame: &Frame, draft: &Draft, refusal: Option<&Refusal>) -> Markup {
    let base = frame.base();
    let body = html! {
        p.crumb { a href=(format!("{base}/webhooks")) { "Webhooks" } }
        h1 { "Add webhook" }
        (parts::refused(refusal, FIELDS))
        form.panel method="post" action=(format!("{base}/webhooks")) {
            (frame.token())
            (fields(app, &base, draft, refusal, true))
            div.row { button.primary type="submit" { "Add webhook" } a.button href=(format!("{base}/webhooks")) { "Cancel" } }
        }
    };
    frame.page("Add webhook", &body)
}

pub(super) async fn create(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Extension(form): Extension<Form>,
    Path(project): Path<String>,
) -> Result<Response, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Webhooks).await?;
    let draft = Draft::read(&form);
    let made: Result<NewWebhook, Refusal> = match draft.body(true) {
        Ok(body) => app.api.post(&format!("{}/webhooks", frame.api()), &body).await,
        Err(refusal) => Err(refusal),
    };
    match made {
        Ok(made) => Ok(made_page(&app, &frame, &made).into_response()),
        Err(refusal) => Ok((refusal.status, add_page(&app, &frame, &draft, Some(&refusal))).into_response()),
    }
}

/// The secret, once, with what to do with it.
fn made_page(app: &App, frame: &Frame, made: &NewWebhook) -> Markup {
    let webhook = &made.webhook;
    let path = format!("{}/webhooks/{}", frame.base(), webhook.id);
    let body = html! {
        p.crumb { a href=(format!("{}/webhooks", frame.base())) { "Webhooks" } }
        h1 { "The webhook is ready" }
        (secret_panel(&made.secret, &webhook.signature))
        section.panel {
            h2 { "Test it" }
            p { "Sends a signed alert to " code { (Shown(&webhook.url)) } " and shows what came back." }
            (super::webhook::test_form(app, frame, webhook))
        }
        p { a.button href=(path) { "To the webhook" } }
    };
    frame.page("The webhook is ready", &body)
}

/// A new secret with how a receiver checks signatures. The page that holds it is not stored by browsers.
pub(super) fn secret_panel(secret: &str, signature: &str) -> Markup {
    html! {
        section.panel {
            h2 { "The secret" }
            p { b { "Copy it now; it is not shown again." } " The receiver checks with it that a delivery is from this Wardbell." }
            (parts::copyable("Secret", secret))
            @if signature == "lockllm" {
                p.problem { "The profile " code { "lockllm" } " sends this secret as it is, in " code { "X-LockLLM-Signature" } ". Whoever sees one delivery can forge others." }
            }
            h3 { "Check it in your receiver" }
            @if signature == "standard" || signature == "ed25519" {
                details name="snippet" open { summary { "Python" } (parts::code("Python", PYTHON)) }
                details name="snippet" { summary { "Node.js" } (parts::code("Node.js", NODE)) }
                details name="snippet" { summary { "Rust" } (parts::code("Rust", RUST)) }
            } @else if signature == "github" {
                p { "The header " code { "X-Hub-Signature-256" } " holds " code { "sha256=" } " and the hexadecimal HMAC-SHA256 of the body, keyed with the whole secret." }
            }
            p.dim { "On a command line: save the headers, an empty line and the body, and run " code { "wardbell verify" } "." }
        }
    }
}

const PYTHON: &str = include_str!("../../assets/verify.py");
const NODE: &str = include_str!("../../assets/verify.mjs");
const RUST: &str = include_str!("../../assets/verify.rs.txt");

#[derive(Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    url: String,
    #[serde(default)]
    format: String,
}

/// The choice of a form, once an address is typed.
pub(super) async fn guess(
    State(app): State<App>,
    Path(project): Path<String>,
    Query(Typed { url, format }): Query<Typed>,
) -> Result<Markup, Trouble> {
    if url.trim().is_empty() {
        return Ok(format_choice(&app, &format, None, None));
    }
    let path = format!("/projects/{}/webhooks/guess-format", piece(&project));
    let guess: Result<Guess, Refusal> = app.api.post(&path, &json!({"url": url.trim()})).await;
    Ok(match guess {
        Ok(guess) => format_choice(&app, &format, Some(&guess.format), None),
        // What is wrong with the address is told at once, beside the format that is chosen by it.
        Err(refusal) => {
            let refusal = Refusal { field: Some("format".to_owned()), ..refusal };
            format_choice(&app, &format, None, Some(&refusal))
        }
    })
}

//! One webhook: how it does, a test, what it would have got, its settings, its secret, its end.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};
use wardbell_core::alert::AlertKind;
use wardbell_core::format::Format;

use super::Said;
use super::webhook_form::{Draft, FIELDS, fields, form_name};
use super::webhooks::{secret_panel, switch as switch_button};
use crate::App;
use crate::client::{Refusal, piece};
use crate::door::Signed;
use crate::form::Form;
use crate::page::{Frame, Tab};
use crate::parts::{self, Field};
use crate::text::Shown;
use crate::trouble::Trouble;
use crate::wire::{Matches, Replayed, Rotation, TestOutcome, Webhook};

type Ids = Path<(String, String)>;

/// How many of the last alerts are looked at for "would have matched".
const MATCHED: u32 = 100;
/// How many of them are listed.
const MATCHED_SHOWN: usize = 8;

pub(super) async fn show(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Path((project, id)): Ids,
    Query(Said { said }): Query<Said>,
) -> Result<Markup, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Webhooks).await?.say(said.as_deref());
    let webhook = read(&app, &frame, &id).await?;
    page(&app, &frame, &webhook, &Draft::from(&webhook), None).await
}

async fn read(app: &App, frame: &Frame, id: &str) -> Result<Webhook, Refusal> {
    app.api.get(&format!("{}/webhooks/{}", frame.api(), piece(id))).await
}

async fn page(
    app: &App,
    frame: &Frame,
    webhook: &Webhook,
    draft: &Draft,
    refusal: Option<&Refusal>,
) -> Result<Markup, Trouble> {
    let base = frame.base();
    let path = format!("{base}/webhooks/{}", webhook.id);
    let matches: Matches =
        app.api.get(&format!("{}/webhooks/{}/matches?limit={MATCHED}", frame.api(), webhook.id)).await?;
    let body = html! {
        p.crumb { a href=(format!("{base}/webhooks")) { "Webhooks" } }
        div.head { h1.mono { (Shown(&webhook.url)) } (switch_button(&base, webhook)) }
        @if let Some(file) = &webhook.declared { (parts::declared("This webhook", file)) }
        (health(frame, webhook))
        div.columns {
            section.panel { h2 { "Test" } (test_form(app, frame, webhook)) }
            section.panel { h2 { "Would have matched" } (matched(&base, &matches)) }
        }
        section.panel #settings {
            h2 { "Settings" }
            @if webhook.declared.is_some() { (settings(webhook)) } @else {
                (parts::refused(refusal, FIELDS))
                form method="post" action=(path) {
                    (frame.token())
                    (fields(app, &base, draft, refusal, false))
                    div.row { button.primary type="submit" { "Save" } }
                }
            }
        }
        div.columns {
            section.panel {
                h2 { "Secret" }
                @if let Some(key) = &webhook.public_key { (parts::copyable("Public key", key)) }
                @if let Some(file) = &webhook.secret_declared {
                    p { "It is declared in " code { (Shown(file)) } ". One that replaces it there signs beside it for a day, unless "
                        code { "secret_overlap_seconds" } " says otherwise." }
                } @else {
                    p { "A new secret is shown once. The present one keeps signing beside it for the overlap, so that no delivery fails while receivers change." }
                    form.narrow method="post" action=(format!("{path}/rotate")) {
                        (frame.token())
                        (Field { name: "overlap_seconds", label: "Overlap", refusal: None, help: html! { "At once is for a secret that leaked." } }
                            .choice("86400", &[("0", "None: the old one stops at once"), ("3600", "One hour"), ("86400", "One day"), ("604800", "One week")]))
                        button type="submit" { "Make new secret" }
                    }
                }
            }
            @if webhook.declared.is_none() {
                section.panel {
                    h2 { "Delete" }
                    p { "Nobody is told there any more, and what was still to be delivered is given up." }
                    (parts::confirmed(frame, "delete-webhook", "Delete webhook", &format!("{path}/delete"), &html! {
                        p { "Delete the webhook to " code { (Shown(&webhook.url)) } "? Its secret is gone for good." }
                    }))
                }
            }
        }
    };
    Ok(frame.page(&webhook.url, &body))
}

/// The settings of a webhook that is not changed here.
fn settings(webhook: &Webhook) -> Markup {
    let list = |items: &[String], all: &str| if items.is_empty() { all.to_owned() } else { items.join(", ") };
    let filter = &webhook.filter;
    html! {
        dl.facts {
            dt { "Events" } dd { (Shown(&webhook.events.join(", "))) }
            dt { "Least severity" } dd { (webhook.severity_min) }
            dt { "Signature" } dd { (webhook.signature) }
            dt { "Retry" } dd { (webhook.retry) }
            dt { "Preview" } dd { (if webhook.include_preview { "goes out, masked" } else { "does not go out" }) }
            @if let Some(message) = &webhook.custom_message { dt { "Message" } dd { (Shown(message)) } }
            @if !webhook.to.is_empty() { dt { "Recipients" } dd { (Shown(&webhook.to.join(", "))) } }
            dt { "Models" } dd { (Shown(&list(&filter.models, "all"))) }
            dt { "Keys" } dd { (Shown(&list(&filter.keys, "all"))) }
            dt { "Entity types" } dd { (Shown(&list(&filter.entity_types, "all"))) }
        }
    }
}

fn health(frame: &Frame, webhook: &Webhook) -> Markup {
    let path = format!("{}/webhooks/{}", frame.base(), webhook.id);
    html! {
        dl.facts {
            dt { "State" } dd { (parts::state(&webhook.state)) " since " (parts::time(&webhook.health.since)) }
            @if webhook.health.failures > 0 { dt { "Failed in a row" } dd { (webhook.health.failures) } }
            @if let Some(reason) = &webhook.health.reason { dt { "Last problem" } dd { (Shown(reason)) } }
            dt { "Format" } dd { (Format::from_name(&webhook.format).map_or_else(|| webhook.format.clone(), |format| form_name(format).to_owned())) }
            dt { "Grouping" } dd {
                @if webhook.group.enabled { "the first of a kind at once, then one update each " (webhook.group.window_seconds) " s and longer" }
                @else { "every alert" }
                @if webhook.group.per_minute > 0 { ", at most " (webhook.group.per_minute) " messages a minute" }
            }
            @if let Some(rate) = webhook.per_second { dt { "Rate" } dd { (rate) " a second" } }
            @if let Some(after) = webhook.disable_after_seconds { dt { "Switched off" } dd { "after failing for " (after) " s" } }
            @if !webhook.headers.is_empty() { dt { "Headers" } dd { (Shown(&webhook.headers.join(", "))) } }
            dt { "Id" } dd { code { (webhook.id) } }
            dt { "Deliveries" } dd { a href=(format!("{}/deliveries?endpoint={}", frame.base(), webhook.id)) { "of this webhook" } }
        }
        @if webhook.state != "healthy" {
            form.recover method="post" action=(format!("{path}/recover")) {
                (frame.token())
                label { "Send again what it did not get since "
                    select name="hours" { option value="1" { "an hour ago" } option value="24" selected { "a day ago" } option value="168" { "a week ago" } } }
                button type="submit" { "Recover" }
            }
        }
    }
}

/// The form that sends a test; its answer takes the place below it.
pub(super) fn test_form(app: &App, frame: &Frame, webhook: &Webhook) -> Markup {
    let is_mail = webhook.format == Format::Email.as_str();
    let forms = Format::ALL.iter().filter(|format| (**format == Format::Email) == is_mail);
    let forms = forms.filter(|format| app.mail_enabled || **format != Format::Email);
    let forms = forms.filter(|format| **format != Format::PagerDuty || webhook.format == Format::PagerDuty.as_str());
    let path = format!("{}/webhooks/{}/test", frame.base(), webhook.id);
    html! {
        form.test method="post" action=(path) hx-post=(path) hx-target="#test-outcome" hx-disabled-elt="find button" {
            (frame.token())
            label.field { span { "Event" }
                select name="kind" { @for kind in AlertKind::ALL.iter().rev() { option value=(kind.as_str()) { (kind.as_str()) } } } }
            label.field { span { "Format" }
                select name="format" {
                    option value="" { "The webhook's own" }
                    @for format in forms { option value=(format.as_str()) { (form_name(*format)) } }
                } }
            button.primary type="submit" { "Send test" }
        }
        div #test-outcome aria-live="polite" { p.dim { "What comes back is shown here: status, time and answer." } }
    }
}

fn matched(base: &str, matches: &Matches) -> Markup {
    if matches.alert_count == 0 {
        return html! { p.dim { "There are no alerts yet. When there are, this shows which of them this webhook's settings let through." } };
    }
    html! {
        p { b { (matches.match_count) } " of the last " (matches.alert_count) " alerts match these settings." }
        ul.plain {
            @for matched in matches.data.iter().take(MATCHED_SHOWN) {
                li {
                    span class=(if matched.would_match { "yes" } else { "no" }) { (if matched.would_match { "✓" } else { "–" }) }
                    span.hidden { (if matched.would_match { "matches" } else { "does not match" }) }
                    " " a href=(format!("{base}/alerts/{}", matched.id)) { code { (matched.kind) } }
                    " " (parts::severity(&matched.severity)) " " (parts::time(&matched.time))
                }
            }
        }
    }
}

pub(super) async fn save(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Extension(form): Extension<Form>,
    Path((project, id)): Ids,
) -> Result<Response, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Webhooks).await?;
    let draft = Draft::read(&form);
    let api = format!("{}/webhooks/{}", frame.api(), piece(&id));
    let saved: Result<Webhook, Refusal> = match draft.body(false) {
        Ok(body) => app.api.patch(&api, &body).await,
        Err(refusal) => Err(refusal),
    };
    match saved {
        Ok(webhook) => {
            Ok(Redirect::to(&format!("{}/webhooks/{}?said=webhook-saved", frame.base(), webhook.id)).into_response())
        }
        Err(refusal) => {
            let webhook = read(&app, &frame, &id).await?;
            let page = page(&app, &frame, &webhook, &draft, Some(&refusal)).await?;
            Ok((refusal.status, page).into_response())
        }
    }
}

/// Switches a webhook and gives the switch as it is now.
pub(super) async fn switch(
    State(app): State<App>,
    Extension(form): Extension<Form>,
    Path((project, id)): Ids,
) -> Result<Markup, Trouble> {
    let base = format!("/projects/{}", piece(&project));
    let body = json!({"enabled": form.text("to") == "on"});
    let webhook: Webhook = app.api.patch(&format!("{base}/webhooks/{}", piece(&id)), &body).await?;
    Ok(switch_button(&base, &webhook))
}

pub(super) async fn test(
    State(app): State<App>,
    Extension(form): Extension<Form>,
    Path((project, id)): Ids,
) -> Result<Markup, Trouble> {
    let mut body = serde_json::Map::new();
    for name in ["kind", "format"] {
        if !form.text(name).is_empty() {
            body.insert(name.to_owned(), json!(form.text(name)));
        }
    }
    let path = format!("/projects/{}/webhooks/{}/test", piece(&project), piece(&id));
    let outcome: Result<TestOutcome, Refusal> = app.api.post(&path, &Value::Object(body)).await;
    Ok(match outcome {
        Ok(outcome) => test_outcome(&outcome),
        Err(refusal) => html! { p.problem role="alert" { (parts::sentence(&refusal)) } },
    })
}

fn test_outcome(outcome: &TestOutcome) -> Markup {
    let TestOutcome { delivered, status, duration_ms, error, response_excerpt } = outcome;
    html! {
        div class=(if *delivered { "outcome good" } else { "outcome bad" }) {
            p { b { (if *delivered { "Delivered" } else { "Not delivered" }) }
                @if let Some(status) = status { " · status " b { (status) } }
                " · " (parts::millis(*duration_ms)) }
            @if let Some(error) = error { p { (Shown(error)) } }
            @if let Some(answer) = response_excerpt.as_deref().filter(|answer| !answer.is_empty()) {
                p.dim { "The receiver answered:" }
                pre tabindex="0" role="region" aria-label="Answer of the receiver" { (Shown(answer)) }
            }
        }
    }
}

pub(super) async fn rotate(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Extension(form): Extension<Form>,
    Path((project, id)): Ids,
) -> Result<Markup, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Webhooks).await?;
    let api = format!("{}/webhooks/{}", frame.api(), piece(&id));
    let body = json!({"overlap_seconds": form.number("overlap_seconds")});
    let rotation: Rotation = app.api.post(&format!("{api}/rotate-secret"), &body).await?;
    let webhook = read(&app, &frame, &id).await?;
    let body = html! {
        p.crumb { a href=(format!("{}/webhooks/{}", frame.base(), webhook.id)) { (Shown(&webhook.url)) } }
        h1 { "A new secret" }
        @if form.text("overlap_seconds") == "0" { p { "The one before it signs nothing any more." } }
        @else { p { "The one before it signs as well until " (parts::time(&rotation.previous_until)) "." } }
        (secret_panel(&rotation.secret, &webhook.signature))
        p { a.button href=(format!("{}/webhooks/{}", frame.base(), webhook.id)) { "To the webhook" } }
    };
    Ok(frame.page("A new secret", &body))
}

pub(super) async fn recover(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Extension(form): Extension<Form>,
    Path((project, id)): Ids,
) -> Result<Markup, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Webhooks).await?;
    let hours = form.text("hours").parse().unwrap_or(24);
    let since = wardbell_telemetry::ambient::now().before(std::time::Duration::from_hours(hours));
    let path = format!("{}/webhooks/{}/recover", frame.api(), piece(&id));
    let replayed: Replayed = app.api.post(&path, &json!({"since": since})).await?;
    let webhook = format!("{}/webhooks/{}", frame.base(), piece(&id));
    Ok(frame.page("Recovered", &replayed_page(&replayed, &webhook)))
}

/// How many deliveries are due again.
pub(super) fn replayed_page(replayed: &Replayed, back: &str) -> Markup {
    html! {
        h1 { "Sent again" }
        p.lead { @match replayed.count {
            0 => "There was nothing to send again.",
            1 => "One delivery is due again.",
            many => { (parts::number(many)) " deliveries are due again, twenty a second." },
        } }
        @if replayed.has_more { p { "There are more. Do it again for the rest." } }
        p { a.button href=(back) { "Back" } }
    }
}

pub(super) async fn delete(State(app): State<App>, Path((project, id)): Ids) -> Result<Response, Trouble> {
    let base = format!("/projects/{}", piece(&project));
    app.api.delete(&format!("{base}/webhooks/{}", piece(&id))).await?;
    Ok(Redirect::to(&format!("{base}/webhooks?said=webhook-deleted")).into_response())
}

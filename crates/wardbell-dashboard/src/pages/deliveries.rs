//! Deliveries: the list with its filters, one with every attempt, and sending again.

use std::collections::HashMap;

use axum::Extension;
use axum::extract::{Path, Query};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::alerts::{range_choice, since};
use super::webhook::replayed_page;
use crate::chart;
use crate::client::{piece, query};
use crate::desk::Desk;
use crate::form::Form;
use crate::page::Frame;
use crate::parts::{self, empty};
use crate::text::{Shown, plain};
use crate::trouble::Trouble;
use crate::wire::{Attempt, Delivery, DeliveryDetail, List, Phases, Replayed, Webhook};

#[derive(Deserialize, Default)]
pub(super) struct Filters {
    #[serde(default)]
    state: String,
    #[serde(default)]
    endpoint: String,
    #[serde(default)]
    range: String,
    #[serde(default)]
    cursor: String,
}

/// Webhooks by id, as they are called on pages.
pub(super) async fn endpoint_names(desk: &Desk) -> Result<HashMap<String, String>, Trouble> {
    let webhooks: List<Webhook> = desk.get("/webhooks").await?;
    let name = |webhook: Webhook| (webhook.id, format!("{} ({})", plain(&webhook.url), webhook.format));
    Ok(webhooks.data.into_iter().map(name).collect())
}

pub(super) async fn list(desk: Desk, Query(filters): Query<Filters>) -> Result<Markup, Trouble> {
    let Filters { state, endpoint, range, cursor } = &filters;
    let asked =
        query([("state", state.as_str()), ("endpoint", endpoint), ("since", &since(range)), ("cursor", cursor)]);
    let deliveries: List<Delivery> = desk.get(&format!("/deliveries{asked}")).await?;
    let names = endpoint_names(&desk).await?;
    let base = desk.frame.base();
    let endpoints = sorted(&names);
    let endpoints = endpoints.iter().map(|(id, name)| (id.as_str(), name.as_str()));
    let is_filtered = !(state.is_empty() && endpoint.is_empty() && range.is_empty() && cursor.is_empty());
    let body = html! {
        h1 { "Deliveries" }
        form.filters method="get" action=(format!("{base}/deliveries")) data-auto {
            (parts::pick("state", "State", state, [("", "Any"), ("pending", "Pending"), ("delivered", "Delivered"), ("dead", "Dead letters")]))
            (parts::pick("endpoint", "Webhook", endpoint, [("", "Every webhook")].into_iter().chain(endpoints)))
            (range_choice(range))
            button type="submit" { "Show" }
        }
        @if deliveries.data.is_empty() {
            @if is_filtered { (empty("No delivery matches", &html! { p { a href=(format!("{base}/deliveries")) { "Show every delivery" } } })) }
            @else { (empty("Nothing was delivered yet", &html! {
                p { "Every alert makes a delivery for each webhook that wants it." }
                p { a.button href=(format!("{base}/webhooks")) { "Look at the webhooks" } }
            })) }
        } @else {
            (parts::table("Deliveries", &["Made", "Webhook", "State", "Attempts", "Finished"], &rows(&base, &deliveries.data, &names)))
            (parts::more(&format!("{base}/deliveries"), &[("state", state), ("endpoint", endpoint), ("range", range)], deliveries.next_cursor.as_deref()))
            @if state == "dead" { (replay_form(&desk.frame, endpoint, range)) }
        }
    };
    Ok(desk.frame.page("Deliveries", &body))
}

fn sorted(names: &HashMap<String, String>) -> Vec<(&String, &String)> {
    let mut names: Vec<_> = names.iter().collect();
    names.sort();
    names
}

fn replay_form(frame: &Frame, endpoint: &str, range: &str) -> Markup {
    html! {
        section.panel {
            h2 { "Send them again" }
            p { "Every dead letter that the filters above show, twenty a second, under the same id, so that a receiver can tell repeats." }
            form method="post" action=(format!("{}/deliveries/replay", frame.base())) {
                (frame.token())
                input type="hidden" name="endpoint" value=(endpoint);
                input type="hidden" name="range" value=(range);
                button.primary type="submit" { "Replay these dead letters" }
            }
        }
    }
}

/// Rows of deliveries.
pub(super) fn rows(base: &str, deliveries: &[Delivery], names: &HashMap<String, String>) -> Markup {
    html! {
        @for delivery in deliveries {
            tr {
                td data-label="Made" { a href=(format!("{base}/deliveries/{}", delivery.id)) { (parts::time(&delivery.created_at)) } }
                td data-label="Webhook" { (Shown(names.get(&delivery.endpoint_id).map_or("deleted", String::as_str))) }
                td data-label="State" { (parts::state(&delivery.state)) @if let Some(reason) = &delivery.reason { br; span.dim { (Shown(reason)) } } }
                td data-label="Attempts" { (delivery.attempt_count)
                    @if delivery.replays > 0 { " · replayed " (delivery.replays) "×" }
                    @if let Some(fold) = &delivery.fold { " · stands for " (fold.count) " (" (fold.reason) ")" } }
                td data-label="Finished" { @match (&delivery.finished_at, &delivery.next_attempt_at) {
                    (Some(at), _) => (parts::time(at)),
                    (None, Some(at)) => { "next " (parts::time(at)) },
                    (None, None) => span.dim { "under way" },
                } }
            }
        }
    }
}

pub(super) async fn show(desk: Desk, Path((_, id)): Path<(String, String)>) -> Result<Markup, Trouble> {
    let DeliveryDetail { delivery, attempts } = desk.get(&format!("/deliveries/{}", piece(&id))).await?;
    let names = endpoint_names(&desk).await?;
    let base = desk.frame.base();
    let body = html! {
        p.crumb { a href=(format!("{base}/deliveries")) { "Deliveries" } }
        div.head { h1 { "Delivery" } (parts::state(&delivery.state)) }
        dl.facts {
            dt { "Webhook" } dd { @match names.get(&delivery.endpoint_id) {
                Some(name) => a href=(format!("{base}/webhooks/{}", delivery.endpoint_id)) { (Shown(name)) },
                None => "deleted",
            } }
            dt { "Alert" } dd { a href=(format!("{base}/alerts/{}", delivery.alert_id)) { code { (delivery.alert_id) } } }
            dt { "Id at the receiver" } dd { code { (delivery.webhook_id) } }
            dt { "Made" } dd { (parts::time(&delivery.created_at)) }
            @if let Some(at) = &delivery.finished_at { dt { "Finished" } dd { (parts::time(at)) } }
            @if let Some(at) = &delivery.next_attempt_at { dt { "Next attempt" } dd { (parts::time(at)) } }
            @if let Some(reason) = &delivery.reason { dt { "Why it is dead" } dd { (Shown(reason)) } }
            @if let Some(fold) = &delivery.fold { dt { "Stands for" } dd { (fold.count) " alerts (" (fold.reason) ")" } }
            @if delivery.replays > 0 { dt { "Replayed" } dd { (delivery.replays) " times" } }
            @if delivery.plain { dt { "Form" } dd { "plain, because the receiver refused the rich one" } }
        }
        @if delivery.state != "pending" && names.contains_key(&delivery.endpoint_id) {
            form method="post" action=(format!("{base}/deliveries/{}/replay", delivery.id)) {
                (desk.frame.token()) button.primary type="submit" { "Replay" }
            }
        }
        section {
            h2 { "Attempts" }
            @if attempts.is_empty() { p.dim { "None yet." } }
            @for attempt in &attempts { (attempt_panel(attempt)) }
        }
    };
    Ok(desk.frame.page("Delivery", &body))
}

fn attempt_panel(attempt: &Attempt) -> Markup {
    let Attempt { number, started_at, status, error, phases, response_excerpt } = attempt;
    let Phases { dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms } = phases;
    let rest = (total_ms - dns_ms - connect_ms - tls_ms - first_byte_ms).max(0.0);
    let parts_of =
        [("dns", *dns_ms), ("connect", *connect_ms), ("tls", *tls_ms), ("wait", *first_byte_ms), ("rest", rest)];
    let said = format!(
        "name {}, connect {}, TLS {}, wait {}, rest {}, in all {}",
        parts::millis(*dns_ms),
        parts::millis(*connect_ms),
        parts::millis(*tls_ms),
        parts::millis(*first_byte_ms),
        parts::millis(rest),
        parts::millis(*total_ms)
    );
    html! {
        article.panel.attempt {
            div.head {
                h3 { "Attempt " (number) }
                @match status { Some(status) => (parts::badge(if (200..300).contains(status) { "ok" } else { "bad" }, &format!("status {status}"))), None => (parts::badge("bad", "no answer")) }
                span.dim { (parts::time(started_at)) " · " (parts::millis(*total_ms)) }
            }
            @if let Some(error) = error { p { (Shown(error)) } }
            (chart::phases(&said, &parts_of))
            ul.legend {
                @for (class, word, value) in [("dns", "name", *dns_ms), ("connect", "connect", *connect_ms), ("tls", "TLS", *tls_ms), ("wait", "wait", *first_byte_ms), ("rest", "rest", rest)] {
                    li { span class=(format!("key {class}")) {} (word) " " (parts::millis(value)) }
                }
            }
            @if let Some(excerpt) = response_excerpt.as_deref().filter(|excerpt| !excerpt.is_empty()) {
                p.dim { "The receiver answered:" }
                pre tabindex="0" role="region" aria-label=(format!("Answer to attempt {number}")) { (Shown(excerpt)) }
            }
        }
    }
}

pub(super) async fn replay(desk: Desk, Path((_, id)): Path<(String, String)>) -> Result<Response, Trouble> {
    let delivery = format!("/deliveries/{}", piece(&id));
    let _: Delivery = desk.app.api.post(&desk.path(&format!("{delivery}/replay")), &json!({})).await?;
    Ok(desk.lead(&delivery, "replayed"))
}

pub(super) async fn replay_many(desk: Desk, Extension(form): Extension<Form>) -> Result<Markup, Trouble> {
    let mut body = Map::new();
    body.insert("state".to_owned(), json!("dead"));
    for (name, value) in [("endpoint", form.text("endpoint").to_owned()), ("since", since(form.text("range")))] {
        if !value.is_empty() {
            body.insert(name.to_owned(), json!(value));
        }
    }
    let replayed: Replayed = desk.app.api.post(&desk.path("/deliveries/replay"), &Value::Object(body)).await?;
    Ok(desk.frame.page("Sent again", &replayed_page(&replayed, &desk.path("/deliveries"))))
}

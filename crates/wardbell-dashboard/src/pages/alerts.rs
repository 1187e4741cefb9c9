//! Alerts: the list with its filters, and one with what became of it.

use axum::extract::{Path, Query};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use wardbell_core::alert::AlertKind;

use super::deliveries::{endpoint_names, rows as delivery_rows};
use super::webhook_form::meaning;
use crate::client::{piece, query};
use crate::desk::Desk;
use crate::page::Frame;
use crate::parts::{self, empty};
use crate::text::Shown;
use crate::trouble::Trouble;
use crate::wire::{Alert, AlertDetail, List};

#[derive(Deserialize, Default)]
pub(super) struct Filters {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    range: String,
    #[serde(default)]
    cursor: String,
}

/// How far back a list goes: (word, what it says, hours).
pub(super) const RANGES: &[(&str, &str, u64)] = &[
    ("", "Any time", 0),
    ("1h", "Last hour", 1),
    ("24h", "Last day", 24),
    ("7d", "Last week", 168),
    ("30d", "Last 30 days", 720),
];

/// Since when, for a word of [`RANGES`]; empty for any time.
pub(super) fn since(range: &str) -> String {
    RANGES
        .iter()
        .find(|(word, _, hours)| *word == range && *hours > 0)
        .map(|(_, _, hours)| {
            wardbell_telemetry::ambient::now().before(std::time::Duration::from_hours(*hours)).to_string()
        })
        .unwrap_or_default()
}

pub(super) fn range_choice(range: &str) -> Markup {
    parts::pick("range", "When", range, RANGES.iter().map(|(word, said, _)| (*word, *said)))
}

pub(super) async fn list(desk: Desk, Query(filters): Query<Filters>) -> Result<Markup, Trouble> {
    let Filters { kind, severity, range, cursor } = &filters;
    let asked =
        query([("kind", kind.as_str()), ("severity_min", severity), ("since", &since(range)), ("cursor", cursor)]);
    let alerts: List<Alert> = desk.get(&format!("/alerts{asked}")).await?;
    let base = desk.frame.base();
    let kinds =
        AlertKind::ALL.iter().filter(|known| known.is_subscribable()).map(|known| (known.as_str(), known.as_str()));
    let is_filtered = !(kind.is_empty() && severity.is_empty() && range.is_empty() && cursor.is_empty());
    let rows = html! {
        @for alert in &alerts.data {
            tr {
                td data-label="Time" { (parts::time(&alert.time)) }
                td data-label="Alert" { a href=(format!("{base}/alerts/{}", alert.id)) { code { (alert.kind) } } }
                td data-label="Severity" { (parts::severity(&alert.severity)) }
                td data-label="About" { (about(&alert.data)) }
                td data-label="Request" { code.cut { (Shown(&alert.request_id)) } }
            }
        }
    };
    let body = html! {
        h1 { "Alerts" }
        form.filters method="get" action=(format!("{base}/alerts")) data-auto {
            (parts::pick("kind", "Kind", kind, [("", "Every kind")].into_iter().chain(kinds)))
            (parts::pick("severity", "Severity", severity, [("", "Any"), ("medium", "Medium and above"), ("high", "High and above")]))
            (range_choice(range))
            button type="submit" { "Show" }
        }
        @if alerts.data.is_empty() {
            @if is_filtered { (empty("No alert matches", &html! { p { a href=(format!("{base}/alerts")) { "Show every alert" } } })) }
            @else { (empty("No alerts yet", &html! {
                p { "An alert is raised when the policy stops or changes a request, a budget runs out, or an agent loops." }
                p { "See what would happen in the " a href="/playground" { "playground" } "." }
            })) }
        } @else {
            (parts::table("Alerts", &["Time", "Alert", "Severity", "About", "Request"], &rows))
            (parts::more(&format!("{base}/alerts"), &[("kind", kind), ("severity", severity), ("range", range)], alerts.next_cursor.as_deref()))
        }
    };
    Ok(desk.frame.page("Alerts", &body))
}

/// What an alert is about, in a few words, from its particulars.
pub(super) fn about(data: &Value) -> Markup {
    let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let types: Vec<&str> =
        data.get("entity_types").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let policies: Vec<&str> =
        data.get("policies").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    html! {
        @if !types.is_empty() { (Shown(&types.join(", "))) " " }
        @if !policies.is_empty() { (Shown(&policies.join(", "))) " " }
        @if !text("scope").is_empty() { (Shown(&text("scope"))) " " }
        @if !text("model").is_empty() { span.dim { (Shown(&text("model"))) } }
        @if !text("reason").is_empty() { (Shown(&text("reason"))) }
    }
}

pub(super) async fn show(desk: Desk, Path((_, id)): Path<(String, String)>) -> Result<Markup, Trouble> {
    let AlertDetail { alert, deliveries } = desk.get(&format!("/alerts/{}", piece(&id))).await?;
    let names = endpoint_names(&desk).await?;
    let frame = &desk.frame;
    let base = frame.base();
    let what = AlertKind::from_name(&alert.kind).map_or("", meaning);
    let body = html! {
        p.crumb { a href=(format!("{base}/alerts")) { "Alerts" } }
        div.head { h1.mono { (alert.kind) } (parts::severity(&alert.severity)) }
        p.lead { (what) }
        dl.facts {
            dt { "When" } dd { (parts::time(&alert.time)) }
            dt { "Request" } dd { @if alert.request_id.is_empty() { "none" } @else {
                a href=(format!("{base}/activity{}", query([("request", alert.request_id.as_str())]))) { code { (Shown(&alert.request_id)) } } } }
            @if let Some(key) = &alert.key_id { dt { "Key" } dd { a href=(format!("{base}/activity{}", query([("key", key.as_str())]))) { code { (key) } } } }
            @if let Some(user) = &alert.user_id { dt { "User" } dd { (Shown(user)) } }
            @if let Some(score) = alert.injection_score { dt { "Injection score" } dd { (format!("{score:.2}")) ", which counts under the policy of then" } }
            @if let Some(rule) = &alert.injection_reason { dt { "Found by" } dd { code { (Shown(rule)) } } }
            (particulars(&alert.data))
            dt { "Id" } dd { code { (alert.id) } }
        }
        (allowance(frame, &alert))
        section {
            h2 { "Deliveries" }
            @if deliveries.is_empty() {
                (empty("Nobody was told of this one", &html! {
                    p { "No webhook wanted it, or it was folded into a message about many, or a silence held it back." }
                    p { a href=(format!("{base}/webhooks")) { "Look at the webhooks" } }
                }))
            } @else {
                (parts::table("Deliveries of this alert", &["Made", "Webhook", "State", "Attempts", "Finished"], &delivery_rows(&base, &deliveries, &names)))
            }
        }
    };
    Ok(frame.page(&alert.kind, &body))
}

/// What can be done where the text of an injection was harmless.
fn allowance(frame: &Frame, alert: &Alert) -> Markup {
    let is_injection = AlertKind::from_name(&alert.kind).is_some_and(AlertKind::is_injection);
    let Some(fingerprint) = alert.fingerprint.as_deref().filter(|_| is_injection) else { return html! {} };
    let allowed = frame.project().and_then(|project| project.policy.pointer("/injection/allow")?.as_array());
    let is_allowed = allowed.into_iter().flatten().any(|one| one.as_str() == Some(fingerprint));
    let path = format!("{}/alerts/{}", frame.base(), alert.id);
    html! {
        section.panel {
            @if is_allowed {
                div.head { h2 { "This text is allowed" } (parts::badge("ok", "allowed")) }
                p { "In this project it is no injection any more, whatever a detector says. Any other text is judged as before." }
                form method="post" action=(format!("{path}/disallow")) { (frame.token()) button type="submit" { "Allow it no more" } }
            } @else {
                h2 { "Was it harmless?" }
                p { "You can allow this very text. From then on it is no injection in this project, whatever a detector says, whoever sends it. "
                    "A text that differs in a word is judged as before, and so are personal data and secrets in it. "
                    "Wardbell does not keep the text: what is kept is a keyed fingerprint, in the policy under " code { "injection.allow" } "." }
                (parts::confirmed(frame, "allow-text", "Allow this text", &format!("{path}/allow"), &html! {
                    p { "Allow the text of this alert in this project? Requests with it will go on to the provider. You can take it back here at any time." }
                }))
            }
        }
    }
}

pub(super) async fn allow(desk: Desk, Path((_, alert)): Path<(String, String)>) -> Result<Response, Trouble> {
    let alert = format!("/alerts/{}", piece(&alert));
    desk.app.api.post::<Value>(&desk.path(&format!("{alert}/allow")), &json!({})).await?;
    Ok(desk.lead(&alert, "text-allowed"))
}

pub(super) async fn disallow(desk: Desk, Path((_, alert)): Path<(String, String)>) -> Result<Response, Trouble> {
    let alert = format!("/alerts/{}", piece(&alert));
    desk.app.api.delete(&desk.path(&format!("{alert}/allow"))).await?;
    Ok(desk.lead(&alert, "text-not-allowed"))
}

/// The particulars of an alert, each under its name.
fn particulars(data: &Value) -> Markup {
    let told = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let words = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
            words.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    html! {
        @for (name, value) in data.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            dt { (Shown(&name.replace('_', " "))) } dd { (Shown(&told(value))) }
        }
    }
}

//! Alerts: the list with its filters, and one with what became of it.

use axum::Extension;
use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use wardbell_core::alert::AlertKind;

use super::deliveries::{endpoint_names, rows as delivery_rows};
use super::webhook_form::meaning;
use crate::App;
use crate::client::{piece, query};
use crate::door::Signed;
use crate::page::{Frame, Tab};
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
    html! { label { span { "When" } select name="range" {
        @for (word, said, _) in RANGES { option value=(word) selected[*word == range] { (said) } }
    } } }
}

pub(super) async fn list(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Path(project): Path<String>,
    Query(filters): Query<Filters>,
) -> Result<Markup, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Alerts).await?;
    let Filters { kind, severity, range, cursor } = &filters;
    let asked =
        query([("kind", kind.as_str()), ("severity_min", severity), ("since", &since(range)), ("cursor", cursor)]);
    let alerts: List<Alert> = app.api.get(&format!("{}/alerts{asked}", frame.api())).await?;
    let base = frame.base();
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
            label { span { "Kind" } select name="kind" {
                option value="" { "Every kind" }
                @for known in AlertKind::ALL.iter().filter(|known| known.is_subscribable()) {
                    option value=(known.as_str()) selected[known.as_str() == kind] { (known.as_str()) }
                }
            } }
            label { span { "Severity" } select name="severity" {
                @for (word, said) in [("", "Any"), ("medium", "Medium and above"), ("high", "High and above")] {
                    option value=(word) selected[word == severity] { (said) }
                }
            } }
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
    Ok(frame.page("Alerts", &body))
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

pub(super) async fn show(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Markup, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Alerts).await?;
    let AlertDetail { alert, deliveries } = app.api.get(&format!("{}/alerts/{}", frame.api(), piece(&id))).await?;
    let base = frame.base();
    let names = endpoint_names(&app, &frame).await?;
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
            @if let Some(score) = alert.injection_score { dt { "Injection score" } dd { (format!("{score:.2}")) } }
            (particulars(&alert.data))
            dt { "Id" } dd { code { (alert.id) } }
        }
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

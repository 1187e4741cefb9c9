//! Activity: every request and scan, with filters, and as a file.

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use wardbell_core::entity::EntityType;
use wardbell_core::outcome::Outcome;

use super::alerts::{range_choice, since};
use crate::App;
use crate::client::{Refusal, piece, query};
use crate::desk::Desk;
use crate::parts::{self, dollars, empty, millis, number};
use crate::text::Shown;
use crate::trouble::Trouble;
use crate::wire::{Activity, Key, List};

#[derive(Deserialize, Default, Clone)]
pub(super) struct Filters {
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    entity: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    request: String,
    #[serde(default)]
    range: String,
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    form: String,
}

impl Filters {
    /// What stands in the page's address, without the cursor.
    fn pairs(&self) -> [(&'static str, &str); 7] {
        [
            ("verdict", &self.verdict),
            ("outcome", &self.outcome),
            ("entity", &self.entity),
            ("key", &self.key),
            ("model", self.model.trim()),
            ("request", self.request.trim()),
            ("range", &self.range),
        ]
    }

    /// What the API is asked for, from the same filters.
    fn asked(&self, since: &str, cursor: &str, limit: &str) -> String {
        let kept = self.pairs().into_iter().filter(|(name, _)| *name != "range");
        query(kept.chain([("since", since), ("cursor", cursor), ("limit", limit)]))
    }
}

pub(super) async fn list(desk: Desk, Query(filters): Query<Filters>) -> Result<Markup, Trouble> {
    let base = desk.frame.base();
    let asked = filters.asked(&since(&filters.range), &filters.cursor, "50");
    let rows: Result<List<Activity>, Refusal> = desk.get(&format!("/activity{asked}")).await;
    let keys: List<Key> = desk.get("/keys").await?;
    let is_filtered = filters.pairs().iter().any(|(_, value)| !value.is_empty()) || !filters.cursor.is_empty();
    let body = html! {
        div.head {
            h1 { "Activity" }
            div.row {
                @for (form, said) in [("csv", "Export CSV"), ("jsonl", "Export JSONL")] {
                    a.button href=(format!("{base}/activity/export{}", query(filters.pairs().into_iter().chain([("form", form)])))) { (said) }
                }
            }
        }
        p.lead { "Every request and scan. It holds no text of them, only what was found." }
        (filter_form(&base, &filters, &keys.data))
        @match &rows {
            Err(refusal) => p.problem role="alert" { (parts::sentence(refusal)) },
            Ok(rows) if rows.data.is_empty() && is_filtered => (empty("No request matches", &html! { p { a href=(format!("{base}/activity")) { "Show every request" } } })),
            Ok(rows) if rows.data.is_empty() => (empty("No requests yet", &html! {
                p { "Send one with a key of this project; the built-in " code { "echo" } " answers until you set a provider." }
                p { a.button href=(format!("{base}/keys")) { "Get a key" } }
            })),
            Ok(rows) => {
                (parts::table("Activity", &["Time and key", "Verdict", "Model", "Found", "Status", "Latency", "Cost"], &table_rows(&rows.data, &keys.data)))
                (parts::more(&format!("{base}/activity"), &filters.pairs(), rows.next_cursor.as_deref()))
            },
        }
    };
    Ok(desk.frame.page("Activity", &body))
}

fn filter_form(base: &str, filters: &Filters, keys: &[Key]) -> Markup {
    let entities = EntityType::ALL.iter().map(|entity| (entity.as_str(), entity.as_str()));
    let outcomes: Vec<_> =
        Outcome::ALL.iter().map(|outcome| (outcome.as_str(), outcome.as_str().replace('_', " "))).collect();
    let outcomes = outcomes.iter().map(|(word, said)| (*word, said.as_str()));
    let names: Vec<_> = keys.iter().map(|key| (key.id.as_str(), crate::text::plain(&key.name))).collect();
    let names = names.iter().map(|(id, name)| (*id, name.as_str()));
    let any = |said: &'static str| [("", said)].into_iter();
    html! {
        form.filters method="get" action=(format!("{base}/activity")) data-auto {
            (parts::pick("verdict", "Verdict", &filters.verdict, [("", "Any"), ("blocked", "Blocked"), ("redacted", "Redacted"), ("observed", "Observed"), ("clean", "Clean")]))
            (parts::pick("entity", "Found", &filters.entity, any("Anything").chain(entities)))
            (parts::pick("outcome", "Outcome", &filters.outcome, any("Any").chain(outcomes)))
            (parts::pick("key", "Key", &filters.key, any("Every key").chain(names)))
            label { span { "Model" } input type="text" name="model" value=(filters.model) autocomplete="off" spellcheck="false"; }
            label { span { "Request id" } input type="text" name="request" value=(filters.request) autocomplete="off" spellcheck="false"; }
            (range_choice(&filters.range))
            button type="submit" { "Show" }
        }
    }
}

fn table_rows(rows: &[Activity], keys: &[Key]) -> Markup {
    let key_name =
        |id: &str| keys.iter().find(|key| key.id == id).map_or_else(|| id.to_owned(), |key| key.name.clone());
    let tokens = |row: &Activity| match (row.input_tokens, row.output_tokens) {
        (None, None) => "no tokens told".to_owned(),
        (input, output) => format!("{} + {} tokens", number(input.unwrap_or(0)), number(output.unwrap_or(0))),
    };
    html! {
        @for row in rows {
            tr title=(format!("{} · policy version {}", row.id, row.policy_version)) {
                td data-label="Time, key" { (parts::time(&row.time)) span.sub { (Shown(&key_name(&row.key_id))) } @if let Some(id) = &row.caller_request_id { code.sub { (Shown(id)) } } }
                td data-label="Verdict" { (parts::verdict(&row.verdict)) }
                td data-label="Model" { span.cut { (Shown(&row.model)) } span.sub { (Shown(&row.surface)) @if !row.provider.is_empty() { " · " (Shown(&row.provider)) } @if row.streamed { " · stream" } } }
                td data-label="Found" { @if row.entity_types.is_empty() { span.dim { "–" } } @else { (Shown(&row.entity_types.join(", "))) @if row.violation_count > 1 { " ×" (row.violation_count) } }
                    @if row.injection_score > 0.0 { (injection(row)) } }
                td data-label="Status" { @match row.status { Some(status) => (status), None => "–" } span.sub { (Shown(&row.outcome.replace('_', " "))) } }
                td.number data-label="Latency" title=(format!("detectors {}, provider's first byte {}", millis(row.detect_ms), millis(row.upstream_ms))) { (millis(row.latency_ms)) span.sub { "own " (millis(row.own_ms)) } }
                td.number data-label="Cost" { @match row.cost_usd { Some(cost) => (dollars(cost)), None => span.dim { "–" } } span.sub { (tokens(row)) } }
            }
        }
    }
}

/// The score of an injection that counted, and what was done about it. Scores that did not count under the policy are not in
/// the log.
fn injection(row: &Activity) -> Markup {
    let (tone, said) = match row.verdict.as_str() {
        "block_injection" => ("bad", "stopped"),
        verdict if verdict.starts_with("block") || verdict == "failed_closed" => ("bad", "stopped for another cause"),
        _ => ("warn", "let through"),
    };
    html! { span class=(format!("sub tone {tone}")) { "injection " (format!("{:.2}", row.injection_score)) ", " (said) } }
}

/// The columns of a CSV file, as the API names them.
const COLUMNS: &[&str] = &[
    "id",
    "caller_request_id",
    "time",
    "key_id",
    "surface",
    "model",
    "provider",
    "verdict",
    "outcome",
    "status",
    "entity_types",
    "violation_count",
    "injection_score",
    "streamed",
    "latency_ms",
    "detect_ms",
    "upstream_ms",
    "own_ms",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "policy_version",
];

/// Every request that the filters let through, as a file, a page of the API at a time: however many there are, only one page
/// is held.
pub(super) async fn export(
    State(app): State<App>,
    Path(project): Path<String>,
    Query(filters): Query<Filters>,
) -> Result<Response, Trouble> {
    let is_csv = filters.form == "csv";
    let path = format!("/projects/{}/activity", piece(&project));
    let since = since(&filters.range);
    // The first page is read before the answer begins, so that a refusal is one.
    let first: List<Value> = app.api.get(&format!("{path}{}", filters.asked(&since, "", "500"))).await?;
    let head = if is_csv { format!("{}\r\n", COLUMNS.join(",")) } else { String::new() };
    let pages = stream::unfold(Some((head, Some(first), String::new())), move |state| {
        let (app, path, filters, since) = (App::clone(&app), path.clone(), filters.clone(), since.clone());
        async move {
            let (mut text, read, cursor) = state?;
            let page = match read {
                Some(page) => page,
                None => {
                    match app.api.get::<List<Value>>(&format!("{path}{}", filters.asked(&since, &cursor, "500"))).await
                    {
                        Ok(page) => page,
                        // The file ends in the middle, and the connection with it: nobody takes it for whole.
                        Err(refusal) => return Some((Err(std::io::Error::other(refusal.message)), None)),
                    }
                }
            };
            for row in &page.data {
                if is_csv {
                    text.push_str(&csv_line(row));
                } else {
                    text.push_str(&row.to_string());
                    text.push('\n');
                }
            }
            let next = page.next_cursor.map(|cursor| (String::new(), None, cursor));
            Some((Ok(Bytes::from(text)), next))
        }
    });
    let (kind, disposition) = if is_csv {
        ("text/csv; charset=utf-8", "attachment; filename=\"activity.csv\"")
    } else {
        ("application/x-ndjson", "attachment; filename=\"activity.jsonl\"")
    };
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(kind)), (CONTENT_DISPOSITION, HeaderValue::from_static(disposition))];
    Ok((headers, Body::from_stream(pages)).into_response())
}

fn csv_line(row: &Value) -> String {
    let cells: Vec<_> = COLUMNS
        .iter()
        .map(|name| match row.get(*name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => csv_cell(text),
            Some(Value::Array(items)) => {
                csv_cell(&items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "))
            }
            Some(other) => other.to_string(),
        })
        .collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell of a CSV file (RFC 4180). What a spreadsheet would take for a formula is made text by a quote before it: a model's
/// name is the caller's own (<https://owasp.org/www-community/attacks/CSV_Injection>, read 2026-11-25).
fn csv_cell(text: &str) -> String {
    let text = crate::text::plain(text);
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cell_cannot_be_a_formula_or_break_its_line() {
        assert_eq!(csv_cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(csv_cell("a,b\n\u{202E}"), "\"a,b\n⟨U+202E⟩\"");
        assert_eq!(csv_cell("plain"), "plain");
        let line = csv_line(&json!({"id": "req_1", "entity_types": ["A", "B"], "status": 200, "cost_usd": null}));
        assert!(line.starts_with("req_1,,") && line.contains(",200,A B,"), "{line}");
    }
}

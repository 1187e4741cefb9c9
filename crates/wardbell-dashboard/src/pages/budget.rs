//! The budget of a project: what is left, what is set aside, what was spent, and topping up.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::Said;
use crate::App;
use crate::chart::{self, Column};
use crate::client::{Refusal, piece, query};
use crate::door::Signed;
use crate::form::Form;
use crate::page::{Frame, Tab};
use crate::parts::{self, Field, dollars};
use crate::trouble::Trouble;
use crate::wire::{Budget, Counts};

const FIELDS: &[&str] = &["balance_usd", "limit_usd", "period", "minimum_usd", "alert_at_percent", "amount_usd"];

pub(super) async fn show(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Path(project): Path<String>,
    Query(Said { said }): Query<Said>,
) -> Result<Markup, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Budget).await?.say(said.as_deref());
    page(&app, &frame, None, None).await
}

async fn page(app: &App, frame: &Frame, form: Option<&Form>, refusal: Option<&Refusal>) -> Result<Markup, Trouble> {
    let budget: Budget = app.api.get(&format!("{}/budget", frame.api())).await?;
    let whose = frame.project().map_or("", |project| project.id.as_str());
    let counts: Counts = app.api.get(&format!("/counts{}", query([("range", "30d"), ("project", whose)]))).await?;
    let base = frame.base();
    let is_balance = budget.balance_usd.is_some() && budget.limit_usd.is_none();
    let spent: Vec<_> = counts
        .points
        .iter()
        .map(|point| Column {
            parts: vec![point.spent_usd],
            title: format!(
                "from {} UTC: {}",
                point.time.get(..16).unwrap_or_default().replace('T', " "),
                dollars(point.spent_usd)
            ),
        })
        .collect();
    let first = counts.points.first().map(|point| point.time.clone()).unwrap_or_default();
    let body = html! {
        h1 { "Budget" }
        p.lead { "A hard limit: before a request goes to a provider its highest cost is set aside, and what was not used comes back. It is never overspent." }
        dl.tiles {
            div.tile { dt { "Left" } dd { @match budget.balance_usd { Some(left) => (dollars(left)), None => "no limit" } } }
            div.tile { dt { "Reserved" } dd { (dollars(budget.reserved_usd)) small { "for requests under way" } } }
            div.tile { dt { "Spent" } dd { (dollars(budget.spent_usd)) small { @if let Some(at) = &budget.resets_at { "until " (parts::time(at)) } @else { "since it is counted" } } } }
            div.tile { dt { "Must stay" } dd { (dollars(budget.minimum_usd)) } }
        }
        section.charts aria-label="Over time" {
            figure.main { figcaption { "Spent in the last 30 days: " (dollars(counts.total.spent_usd)) }
                (chart::columns(&format!("Spending of the last 30 days, eight hours a column: {} in all", dollars(counts.total.spent_usd)), &["spent"], &spent))
                div.axis { (parts::time(&first)) span { "now" } } }
        }
        (parts::refused(refusal, FIELDS))
        div.columns {
            @if is_balance {
                section.panel {
                    h2 { "Top up" }
                    form.narrow method="post" action=(format!("{base}/budget/top-up")) {
                        (frame.token())
                        (Field { name: "amount_usd", label: "Amount, in dollars", help: html! { "It is added to what is left." }, refusal }
                            .line(form.map_or("", |form| form.raw("amount_usd")), "text", true))
                        button.primary type="submit" { "Top up" }
                    }
                }
            }
            section.panel { h2 { "Set the budget" } (set_form(frame, &budget, form, refusal)) }
        }
        p.dim { "Budgets of keys, users, sessions and models are set through the API: " code { "PUT " (base.replace("/projects", "/api/v1/projects")) "/budget?scope=user:*" } "." }
    };
    Ok(frame.page("Budget", &body))
}

fn set_form(frame: &Frame, budget: &Budget, form: Option<&Form>, refusal: Option<&Refusal>) -> Markup {
    let told = |name: &str, present: String| form.map_or(present, |form| form.raw(name).to_owned());
    let plain = |value: f64| {
        let text = format!("{value:.9}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let kind = match (budget.balance_usd, budget.limit_usd) {
        (None, _) => "none",
        (Some(_), None) => "balance",
        (Some(_), Some(_)) => "limit",
    };
    let amount = budget.limit_usd.or(budget.balance_usd).map(plain).unwrap_or_default();
    let percents = budget.alert_at_percent.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let known = ["day", "week", "month", "total"];
    let mut periods =
        vec![("month", "Each month (UTC)"), ("week", "Each week"), ("day", "Each day"), ("total", "Once, in all")];
    if !known.contains(&budget.period.as_str()) {
        periods.push((&budget.period, &budget.period));
    }
    let amount_field = if told("kind", kind.to_owned()) == "limit" { "limit_usd" } else { "balance_usd" };
    html! {
        form method="post" action=(format!("{}/budget", frame.base())) {
            (frame.token())
            (Field { name: "kind", label: "Kind", refusal: None, help: html! {} }.choice(&told("kind", kind.to_owned()), &[
                ("none", "No limit; spending is counted"), ("balance", "A balance that is topped up"), ("limit", "A limit for each period")]))
            div data-if="kind=balance,limit" {
                (Field { name: amount_field, label: "Amount, in dollars", refusal, help: html! { "Of a balance: what is left from now on. Of a limit: what may be spent in a period." } }
                    .with(|id, help| html! { input id=(id) name="amount" type="text" inputmode="decimal" value=(told("amount", amount)) aria-describedby=(help) autocomplete="off"; }))
            }
            div data-if="kind=limit" { (Field { name: "period", label: "Period", refusal, help: html! {} }.choice(&told("period", budget.period.clone()), &periods)) }
            (Field { name: "minimum_usd", label: "Must stay, in dollars", refusal, help: html! { "Requests that might go below it are refused." } }.line(&told("minimum_usd", plain(budget.minimum_usd)), "text", false))
            (Field { name: "alert_at_percent", label: "Tell at, in percent", refusal, help: html! { "Raises " code { "budget.threshold" } " once at each. Separated by commas." } }.line(&told("alert_at_percent", percents), "text", false))
            button.primary type="submit" { "Set budget" }
        }
    }
}

pub(super) async fn save(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Extension(form): Extension<Form>,
    Path(project): Path<String>,
) -> Result<Response, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Budget).await?;
    let mut body = Map::new();
    match form.text("kind") {
        "limit" => {
            body.insert("limit_usd".to_owned(), form.number("amount"));
            body.insert("period".to_owned(), json!(form.text("period")));
        }
        "balance" => {
            // Null would be no limit at all, and nothing typed is no wish for that.
            let amount = form.number("amount");
            body.insert("balance_usd".to_owned(), if amount.is_null() { json!("") } else { amount });
        }
        _ => {
            body.insert("balance_usd".to_owned(), Value::Null);
        }
    }
    if !form.text("minimum_usd").is_empty() {
        body.insert("minimum_usd".to_owned(), form.number("minimum_usd"));
    }
    let percents = form.list("alert_at_percent").into_iter().map(|item| item.trim_end_matches('%').trim());
    let percents: Vec<Value> =
        percents.map(|item| item.parse::<u64>().map_or_else(|_| json!(item), |number| json!(number))).collect();
    body.insert("alert_at_percent".to_owned(), json!(percents));
    let saved: Result<Budget, Refusal> = app.api.put(&format!("{}/budget", frame.api()), &Value::Object(body)).await;
    answered(&app, &frame, &form, saved, "budget-saved").await
}

pub(super) async fn top_up(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Extension(form): Extension<Form>,
    Path(project): Path<String>,
) -> Result<Response, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Budget).await?;
    let body = json!({"amount_usd": form.number("amount_usd")});
    let path = format!("/projects/{}/budget/top-up", piece(&project));
    let done: Result<Budget, Refusal> = app.api.post(&path, &body).await;
    // The other form of the page shows what holds, not what was typed here.
    match done {
        Ok(_) => Ok(Redirect::to(&format!("{}/budget?said=topped-up", frame.base())).into_response()),
        Err(refusal) => Ok((refusal.status, page(&app, &frame, None, Some(&refusal)).await?).into_response()),
    }
}

async fn answered(
    app: &App,
    frame: &Frame,
    form: &Form,
    saved: Result<Budget, Refusal>,
    said: &str,
) -> Result<Response, Trouble> {
    match saved {
        Ok(_) => Ok(Redirect::to(&format!("{}/budget?said={said}", frame.base())).into_response()),
        Err(refusal) => Ok((refusal.status, page(app, frame, Some(form), Some(&refusal)).await?).into_response()),
    }
}

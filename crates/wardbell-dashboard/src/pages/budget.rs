//! Budgets: of the project, and of its keys, users, sessions and models. What is left, what is set aside, what was spent;
//! setting, topping up and removing.

use axum::Extension;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::chart::{self, Column};
use crate::client::{Refusal, query};
use crate::desk::{self, Desk};
use crate::form::Form;
use crate::parts::{self, Field, dollars};
use crate::text::{Shown, plain};
use crate::trouble::Trouble;
use crate::wire::{Budget, Counts, Key, List};

const FIELDS: &[&str] =
    &["balance_usd", "limit_usd", "period", "minimum_usd", "alert_at_percent", "amount_usd", "of_name"];

/// The scope of the project itself.
const PROJECT: &str = "project";

/// How many other budgets a page shows.
const BUDGETS_SHOWN: &str = "50";

/// Who or what can have a budget: (the form's word, what it says).
const SCOPES: &[(&str, &str)] = &[
    ("key", "A key"),
    ("key:*", "Each key without its own"),
    ("user", "A user"),
    ("user:*", "Each user without their own"),
    ("model", "A model"),
    ("session", "A session"),
    ("session:*", "Each session without its own"),
];

/// Whose budget is meant, and which page of the others.
#[derive(Deserialize, Default)]
pub(super) struct Whose {
    #[serde(default)]
    scope: String,
    #[serde(default)]
    cursor: String,
}

impl Whose {
    fn scope(&self) -> &str {
        if self.scope.is_empty() { PROJECT } else { &self.scope }
    }

    /// The page of this budget.
    fn below(&self, what: &str) -> String {
        let scope = if self.scope() == PROJECT { "" } else { self.scope() };
        format!("/budget{what}{}", query([("scope", scope)]))
    }
}

pub(super) async fn show(desk: Desk, Query(whose): Query<Whose>) -> Result<Markup, Trouble> {
    page(&desk, &whose, None, None).await
}

async fn page(desk: &Desk, whose: &Whose, form: Option<&Form>, refusal: Option<&Refusal>) -> Result<Markup, Trouble> {
    let budget: Budget = desk.get(&whose.below("")).await?;
    let keys: List<Key> = desk.get("/keys").await?;
    let is_project = whose.scope() == PROJECT;
    let is_each = whose.scope().ends_with(":*");
    let is_balance = budget.balance_usd.is_some() && budget.limit_usd.is_none();
    let body = html! {
        @if is_project {
            h1 { "Budget" }
            p.lead { "A hard limit: before a request goes to a provider its highest cost is set aside, and what was not used comes back. It is never overspent." }
        } @else {
            p.crumb { a href=(desk.path("/budget")) { "Budgets" } }
            h1 { "Budget: " (name(whose.scope(), &keys.data)) }
            p.lead { (meaning(whose.scope())) }
        }
        @if !is_each { (tiles(&budget)) }
        @if is_project { (spending(desk).await?) }
        (parts::refused(refusal, FIELDS))
        div.columns {
            @if is_balance && !is_each {
                section.panel {
                    h2 { "Top up" }
                    form.narrow method="post" action=(desk.path(&whose.below("/top-up"))) {
                        (desk.frame.token())
                        (Field { name: "amount_usd", label: "Amount, in dollars", help: html! { "It is added to what is left." }, refusal }
                            .line(form.map_or("", |form| form.raw("amount_usd")), "text", true))
                        button.primary type="submit" { "Top up" }
                    }
                }
            }
            section.panel { h2 { "Set the budget" } (set_form(desk, whose, &budget, form, refusal)) }
        }
        @if is_project { (others(desk, whose, &keys.data, form, refusal).await?) }
    };
    Ok(desk.frame.page("Budget", &body))
}

fn tiles(budget: &Budget) -> Markup {
    html! {
        dl.tiles {
            div.tile { dt { "Left" } dd { @match budget.balance_usd { Some(left) => (dollars(left)), None => "no limit" } } }
            div.tile { dt { "Reserved" } dd { (dollars(budget.reserved_usd)) small { "for requests under way" } } }
            div.tile { dt { "Spent" } dd { (dollars(budget.spent_usd)) small { @if let Some(at) = &budget.resets_at { "until " (parts::time(at)) } @else { "since it is counted" } } } }
            div.tile { dt { "Must stay" } dd { (dollars(budget.minimum_usd)) } }
        }
    }
}

/// What the project has spent over time.
async fn spending(desk: &Desk) -> Result<Markup, Trouble> {
    let project = desk.frame.project().map_or("", |project| project.id.as_str());
    let counts: Counts =
        desk.app.api.get(&format!("/counts{}", query([("range", "30d"), ("project", project)]))).await?;
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
    Ok(html! {
        section.charts aria-label="Over time" {
            figure.main { figcaption { "Spent in the last 30 days: " (dollars(counts.total.spent_usd)) }
                (chart::columns(&format!("Spending of the last 30 days, eight hours a column: {} in all", dollars(counts.total.spent_usd)), &["spent"], &spent))
                div.axis { (parts::time(&first)) span { "now" } } }
        }
    })
}

/// The name of a scope. What stands in it is a caller's own word, or a key's.
fn name(scope: &str, keys: &[Key]) -> Markup {
    match scope.split_once(':') {
        Some(("key", "*")) => html! { "each key without its own" },
        Some(("user", "*")) => html! { "each user without their own" },
        Some(("session", "*")) => html! { "each session without its own" },
        Some(("key", id)) => html! {
            "key "
            @if let Some(key) = keys.iter().find(|key| key.id == id) { b { (Shown(&key.name)) } } @else { code { (Shown(id)) } " (revoked)" }
        },
        Some((kind, name)) => html! { (kind) " " b { (Shown(name)) } },
        None => html! { "the project" },
    }
}

/// The same as text.
fn name_as_text(scope: &str, keys: &[Key]) -> String {
    let key = scope.strip_prefix("key:").and_then(|id| keys.iter().find(|key| key.id == id));
    plain(key.map_or(scope, |key| key.name.as_str()))
}

fn meaning(scope: &str) -> &'static str {
    match scope.split_once(':') {
        Some((_, "*")) => "So much for each of them, unless one has a budget of its own. It spends nothing itself.",
        Some(("key", _)) => "What this key may spend. The project's budget counts beside it.",
        Some(("user", _)) => {
            "What this end user may spend, whichever key is used. The project's budget counts beside it."
        }
        Some(("session", _)) => "What this session may spend. The project's budget counts beside it.",
        Some(("model", _)) => "What may be spent on this model. The project's budget counts beside it.",
        _ => "",
    }
}

/// The other budgets of the project, and the way to a new one.
async fn others(
    desk: &Desk,
    whose: &Whose,
    keys: &[Key],
    form: Option<&Form>,
    refusal: Option<&Refusal>,
) -> Result<Markup, Trouble> {
    let asked = query([("limit", BUDGETS_SHOWN), ("cursor", &whose.cursor)]);
    let budgets: List<Budget> = desk.get(&format!("/budgets{asked}")).await?;
    let shown: Vec<_> = budgets.data.iter().filter(|budget| budget.scope != PROJECT).collect();
    let rows = html! {
        @for (at, budget) in shown.iter().enumerate() {
            @let scope = query([("scope", budget.scope.as_str())]);
            @let each = budget.scope.ends_with(":*");
            tr {
                td data-label="Whose" { (name(&budget.scope, keys)) }
                td.number data-label="Left" { @if each { span.dim { "each its own" } } @else { @match budget.balance_usd { Some(left) => (dollars(left)), None => span.dim { "no limit" } } } }
                td.number data-label="Spent" { @if each { span.dim { "–" } } @else { (dollars(budget.spent_usd)) } @if budget.reserved_usd > 0.0 { span.sub { (dollars(budget.reserved_usd)) " reserved" } } }
                td data-label="Limit" { (limit(budget)) @if let Some(at) = &budget.resets_at { span.sub { "until " (parts::time(at)) } } }
                td data-label="Actions" { div.row {
                    a.button href=(desk.path(&format!("/budget{scope}"))) aria-label=(format!("Change the budget of {}", name_as_text(&budget.scope, keys))) { "Change" }
                    (parts::confirmed(&desk.frame, &format!("remove-{at}"), "Remove", &desk.path(&format!("/budget/remove{scope}")), &html! {
                        p { "Remove the budget of " (name(&budget.scope, keys)) "? It limits nothing from then on. What was spent stays counted, in case you set one again." }
                    }))
                } }
            }
        }
    };
    let next = budgets.next_cursor.as_deref().unwrap_or_default();
    Ok(html! {
        section #others {
            h2 { "Of keys, users, models and sessions" }
            @if shown.is_empty() && whose.cursor.is_empty() { p.dim { "There is none: only the project's budget counts." } }
            @else if shown.is_empty() { p.dim { "There are no more." } }
            @else { (parts::table("Other budgets", &["Whose", "Left", "Spent", "Limit", "Actions"], &rows)) }
            @if !next.is_empty() { p.more { a.button href=(desk.path(&format!("/budget{}#others", query([("cursor", next)])))) { "More budgets" } } }
        }
        section.panel { h2 { "Another budget" } (of_form(desk, keys, form, refusal)) }
    })
}

/// What a budget allows, in words.
fn limit(budget: &Budget) -> Markup {
    html! {
        @match (budget.limit_usd, budget.balance_usd) {
            (Some(limit), _) => { (dollars(limit)) " " (period(&budget.period)) },
            (None, Some(_)) => "a balance",
            (None, None) => "none; it is counted",
        }
    }
}

fn period(word: &str) -> String {
    match word {
        "day" | "week" | "month" => format!("each {word}"),
        "total" => "in all".to_owned(),
        other => match other.strip_prefix("rolling:") {
            Some(seconds) => format!("in any {} seconds", plain(seconds)),
            None => plain(other),
        },
    }
}

/// Who is to have a budget; the next page sets it.
fn of_form(desk: &Desk, keys: &[Key], form: Option<&Form>, refusal: Option<&Refusal>) -> Markup {
    let told = |name: &str| form.map_or("", |form| form.raw(name));
    let names: Vec<_> = keys.iter().map(|key| (key.id.as_str(), plain(&key.name))).collect();
    let names: Vec<_> = names.iter().map(|(id, name)| (*id, name.as_str())).collect();
    html! {
        form.narrow method="post" action=(desk.path("/budget/of")) {
            (desk.frame.token())
            (Field { name: "of", label: "Whose", refusal: None, help: html! {} }.choice(told("of"), SCOPES))
            @if !names.is_empty() { div data-if="of=key" { (Field { name: "of_key", label: "Key", refusal: None, help: html! {} }.choice(told("of_key"), &names)) } }
            div data-if="of=user,model,session" {
                (Field { name: "of_name", label: "Name", refusal, help: html! { "As callers send it: the end user of a key, the model, or " code { "x-wardbell-session" } "." } }.line(told("of_name"), "text", false))
            }
            button type="submit" { "Go on" }
        }
    }
}

fn set_form(desk: &Desk, whose: &Whose, budget: &Budget, form: Option<&Form>, refusal: Option<&Refusal>) -> Markup {
    // Another form of the page says nothing of this one.
    let form = form.filter(|form| form.is_on("kind"));
    let told = |name: &str, present: String| form.map_or(present, |form| form.raw(name).to_owned());
    let exact = |value: f64| {
        let text = format!("{value:.9}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let kind = match (budget.balance_usd, budget.limit_usd) {
        (None, _) => "none",
        (Some(_), None) => "balance",
        (Some(_), Some(_)) => "limit",
    };
    let amount = budget.limit_usd.or(budget.balance_usd).map(exact).unwrap_or_default();
    let percents = budget.alert_at_percent.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let known = ["day", "week", "month", "total"];
    let mut periods =
        vec![("month", "Each month (UTC)"), ("week", "Each week"), ("day", "Each day"), ("total", "Once, in all")];
    if !known.contains(&budget.period.as_str()) {
        periods.push((&budget.period, &budget.period));
    }
    let amount_field = if told("kind", kind.to_owned()) == "limit" { "limit_usd" } else { "balance_usd" };
    html! {
        form method="post" action=(desk.path(&whose.below(""))) {
            (desk.frame.token())
            (Field { name: "kind", label: "Kind", refusal: None, help: html! {} }.choice(&told("kind", kind.to_owned()), &[
                ("none", "No limit; spending is counted"), ("balance", "A balance that is topped up"), ("limit", "A limit for each period")]))
            div data-if="kind=balance,limit" {
                (Field { name: amount_field, label: "Amount, in dollars", refusal, help: html! { "Of a balance: what is left from now on. Of a limit: what may be spent in a period." } }
                    .with(|id, help| html! { input id=(id) name="amount" type="text" inputmode="decimal" value=(told("amount", amount)) aria-describedby=(help) autocomplete="off"; }))
            }
            div data-if="kind=limit" { (Field { name: "period", label: "Period", refusal, help: html! {} }.choice(&told("period", budget.period.clone()), &periods)) }
            (Field { name: "minimum_usd", label: "Must stay, in dollars", refusal, help: html! { "Requests that might go below it are refused." } }.line(&told("minimum_usd", exact(budget.minimum_usd)), "text", false))
            (Field { name: "alert_at_percent", label: "Tell at, in percent", refusal, help: html! { "Raises " code { "budget.threshold" } " once at each. Separated by commas." } }.line(&told("alert_at_percent", percents), "text", false))
            button.primary type="submit" { "Set budget" }
        }
    }
}

pub(super) async fn save(
    desk: Desk,
    Query(whose): Query<Whose>,
    Extension(form): Extension<Form>,
) -> Result<Response, Trouble> {
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
    let saved: Result<Budget, Refusal> = desk.app.api.put(&desk.path(&whose.below("")), &Value::Object(body)).await;
    match saved {
        Ok(_) => Ok(desk.lead(&whose.below(""), "budget-saved")),
        Err(refusal) => Ok(desk::again(&refusal, page(&desk, &whose, Some(&form), Some(&refusal)).await?)),
    }
}

pub(super) async fn top_up(
    desk: Desk,
    Query(whose): Query<Whose>,
    Extension(form): Extension<Form>,
) -> Result<Response, Trouble> {
    let body = json!({"amount_usd": form.number("amount_usd")});
    let done: Result<Budget, Refusal> = desk.app.api.post(&desk.path(&whose.below("/top-up")), &body).await;
    match done {
        Ok(_) => Ok(desk.lead(&whose.below(""), "topped-up")),
        Err(refusal) => Ok(desk::again(&refusal, page(&desk, &whose, Some(&form), Some(&refusal)).await?)),
    }
}

pub(super) async fn remove(desk: Desk, Query(whose): Query<Whose>) -> Result<Response, Trouble> {
    desk.app.api.delete(&desk.path(&whose.below(""))).await?;
    Ok(desk.lead("/budget", "budget-removed"))
}

/// Leads to the page of the budget that was asked for.
pub(super) async fn of(desk: Desk, Extension(form): Extension<Form>) -> Result<Response, Trouble> {
    let scope = match form.text("of") {
        each if each.ends_with(":*") => each.to_owned(),
        "key" => format!("key:{}", form.text("of_key")),
        kind => format!("{kind}:{}", form.text("of_name")),
    };
    let whose = Whose { scope, cursor: String::new() };
    // The API says whether there can be such a budget.
    if desk.get::<Budget>(&whose.below("")).await.is_ok() {
        return Ok(Redirect::to(&desk.path(&whose.below(""))).into_response());
    }
    let refusal = Refusal::of_field("of_name", "A name of one line and at most 200 characters is needed");
    Ok(desk::again(&refusal, page(&desk, &Whose::default(), Some(&form), Some(&refusal)).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_told_in_words_and_names_do_nothing() {
        let key = |id: &str, name: &str| Key {
            id: id.to_owned(),
            name: name.to_owned(),
            user_id: None,
            hint: String::new(),
            created_at: String::new(),
            last_used_at: None,
        };
        let keys = [key("key_1", "<b>\u{202E}")];
        let told = |scope: &str| name(scope, &keys).into_string();
        assert!(told("user:<i>x").contains("user <b><bdi>&lt;i&gt;x"), "{}", told("user:<i>x"));
        assert!(told("key:key_1").contains("&lt;b&gt;") && told("key:key_1").contains("⟨U+202E⟩"));
        assert!(told("key:key_2").contains("revoked"));
        assert_eq!(told("session:*"), "each session without its own");
        assert_eq!((period("month"), period("rolling:60")), ("each month".to_owned(), "in any 60 seconds".to_owned()));
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_an_address() {
        let whose = Whose { scope: "user:a&said=x#y".to_owned(), cursor: String::new() };
        assert_eq!(whose.below("/top-up"), "/budget/top-up?scope=user%3Aa%26said%3Dx%23y");
        assert_eq!(Whose::default().below(""), "/budget");
    }
}

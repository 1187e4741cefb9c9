//! The overview: what happens, what happened, and what needs somebody.

use axum::Extension;
use axum::extract::{Query, State};
use futures_util::future::try_join_all;
use maud::{Markup, html};
use serde::Deserialize;

use super::alerts::about;
use crate::App;
use crate::chart::{self, Column};
use crate::client::query;
use crate::desk::Desk;
use crate::door::Signed;
use crate::page::Frame;
use crate::parts::{self, dollars, millis, number};
use crate::text::Shown;
use crate::trouble::Trouble;
use crate::wire::{Activity, Alert, Budget, Counts, Delivery, Key, List, Point, Project, Provider, Top, Webhook};

/// How far back the charts go: (the API's word, what it says).
const RANGES: &[(&str, &str)] =
    &[("15m", "15 min"), ("1h", "1 hour"), ("6h", "6 hours"), ("24h", "1 day"), ("7d", "7 days"), ("30d", "30 days")];
/// How many rows the live feed starts with, and has room for.
const FEED_ROWS: usize = 12;
/// Of how many projects a page of the overview shows endpoints, feed and banners. Source: our choice: each costs some reads.
const PROJECTS_READ: usize = 12;

/// How many banners stand open.
const BANNERS_SHOWN: usize = 6;

#[derive(Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    range: String,
    /// Which dozen of the projects, from 1.
    #[serde(default)]
    part: String,
    said: Option<String>,
}

/// The projects that a page of the overview looks at.
struct Part {
    /// Which part it is, from 0.
    at: usize,
    /// How many projects there are.
    of: usize,
}

impl Part {
    fn new(asked: &str, of: usize) -> Self {
        let last = of.saturating_sub(1) / PROJECTS_READ;
        Self { at: asked.parse::<usize>().unwrap_or(1).saturating_sub(1).min(last), of }
    }

    fn first(&self) -> usize {
        self.at * PROJECTS_READ
    }

    fn end(&self) -> usize {
        (self.first() + PROJECTS_READ).min(self.of)
    }

    /// Says which projects are looked at, where that is not all of them, with the way to the others.
    fn told(&self, range: &str) -> Markup {
        if self.of <= PROJECTS_READ {
            return html! {};
        }
        let link = |part: usize, said: &str| {
            html! { a href=(format!("/?range={range}&part={}", part + 1)) { (said) } }
        };
        html! {
            nav.portion aria-label="Projects" {
                p { "Figures and charts are of all " (self.of) " projects. What needs somebody, webhooks and the last requests are of the projects "
                    b { (self.first() + 1) " to " (self.end()) } "; the live feed tells of all. " }
                div.row {
                    @if self.at > 0 { (link(self.at - 1, "Projects before")) }
                    @if self.end() < self.of { (link(self.at + 1, "Next projects")) }
                    a href="/projects" { "All projects" }
                }
            }
        }
    }
}

pub(super) async fn all(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    let frame = Frame::new(&app, &signed).await?.at_overview().say(asked.said.as_deref());
    page(&app, &frame, &asked).await
}

pub(super) async fn project(desk: Desk, Query(asked): Query<Asked>) -> Result<Markup, Trouble> {
    page(&desk.app, &desk.frame, &asked).await
}

/// What is read of one project.
struct Seen {
    project: Project,
    webhooks: Vec<Webhook>,
    budget: Budget,
    dead: bool,
    providers: usize,
    keys: Vec<Key>,
    activity: Vec<Activity>,
    alerts: Vec<Alert>,
}

async fn see(app: &App, project: &Project) -> Result<Seen, Trouble> {
    let base = format!("/projects/{}", project.id);
    let webhooks: List<Webhook> = app.api.get(&format!("{base}/webhooks")).await?;
    let budget: Budget = app.api.get(&format!("{base}/budget")).await?;
    let dead: List<Delivery> = app.api.get(&format!("{base}/deliveries?state=dead&limit=1")).await?;
    let providers: List<Provider> = app.api.get(&format!("{base}/providers")).await?;
    let keys: List<Key> = app.api.get(&format!("{base}/keys")).await?;
    let activity: List<Activity> = app.api.get(&format!("{base}/activity?limit={FEED_ROWS}")).await?;
    let alerts: List<Alert> = app.api.get(&format!("{base}/alerts?limit={FEED_ROWS}")).await?;
    Ok(Seen {
        project: project.clone(),
        webhooks: webhooks.data,
        budget,
        dead: !dead.data.is_empty(),
        providers: providers.data.len(),
        keys: keys.data,
        activity: activity.data,
        alerts: alerts.data,
    })
}

async fn page(app: &App, frame: &Frame, asked: &Asked) -> Result<Markup, Trouble> {
    let range = RANGES.iter().find(|(word, _)| *word == asked.range).map_or("1h", |(word, _)| word);
    let part = Part::new(&asked.part, frame.projects.len());
    let whose = frame.project().map_or("", |project| project.id.as_str());
    let counts: Counts = app.api.get(&format!("/counts{}", query([("range", range), ("project", whose)]))).await?;
    let wanted: Vec<&Project> = match frame.project() {
        Some(project) => vec![project],
        None => frame.projects.iter().take(part.end()).skip(part.first()).collect(),
    };
    let seen = try_join_all(wanted.into_iter().map(|project| see(app, project))).await?;
    let path = if whose.is_empty() { "/".to_owned() } else { frame.base() };
    let body = html! {
        div.head {
            h1 { "Overview" }
            nav.ranges aria-label="Range" {
                @for (word, said) in RANGES {
                    a href=(format!("{path}{}", query([("range", *word), ("part", asked.part.as_str())]))) aria-current=[(*word == range).then_some("true")] { (said) }
                }
            }
        }
        @if frame.project().is_none() { (part.told(range)) }
        (banners(&seen, frame.projects.is_empty()))
        (tiles(&counts))
        (charts(&counts))
        div.columns.wide {
            (feed(whose, &seen))
            div {
                (endpoints(&seen))
                (tops(&counts, &seen))
            }
        }
    };
    Ok(frame.page("Overview", &body))
}

/// What needs a person, with the way to mend it.
fn banners(seen: &[Seen], has_none: bool) -> Markup {
    let mut said = Vec::new();
    if has_none {
        said.push(("warn", html! { "There is no project. " a href="/projects" { "Make one" } " to get a key." }));
    }
    for Seen { project, webhooks, budget, dead, providers, .. } in seen {
        let base = format!("/projects/{}", project.id);
        let name = html! { b { (Shown(&project.name)) } };
        for webhook in webhooks.iter().filter(|webhook| webhook.enabled && webhook.state != "healthy") {
            said.push((
                "bad",
                html! { (name) ": the webhook to " code { (Shown(&webhook.url)) } " fails"
                @if let Some(reason) = &webhook.health.reason { ": " (Shown(reason)) } ". "
                a href=(format!("{base}/webhooks/{}", webhook.id)) { "Look at it" } },
            ));
        }
        if webhooks.is_empty() {
            said.push(("warn", html! { (name) ": nobody is told of alerts. " a href=(format!("{base}/webhooks/new")) { "Add a webhook" } }));
        } else if webhooks.iter().all(|webhook| !webhook.enabled) {
            said.push((
                "warn",
                html! { (name) ": every webhook is off. " a href=(format!("{base}/webhooks")) { "Switch one on" } },
            ));
        }
        if *dead {
            said.push(("warn", html! { (name) " has dead letters. " a href=(format!("{base}/deliveries?state=dead")) { "Look at them and replay" } }));
        }
        if budget.balance_usd.is_some_and(|balance| balance <= budget.minimum_usd) {
            said.push(("bad", html! { (name) ": the budget is used up, and requests are refused. " a href=(format!("{base}/budget")) { "Top it up" } }));
        }
        if *providers == 0 {
            said.push(("info", html! { (name) ": the built-in " code { "echo" } " answers every request. " a href=(format!("{base}/providers")) { "Set a provider" } }));
        }
    }
    // The worst first; what is beyond a handful is a click away.
    said.sort_by_key(|(tone, _)| ["bad", "warn"].iter().position(|worse| worse == tone).unwrap_or(2));
    let rest = said.split_off(said.len().min(BANNERS_SHOWN));
    html! {
        @if !said.is_empty() {
            ul.banners aria-label="What needs somebody" { @for (tone, sentence) in &said { li class=(tone) { (sentence) } } }
        }
        @if !rest.is_empty() {
            details.more-banners {
                summary { (rest.len()) " more " @if rest.len() == 1 { "thing needs" } @else { "things need" } " somebody" }
                ul.banners { @for (tone, sentence) in &rest { li class=(tone) { (sentence) } } }
            }
        }
    }
}

fn tiles(counts: &Counts) -> Markup {
    let total = &counts.total;
    let tile = |name: &str, value: String, note: Option<String>| {
        html! {
            div.tile { dt { (name) } dd { (value) @if let Some(note) = note { small { (note) } } } }
        }
    };
    let share =
        |part: u64| (total.requests > 0).then(|| format!("{:.1} %", part as f64 / total.requests as f64 * 100.0));
    html! {
        dl.tiles {
            (tile("Requests", number(total.requests), None))
            (tile("Blocked", number(total.blocked), share(total.blocked)))
            (tile("Redacted", number(total.redacted), share(total.redacted)))
            (tile("Injections", number(total.injections), share(total.injections)))
            (tile("Spent", dollars(total.spent_usd), None))
            (tile("Own overhead", total.own_ms.map_or_else(|| "–".to_owned(), millis), Some("on average".to_owned())))
        }
    }
}

fn charts(counts: &Counts) -> Markup {
    let at = |point: &Point| point.time.get(5..16).unwrap_or_default().replace('T', " ");
    let requests: Vec<_> = counts
        .points
        .iter()
        .map(|point| {
            let rest = point.requests.saturating_sub(point.blocked + point.redacted);
            Column {
                parts: vec![rest as f64, point.redacted as f64, point.blocked as f64],
                title: format!(
                    "{} UTC: {} requests, {} redacted, {} blocked, {} injections, {} failed upstream",
                    at(point),
                    point.requests,
                    point.redacted,
                    point.blocked,
                    point.injections,
                    point.upstream_failed
                ),
            }
        })
        .collect();
    let single = |value: &dyn Fn(&Point) -> f64, said: &dyn Fn(f64) -> String| -> Vec<Column> {
        counts
            .points
            .iter()
            .map(|point| {
                let value = value(point);
                Column { parts: vec![value], title: format!("{} UTC: {}", at(point), said(value)) }
            })
            .collect()
    };
    let spent = single(&|point| point.spent_usd, &|value| dollars(value));
    let own = single(&|point| point.own_ms.unwrap_or(0.0), &|value| millis(value));
    let total = &counts.total;
    let first = counts.points.first().map(|point| point.time.as_str()).unwrap_or_default();
    html! {
        section.charts aria-label="Over time" {
            figure.main {
                figcaption { "Requests " span.legend {
                    span.key.clean {} "clean" span.key.redacted {} "redacted" span.key.blocked {} "blocked" }
                (peak(&number(counts.points.iter().map(|point| point.requests).max().unwrap_or(0))))
                }
                (chart::columns(&format!("Requests over time: {} in all, {} redacted, {} blocked", total.requests, total.redacted, total.blocked), &["clean", "redacted", "blocked"], &requests))
                (axis(first))
            }
            figure { figcaption { "Spent" (peak(&dollars(most(&spent)))) } (chart::columns(&format!("Spending over time: {} in all", dollars(total.spent_usd)), &["spent"], &spent)) (axis(first)) }
            figure { figcaption { "Own overhead" (peak(&millis(most(&own)))) } (chart::columns("What Wardbell itself took for a request, over time", &["own"], &own)) (axis(first)) }
        }
    }
}

/// The highest column, which fills the chart's height.
fn peak(said: &str) -> Markup {
    html! { span.peak { "peak " (said) } }
}

fn most(columns: &[Column]) -> f64 {
    columns.iter().map(|column| column.parts.iter().sum()).fold(0.0, f64::max)
}

fn axis(first: &str) -> Markup {
    html! { div.axis { (parts::time(first)) span { "now" } } }
}

/// A row of the feed.
struct Row<'a> {
    time: &'a str,
    markup: Markup,
}

fn feed(whose: &str, seen: &[Seen]) -> Markup {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for Seen { project, activity, alerts, .. } in seen {
        let base = format!("/projects/{}", project.id);
        rows.extend(activity.iter().map(|row| Row { time: &row.time, markup: request_row(&base, row) }));
        rows.extend(alerts.iter().map(|alert| Row { time: &alert.time, markup: alert_row(&base, alert) }));
    }
    rows.sort_by(|one, other| other.time.cmp(one.time));
    rows.truncate(FEED_ROWS);
    html! {
        section.panel.live {
            div.head {
                h2 #live-title { "Live" }
                span.live-state data-live-state { "" }
                button type="button" data-live-pause aria-pressed="false" { "Pause" }
            }
            ol.feed data-live=(format!("/live{}", query([("project", whose)]))) data-rows=(FEED_ROWS) aria-labelledby="live-title" {
                @for row in &rows { (row.markup) }
            }
            p.dim.feed-empty { "Requests and alerts appear here as they happen." }
        }
    }
}

fn request_row(base: &str, row: &Activity) -> Markup {
    html! {
        li {
            (parts::time(&row.time)) " " (parts::verdict(&row.verdict)) " "
            a href=(format!("{base}/activity{}", query([("request", row.id.as_str())]))) { (Shown(if row.model.is_empty() { &row.surface } else { &row.model })) }
            " " span.dim { (Shown(&row.entity_types.join(", "))) }
        }
    }
}

fn alert_row(base: &str, alert: &Alert) -> Markup {
    html! {
        li.alert {
            (parts::time(&alert.time)) " " (parts::badge("bell", "alert")) " "
            a href=(format!("{base}/alerts/{}", alert.id)) { (alert.kind) }
            " " span.dim { (about(&alert.data)) }
        }
    }
}

fn endpoints(seen: &[Seen]) -> Markup {
    let webhooks: Vec<_> =
        seen.iter().flat_map(|seen| seen.webhooks.iter().map(move |webhook| (seen, webhook))).collect();
    html! {
        section.panel {
            h2 { "Webhooks" }
            @if webhooks.is_empty() { p.dim { "There are none yet." } }
            ul.rows {
                @for (seen, webhook) in webhooks {
                    li {
                        a.cut href=(format!("/projects/{}/webhooks/{}", seen.project.id, webhook.id)) { (Shown(&webhook.url)) }
                        span.dim { (webhook.format) } (parts::state(&webhook.state))
                    }
                }
            }
        }
    }
}

fn tops(counts: &Counts, seen: &[Seen]) -> Markup {
    let key_name = |id: &str| {
        let keys = seen.iter().flat_map(|seen| &seen.keys);
        keys.into_iter().find(|key| key.id == id).map_or_else(|| id.to_owned(), |key| key.name.clone())
    };
    html! {
        (top("Entity types", "Nothing was found in this time.", &counts.entity_types, &|name| name.to_owned(), false))
        (top("Keys", "No requests in this time.", &counts.keys, &key_name, true))
        (top("Models", "No requests in this time.", &counts.models, &|name| name.to_owned(), true))
    }
}

fn top(title: &str, none: &str, tops: &[Top], name: &dyn Fn(&str) -> String, with_cost: bool) -> Markup {
    let most = tops.iter().map(|top| top.requests).max().unwrap_or(0);
    html! {
        section.panel {
            h2 { (title) }
            @if tops.is_empty() { p.dim { (none) } }
            ul.tops {
                @for top in tops {
                    li {
                        span.cut { (Shown(&name(&top.name))) }
                        (chart::share(top.requests as f64, most as f64))
                        span.number { (number(top.requests)) @if with_cost && top.spent_usd > 0.0 { span.dim { " " (dollars(top.spent_usd)) } } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_project_is_in_exactly_one_part_and_a_wrong_part_is_a_near_one() {
        let seen = |asked: &str, of: usize| {
            let part = Part::new(asked, of);
            (part.first(), part.end())
        };
        assert_eq!([seen("", 30), seen("2", 30), seen("3", 30)], [(0, 12), (12, 24), (24, 30)]);
        assert_eq!([seen("99", 30), seen("0", 30), seen("x", 12), seen("1", 0)], [(24, 30), (0, 12), (0, 12), (0, 0)]);
        assert_eq!(Part::new("", 12).told("1h").into_string(), "");
        let told = Part::new("2", 30).told("1h").into_string();
        assert!(told.contains("13 to 24") && told.contains("part=1") && told.contains("part=3"), "{told}");
    }
}

//! Silences and mute windows of a project: which alerts are held back, when, by whom and why.

use axum::Extension;
use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::webhook_form;
use crate::client::{Refusal, piece};
use crate::desk::{self, Desk};
use crate::form::Form;
use crate::parts::{self, Field, empty, tick};
use crate::text::{Shown, plain};
use crate::trouble::Trouble;
use crate::wire::{Key, List, Silence, Webhook, Weekly};

/// Fields of the API that the form shows its problems at.
const FIELDS: &[&str] = &[
    "reason",
    "author",
    "events",
    "severity_max",
    "webhook",
    "models",
    "keys",
    "entity_types",
    "duration_seconds",
    "starts_at",
    "ends_at",
    "weekly.days",
    "weekly.from",
    "weekly.to",
    "weekly.time_zone",
    "weekly.expires_at",
];

/// Days of the week: (the API's word, what it says).
const DAYS: &[(&str, &str)] = &[
    ("mon", "Monday"),
    ("tue", "Tuesday"),
    ("wed", "Wednesday"),
    ("thu", "Thursday"),
    ("fri", "Friday"),
    ("sat", "Saturday"),
    ("sun", "Sunday"),
];

/// How long a silence that begins now may hold: (seconds, what it says).
const LENGTHS: &[(&str, &str)] = &[
    ("3600", "1 hour"),
    ("14400", "4 hours"),
    ("28800", "8 hours"),
    ("86400", "1 day"),
    ("259200", "3 days"),
    ("604800", "1 week"),
];

pub(super) async fn list(desk: Desk) -> Result<Markup, Trouble> {
    page(&desk, &Form::default(), None).await
}

async fn page(desk: &Desk, form: &Form, refusal: Option<&Refusal>) -> Result<Markup, Trouble> {
    let silences: List<Silence> = desk.get("/silences").await?;
    let webhooks: List<Webhook> = desk.get("/webhooks").await?;
    let keys: List<Key> = desk.get("/keys").await?;
    let rows = html! {
        @for silence in &silences.data {
            tr {
                td data-label="Holds back" { (what(silence, &webhooks.data, &keys.data)) }
                td data-label="When" { (when(silence)) }
                td data-label="Why" { (Shown(&silence.reason)) br; span.dim { (Shown(&silence.author)) ", " (parts::time(&silence.created_at)) } }
                td data-label="State" { (state(silence)) }
                td data-label="Actions" { (end(desk, silence)) }
            }
        }
    };
    let body = html! {
        h1 { "Silences" }
        p.lead { "Before planned work, or every night: hold alerts back, and be told of them in one message with the exact count when the silence ends. Requests are judged as ever." }
        @if silences.data.is_empty() {
            (empty("Nothing is silenced", &html! { p { "Make a silence below. It ends by itself, so nobody has to remember it." } }))
        } @else {
            (parts::table("Silences", &["Holds back", "When", "Why", "State", "Actions"], &rows))
        }
        section.panel {
            h2 { "New silence" }
            (parts::refused(refusal, FIELDS))
            (new_form(desk, form, refusal, &webhooks.data))
        }
    };
    Ok(desk.frame.page("Silences", &body))
}

/// Which alerts a silence is about.
fn what(silence: &Silence, webhooks: &[Webhook], keys: &[Key]) -> Markup {
    let Silence { events, severity_max, filter, webhook, .. } = silence;
    let names: Vec<_> = filter
        .keys
        .iter()
        .map(|id| keys.iter().find(|key| key.id == *id).map_or(id.as_str(), |key| key.name.as_str()))
        .collect();
    let lists =
        [("models", filter.models.join(", ")), ("keys", names.join(", ")), ("types", filter.entity_types.join(", "))];
    html! {
        @if events.iter().any(|event| event == "*") { "every alert" } @else { @for event in events { code { (Shown(event)) } " " } }
        @if let Some(most) = severity_max { span.line { "up to " (parts::severity(most)) } }
        @for (name, said) in lists.iter().filter(|(_, said)| !said.is_empty()) { span.line.dim { "only " (name) " " (Shown(said)) } }
        @if let Some(id) = webhook {
            @let to = webhooks.iter().find(|webhook| webhook.id == *id).map_or(id.as_str(), |webhook| webhook.url.as_str());
            span.line.dim { "only on the way to " code { (Shown(to)) } }
        }
    }
}

fn when(silence: &Silence) -> Markup {
    html! {
        @if let Some(Weekly { days, from, to, time_zone, expires_at }) = &silence.weekly {
            (Shown(&days_in_words(days))) ", " (Shown(from)) " to " (Shown(to)) " " span.dim { (Shown(time_zone)) }
            span.line.dim { "until " (parts::time(expires_at)) }
        } @else {
            @if let Some(at) = &silence.starts_at { (parts::time(at)) }
            @if let Some(at) = &silence.ends_at { span.line { "to " (parts::time(at)) } }
        }
    }
}

fn days_in_words(days: &[String]) -> String {
    if days.len() == DAYS.len() {
        return "Every day".to_owned();
    }
    let said = days.iter().map(|day| DAYS.iter().find(|(word, _)| word == day).map_or(day.as_str(), |(_, said)| *said));
    said.collect::<Vec<_>>().join(", ")
}

fn state(silence: &Silence) -> Markup {
    match (silence.active, silence.over) {
        (true, _) => parts::badge("warn", "holds now"),
        (false, true) => parts::badge("", "over"),
        (false, false) => parts::badge("info", "waits"),
    }
}

/// The button that ends a silence.
fn end(desk: &Desk, silence: &Silence) -> Markup {
    let label = match (silence.active, silence.over) {
        (true, _) => "End now",
        (false, true) => "Remove",
        (false, false) => "Call off",
    };
    let action = desk.path(&format!("/silences/{}/end", silence.id));
    parts::confirmed(
        &desk.frame,
        &format!("end-{}", silence.id),
        label,
        &action,
        &html! {
            p { (label) ": the silence " b { (Shown(&silence.reason)) } "? "
                @if silence.active { "What it held back is told now, as one message to each webhook." } @else { "It leaves the list." } }
        },
    )
}

fn new_form(desk: &Desk, form: &Form, refusal: Option<&Refusal>, webhooks: &[Webhook]) -> Markup {
    let told = |name: &str, otherwise: &str| {
        let text = form.raw(name);
        if text.is_empty() { otherwise.to_owned() } else { text.to_owned() }
    };
    let mut ways = vec![(String::new(), "Every webhook that folds alerts".to_owned())];
    ways.extend(webhooks.iter().map(|webhook| (webhook.id.clone(), plain(&webhook.url))));
    let ways: Vec<_> = ways.iter().map(|(id, said)| (id.as_str(), said.as_str())).collect();
    let events: Vec<String> = match form.all("events") {
        none if none.is_empty() => vec!["*".to_owned()],
        some => some.into_iter().map(str::to_owned).collect(),
    };
    let filters_are_set = ["models", "keys", "entity_types"].iter().any(|name| !form.text(name).is_empty());
    html! {
        form method="post" action=(desk.path("/silences")) {
            (desk.frame.token())
            (Field { name: "reason", label: "Why", refusal, help: html! { "One line, for whoever wonders where the alerts are." } }.line(form.raw("reason"), "text", true))
            (Field { name: "author", label: "Who", refusal, help: html! { "Your name." } }.line(&told("author", "operator"), "text", true))
            (Field { name: "when", label: "When", refusal: None, help: html! {} }.choice(&told("when", "now"), &[
                ("now", "From now on, for a while"), ("once", "Once, at a time"), ("weekly", "Every week")]))
            div data-if="when=now" {
                (Field { name: "duration_seconds", label: "For", refusal, help: html! {} }.choice(&told("duration_seconds", "3600"), LENGTHS))
            }
            div data-if="when=once" { (once(form, refusal)) }
            div data-if="when=weekly" { (weekly(form, refusal)) }
            (webhook_form::events(&events, refusal))
            (Field { name: "severity_max", label: "Highest severity", refusal, help: html! { "More severe alerts go out all the same." } }.choice(form.raw("severity_max"), &[
                ("", "Every severity"), ("high", "High and below"), ("medium", "Medium and below"), ("low", "Low only")]))
            (Field { name: "webhook", label: "On the way to", refusal,
                help: html! { "A webhook that gets every alert on its own is silenced only if you choose it here." } }.choice(form.raw("webhook"), &ways))
            details open[filters_are_set] {
                summary { "More: only alerts about some models, keys or types" }
                (Field { name: "models", label: "Models", refusal, help: html! { "One a line; " code { "*" } " stands for anything. Empty is every model." } }.lines(form.raw("models"), 2))
                (Field { name: "keys", label: "Keys", refusal, help: html! { "Ids such as " code { "key_…" } ". Empty is every key." } }.lines(form.raw("keys"), 2))
                (Field { name: "entity_types", label: "Entity types", refusal, help: html! { "Such as " code { "CREDIT_CARD" } ". Empty is every type." } }.lines(form.raw("entity_types"), 2))
            }
            button.primary type="submit" { "Make silence" }
        }
    }
}

/// One span of time. What a browser sends has no zone, so it is said to be UTC.
fn once(form: &Form, refusal: Option<&Refusal>) -> Markup {
    let now = wardbell_telemetry::ambient::now().to_string();
    let now = now.get(..16).unwrap_or_default().replace('T', " ");
    html! {
        (Field { name: "starts_at", label: "Begins (UTC)", refusal, help: html! { "It is now " (now) " UTC. Empty is now." } }.line(form.raw("starts_at"), "datetime-local", false))
        (Field { name: "ends_at", label: "Ends (UTC)", refusal, help: html! { "At most a year away." } }.line(form.raw("ends_at"), "datetime-local", false))
    }
}

fn weekly(form: &Form, refusal: Option<&Refusal>) -> Markup {
    let days = form.all("weekly.days");
    let wrong = refusal.filter(|refusal| refusal.field.as_deref() == Some("weekly.days"));
    html! {
        fieldset {
            legend { "Days on which it begins" }
            @if let Some(wrong) = wrong { p.wrong role="alert" { (parts::sentence(wrong)) } }
            div.row.days { @for (word, said) in DAYS { (tick("weekly.days", word, days.contains(word), &html! { (said) })) } }
        }
        (Field { name: "weekly.from", label: "From", refusal, help: html! {} }.line(form.raw("weekly.from"), "time", false))
        (Field { name: "weekly.to", label: "To", refusal, help: html! { "Not later than the beginning is on the next day." } }.line(form.raw("weekly.to"), "time", false))
        (Field { name: "weekly.time_zone", label: "Time zone", refusal, help: html! { "An IANA name, such as " code { "Europe/Berlin" } ". Summer time is kept." } }
            .with(|id, help| html! { input id=(id) name="weekly.time_zone" type="text" value=(form.raw("weekly.time_zone")) data-zone aria-describedby=(help) autocomplete="off" spellcheck="false"; }))
        (Field { name: "weekly.expires_at", label: "Kept until", refusal, help: html! { "At most a year away, so that nobody forgets it." } }.line(form.raw("weekly.expires_at"), "date", false))
    }
}

/// The body that the API gets.
fn body(form: &Form) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    put("reason", json!(form.text("reason")));
    put("author", json!(form.text("author")));
    let events = form.all("events");
    // "All" stands for the others.
    put("events", if events.contains(&"*") { json!(["*"]) } else { json!(events) });
    for name in ["severity_max", "webhook"] {
        if !form.text(name).is_empty() {
            put(name, json!(form.text(name)));
        }
    }
    for name in ["models", "keys", "entity_types"] {
        let items = form.list(name);
        if !items.is_empty() {
            put(name, json!(items));
        }
    }
    match form.text("when") {
        "once" => {
            for name in ["starts_at", "ends_at"] {
                if !form.text(name).is_empty() {
                    put(name, json!(moment(form.text(name))));
                }
            }
        }
        "weekly" => {
            let expires = form.text("weekly.expires_at");
            let expires = if expires.is_empty() { String::new() } else { moment(&format!("{expires}T00:00")) };
            put(
                "weekly",
                json!({
                    "days": form.all("weekly.days"), "from": form.text("weekly.from"), "to": form.text("weekly.to"),
                    "time_zone": form.text("weekly.time_zone"), "expires_at": expires,
                }),
            );
        }
        _ => put("duration_seconds", form.number("duration_seconds")),
    }
    Value::Object(body)
}

/// A time of a form, which has no zone and may have no seconds, as RFC 3339.
fn moment(text: &str) -> String {
    let seconds = if text.matches(':').count() == 1 { ":00" } else { "" };
    format!("{text}{seconds}Z")
}

pub(super) async fn create(desk: Desk, Extension(form): Extension<Form>) -> Result<Response, Trouble> {
    let made: Result<Silence, Refusal> = desk.app.api.post(&desk.path("/silences"), &body(&form)).await;
    match made {
        Ok(_) => Ok(desk.lead("/silences", "silence-made")),
        Err(refusal) => Ok(desk::again(&refusal, page(&desk, &form, Some(&refusal)).await?)),
    }
}

pub(super) async fn end_it(desk: Desk, Path((_, silence)): Path<(String, String)>) -> Result<Response, Trouble> {
    desk.app.api.delete(&desk.path(&format!("/silences/{}", piece(&silence)))).await?;
    Ok(desk.lead("/silences", "silence-ended"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_of_time_is_asked_for_as_the_api_takes_it() {
        let now =
            body(&Form::read(b"reason=r&author=a&when=now&duration_seconds=3600&events=*&events=dlp.pii_blocked"));
        assert_eq!(now, json!({"reason": "r", "author": "a", "events": ["*"], "duration_seconds": 3600}));
        let once = body(&Form::read(b"when=once&ends_at=2026-12-01T10%3A00&events=loop.detected&models=a%2Cb"));
        assert_eq!((&once["ends_at"], &once["models"]), (&json!("2026-12-01T10:00:00Z"), &json!(["a", "b"])));
        let weekly = body(&Form::read(b"when=weekly&weekly.days=mon&weekly.days=sun&weekly.expires_at=2027-01-01"));
        assert_eq!(
            (&weekly["weekly"]["days"], &weekly["weekly"]["expires_at"]),
            (&json!(["mon", "sun"]), &json!("2027-01-01T00:00:00Z"))
        );
        assert!(weekly.get("duration_seconds").is_none());
    }
}

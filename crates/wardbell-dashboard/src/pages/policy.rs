//! The policy of a project: what holds, its own rules with a tester, and the versions with what each changed.

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value, json};
use wardbell_core::entity::EntityType;

use super::Said;
use crate::App;
use crate::client::{Refusal, piece};
use crate::door::Signed;
use crate::form::Form;
use crate::page::{Frame, Tab};
use crate::parts::{self, Field, tick};
use crate::text::Shown;
use crate::trouble::Trouble;
use crate::wire::{List, PolicyVersion, Project};

/// How many versions are listed.
const VERSIONS_SHOWN: usize = 20;
/// How many changes of a version are listed.
const CHANGES_SHOWN: usize = 20;

const MODES: &[(&str, &str)] = &[
    ("redact", "Redact: cut it out, and go on"),
    ("block", "Block: stop the request"),
    ("detect", "Detect: record it only"),
    ("off", "Off: do not look"),
];
const WARN_OR_BLOCK: &[(&str, &str)] = &[("warn", "Warn: tell of it"), ("block", "Block: stop the request")];
const FAIL: &[(&str, &str)] =
    &[("closed", "Closed: stop the request"), ("open", "Open: let it through, and record that")];

pub(super) async fn show(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Path(project): Path<String>,
    Query(Said { said }): Query<Said>,
) -> Result<Markup, Trouble> {
    let frame = Frame::of(&app, &signed, &project, Tab::Policy).await?.say(said.as_deref());
    let policy = frame.project().map(|project| project.policy.clone()).unwrap_or_default();
    page(&app, &frame, &policy, None).await
}

async fn page(app: &App, frame: &Frame, policy: &Value, refusal: Option<&Refusal>) -> Result<Markup, Trouble> {
    let path = format!("{}/policy/versions?limit={}", frame.api(), VERSIONS_SHOWN + 1);
    let versions: List<PolicyVersion> = app.api.get(&path).await?;
    let base = frame.base();
    let number = frame.project().map_or(0, |project| project.policy_version);
    let declared = frame.project().and_then(|project| project.policy_declared.as_deref());
    let body = html! {
        div.head { h1 { "Policy" } (parts::badge("", &format!("version {number}"))) a.button href=(format!("/playground?project={}", frame.project().map_or("", |project| project.id.as_str()))) { "Try it in the playground" } }
        p.lead { "What is done about what the detectors find. A change holds from the next request on, and makes a new version." }
        @if let Some(refusal) = refusal { p.problem role="alert" { (parts::sentence(refusal)) } }
        @if let Some(file) = declared {
            (parts::declared("This policy", file))
            fieldset.shown disabled aria-label="Policy, read-only" { (parts_of(policy, None)) }
            (declared_rules(policy))
        } @else {
            form method="post" action=(format!("{base}/policy")) {
                (frame.token())
                (parts_of(policy, refusal))
                button.primary type="submit" { "Save policy" }
            }
            (rules(frame, policy, refusal))
        }
        (history(frame, number, &versions.data))
    };
    Ok(frame.page("Policy", &body))
}

fn parts_of(policy: &Value, refusal: Option<&Refusal>) -> Markup {
    html! {
        div.masonry {
            (dlp(policy, refusal))
            (injection(policy, refusal))
            (loops(policy, refusal))
            (rest(policy, refusal))
        }
    }
}

/// The project's own rules, where they are not changed here.
fn declared_rules(policy: &Value) -> Markup {
    let rules = policy.pointer("/content").and_then(Value::as_array).filter(|rules| !rules.is_empty());
    html! {
        @if let Some(rules) = rules {
            section.panel #rules {
                h2 { "Your own rules" }
                p { "When a text breaks one: " b { (at(policy, "/content_action")) } "." }
                @for rule in rules {
                    details {
                        summary { (Shown(at(rule, "/name"))) }
                        (parts::code("Rule", &serde_json::to_string_pretty(rule).unwrap_or_default()))
                    }
                }
            }
        }
    }
}

/// A text of the policy at a place such as `/dlp/action`.
fn at<'p>(policy: &'p Value, place: &str) -> &'p str {
    policy.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

/// A number of the policy, as it is written.
fn number_at(policy: &Value, place: &str) -> String {
    policy.pointer(place).filter(|value| value.is_number()).map(ToString::to_string).unwrap_or_default()
}

fn dlp(policy: &Value, refusal: Option<&Refusal>) -> Markup {
    let chosen = policy.pointer("/dlp/entities").and_then(Value::as_array);
    let has = |name: &str| chosen.is_none_or(|chosen| chosen.iter().any(|entity| entity == name));
    html! {
        fieldset.panel { legend { "Personal data and secrets" }
            (Field { name: "policy.dlp.action", label: "When something is found", refusal, help: html! {} }.choice(at(policy, "/dlp/action"), MODES))
            (Field { name: "policy.dlp.threshold", label: "Lowest score that counts", refusal, help: html! { "From 0 to 1. Higher finds less and is surer." } }.line(&number_at(policy, "/dlp/threshold"), "text", true))
            (tick("all_types", "1", chosen.is_none(), &html! { b { "Every type" } ", those of later versions included" }))
            div.types data-unless="all_types=1" {
                @for entity in EntityType::ALL.iter().filter(|entity| !entity.is_injection()) {
                    (tick("types", entity.as_str(), has(entity.as_str()), &html! { code { (entity.as_str()) } }))
                }
            }
            (Field { name: "policy.response.scan", label: "In answers of the model", refusal, help: html! {} }
                .choice(at(policy, "/response/scan"), &[("off", "Off: do not look"), ("detect", "Detect: record it only"), ("redact", "Redact: cut it out"), ("block", "Block: stop the answer")]))
        }
    }
}

fn injection(policy: &Value, refusal: Option<&Refusal>) -> Markup {
    html! {
        fieldset.panel { legend { "Prompt injection" }
            (Field { name: "policy.injection.action", label: "When one is found", refusal, help: html! {} }
                .choice(at(policy, "/injection/action"), &[("block", "Block: stop the request"), ("warn", "Warn: let it through, and alert"), ("off", "Off: do not look")]))
            (Field { name: "policy.injection.sensitivity", label: "Sensitivity", refusal, help: html! { "It holds for what users, tools and documents say; the API can give each of them its own." } }
                .choice(at(policy, "/injection/sensitivity"), &[("low", "Low: only the surest"), ("medium", "Medium"), ("high", "High: more is found, and more of it is harmless")]))
            (Field { name: "policy.abuse", label: "Abuse (floods, templates, demands without measure)", refusal, help: html! {} }
                .choice(at(policy, "/abuse"), &[("off", "Off: do not look"), ("warn", "Warn: tell of it"), ("block", "Block: stop the request")]))
            p { b { "On the scan and proxy surface" } br; span.dim { "Where the caller's headers do not say otherwise." } }
            (Field { name: "policy.proxy.injection", label: "Prompt injection", refusal, help: html! {} }.choice(at(policy, "/proxy/injection"), WARN_OR_BLOCK))
            (Field { name: "policy.proxy.dlp", label: "Personal data and secrets", refusal, help: html! {} }.choice(at(policy, "/proxy/dlp"), MODES))
        }
    }
}

fn loops(policy: &Value, refusal: Option<&Refusal>) -> Markup {
    html! {
        fieldset.panel { legend { "Loops" }
            (tick("loop_enabled", "1", policy.pointer("/loop/enabled") == Some(&Value::Bool(true)), &html! { b { "Look for agents that go in circles" } }))
            div data-if="loop_enabled=1" {
                (Field { name: "policy.loop.mode", label: "When one is found", refusal, help: html! {} }
                    .choice(at(policy, "/loop/mode"), &[("block", "Block: refuse it for a while"), ("warn", "Warn: say so in a header"), ("observe", "Observe: record it only")]))
                (Field { name: "policy.loop.threshold", label: "Identical requests allowed", refusal, help: html! { "The next one within the window is a loop." } }.line(&number_at(policy, "/loop/threshold"), "number", true))
                (Field { name: "policy.loop.window_seconds", label: "Window, in seconds", refusal, help: html! {} }.line(&number_at(policy, "/loop/window_seconds"), "number", true))
                (Field { name: "policy.loop.cooldown_seconds", label: "Refused at first for, in seconds", refusal, help: html! { "Doubles with each further loop." } }.line(&number_at(policy, "/loop/cooldown_seconds"), "number", true))
            }
        }
    }
}

fn rest(policy: &Value, refusal: Option<&Refusal>) -> Markup {
    html! {
        fieldset.panel { legend { "Failures, rates and budgets" }
            (Field { name: "policy.fail.gateway", label: "When a detector fails: gateway surface", refusal, help: html! { "A guard that broke has not said yes; either way it is recorded." } }.choice(at(policy, "/fail/gateway"), FAIL))
            (Field { name: "policy.fail.proxy", label: "When a detector fails: scan and proxy surface", refusal, help: html! {} }.choice(at(policy, "/fail/proxy"), FAIL))
            (Field { name: "policy.rate.per_second", label: "Requests of one key in a second", refusal, help: html! { "Empty is no limit." } }.line(&number_at(policy, "/rate/per_second"), "text", false))
            (Field { name: "policy.rate.burst", label: "At once after a pause", refusal, help: html! {} }.line(&number_at(policy, "/rate/burst"), "number", false))
            (Field { name: "policy.budget.on_shortfall", label: "A call that may cost more than the budget has left", refusal, help: html! { "Budgets have " a href="budget" { "their own page" } "." } }
                .choice(at(policy, "/budget/on_shortfall"), &[("refuse", "Is refused with 402"), ("clamp", "Has its answer capped at what fits")]))
            (Field { name: "policy.budget.count", label: "Input before the provider has counted it", refusal, help: html! { "Tight holds less money, and is at times too low." } }
                .choice(at(policy, "/budget/count"), &[("strict", "Strict: each byte may be a token"), ("tight", "Tight: as the tokenizer counts")]))
        }
    }
}

/// The project's own rules. The empty one at the end is a new one.
fn rules(frame: &Frame, policy: &Value, refusal: Option<&Refusal>) -> Markup {
    let rules = policy.pointer("/content").and_then(Value::as_array).cloned().unwrap_or_default();
    let wrong =
        refusal.filter(|refusal| refusal.field.as_deref().is_some_and(|field| field.starts_with("policy.content")));
    let lines = |rule: &Value, name: &str| {
        rule.get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    };
    html! {
        section.panel #rules {
            h2 { "Your own rules" }
            p { "What this project does not want to be talked about: by regular expressions, by words, or by examples. Try them in the "
                a href=(format!("/playground?project={}", frame.project().map_or("", |project| project.id.as_str()))) { "playground" } " once they are saved." }
            @if let Some(wrong) = wrong { p.problem role="alert" { (parts::sentence(wrong)) } }
            form method="post" action=(format!("{}/policy/rules", frame.base())) {
                (frame.token())
                (Field { name: "content_action", label: "When a text breaks one", refusal: None, help: html! {} }.choice(at(policy, "/content_action"), WARN_OR_BLOCK))
                @for (index, rule) in rules.iter().chain([&Value::Null]).enumerate() {
                    @let text = |name: &str| rule.get(name).and_then(Value::as_str).unwrap_or_default();
                    details open[rule.is_null() && rules.is_empty()] {
                        summary { @if rule.is_null() { "New rule" } @else { (Shown(text("name"))) } }
                        div.columns {
                            (line(index, "name", "Name", text("name"), "Leave empty to remove the rule."))
                            (line(index, "description", "For people", text("description"), ""))
                            (area(index, "patterns", "Regular expressions", &lines(rule, "patterns"), "One a line. Linear time: no look-around, no back-references."))
                            (area(index, "words", "Words and phrases", &lines(rule, "words"), "One a line, whatever their letter case."))
                            (area(index, "examples", "Examples", &lines(rule, "examples"), "One a line; texts that are alike match."))
                            (line(index, "similarity", "How alike, from 0 to 1", &rule.get("similarity").map(ToString::to_string).unwrap_or_default(), "Empty is 0.6."))
                        }
                        (tick(&format!("enabled-{index}"), "1", rule.get("enabled").and_then(Value::as_bool).unwrap_or(true), &html! { "It counts" }))
                    }
                }
                button.primary type="submit" { "Save rules" }
            }
        }
    }
}

fn line(index: usize, name: &str, label: &str, value: &str, help: &str) -> Markup {
    let name = format!("{name}-{index}");
    Field { name: &name, label, help: html! { (help) }, refusal: None }.line(value, "text", false)
}

fn area(index: usize, name: &str, label: &str, value: &str, help: &str) -> Markup {
    let name = format!("{name}-{index}");
    Field { name: &name, label, help: html! { (help) }, refusal: None }.lines(value, 3)
}

fn history(frame: &Frame, present: u32, versions: &[PolicyVersion]) -> Markup {
    let is_declared = frame.project().is_some_and(|project| project.policy_declared.is_some());
    html! {
        section.panel {
            h2 { "Versions" }
            ol.plain.versions reversed {
                @for (index, version) in versions.iter().take(VERSIONS_SHOWN).enumerate() {
                    li {
                        div.head {
                            h3 { "Version " (version.version) }
                            span.dim { (parts::time(&version.time)) }
                            @if version.version == present { (parts::badge("ok", "in force")) } @else if !is_declared {
                                form method="post" action=(format!("{}/policy/restore", frame.base())) {
                                    (frame.token()) input type="hidden" name="version" value=(version.version);
                                    button type="submit" { "Go back to version " (version.version) }
                                }
                            }
                        }
                        @match versions.get(index + 1) {
                            Some(before) => (difference(&before.policy, &version.policy)),
                            None if version.version == 1 => p.dim { "As the project was made." },
                            None => p.dim { "Earlier versions are in the API." },
                        }
                    }
                }
            }
        }
    }
}

fn difference(before: &Value, after: &Value) -> Markup {
    let mut changes = Vec::new();
    compare("", before, after, &mut changes);
    html! {
        ul.diff {
            @for (place, was, is) in changes.iter().take(CHANGES_SHOWN) {
                li { code { (Shown(place)) } ": " @if was.is_empty() { "none" } @else { del { (Shown(was)) } } " → " @if is.is_empty() { "none" } @else { ins { (Shown(is)) } } }
            }
            @if changes.len() > CHANGES_SHOWN { li { (changes.len() - CHANGES_SHOWN) " more" } }
        }
    }
}

/// What differs between two values, by place.
fn compare(place: &str, before: &Value, after: &Value, changes: &mut Vec<(String, String, String)>) {
    let told = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match (before, after) {
        (Value::Object(was), Value::Object(is)) => {
            let names: std::collections::BTreeSet<_> = was.keys().chain(is.keys()).collect();
            for name in names {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                let none = Value::Null;
                compare(&place, was.get(name).unwrap_or(&none), is.get(name).unwrap_or(&none), changes);
            }
        }
        (was, is) if was != is => changes.push((place.to_owned(), told(was), told(is))),
        _ => {}
    }
}

pub(super) async fn save(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Extension(form): Extension<Form>,
    Path(project): Path<String>,
) -> Result<Response, Trouble> {
    let text = |name: &str| json!(form.text(name));
    let types = if form.is_on("all_types") { Value::Null } else { json!(form.all("types")) };
    let rate = match form.number("policy.rate.per_second") {
        Value::Null => Value::Null,
        per_second => json!({"per_second": per_second, "burst": form.number("policy.rate.burst")}),
    };
    let mut loops = Map::new();
    loops.insert("enabled".to_owned(), json!(form.is_on("loop_enabled")));
    loops.insert("mode".to_owned(), text("policy.loop.mode"));
    for name in ["threshold", "window_seconds", "cooldown_seconds"] {
        loops.insert(name.to_owned(), form.number(&format!("policy.loop.{name}")));
    }
    let policy = json!({
        "dlp": {"action": text("policy.dlp.action"), "threshold": form.number("policy.dlp.threshold"), "entities": types},
        "response": {"scan": text("policy.response.scan")},
        "injection": {"action": text("policy.injection.action"), "sensitivity": text("policy.injection.sensitivity")},
        "abuse": text("policy.abuse"),
        "proxy": {"injection": text("policy.proxy.injection"), "dlp": text("policy.proxy.dlp")},
        "loop": loops,
        "fail": {"gateway": text("policy.fail.gateway"), "proxy": text("policy.fail.proxy")},
        "rate": rate,
        "budget": {"on_shortfall": text("policy.budget.on_shortfall"), "count": text("policy.budget.count")},
    });
    put(&app, &signed, &project, policy).await
}

pub(super) async fn save_rules(
    State(app): State<App>,
    Extension(signed): Extension<Signed>,
    Extension(form): Extension<Form>,
    Path(project): Path<String>,
) -> Result<Response, Trouble> {
    let mut rules = Vec::new();
    // The rules of a form are numbered without gaps; the API bounds how many there may be.
    for index in 0.. {
        let field = |name: &str| format!("{name}-{index}");
        if !form.is_on(&field("name")) {
            break;
        }
        if form.text(&field("name")).is_empty() {
            continue;
        }
        let lines = |name: &str| -> Vec<String> {
            form.raw(&field(name)).lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
        };
        let mut rule = json!({
            "name": form.text(&field("name")),
            "description": form.text(&field("description")),
            "enabled": form.is_on(&field("enabled")),
            "patterns": lines("patterns"),
            "words": lines("words"),
            "examples": lines("examples"),
        });
        if let (Some(rule), false) = (rule.as_object_mut(), form.number(&field("similarity")).is_null()) {
            rule.insert("similarity".to_owned(), form.number(&field("similarity")));
        }
        rules.push(rule);
    }
    let policy = json!({"content": rules, "content_action": form.text("content_action")});
    put(&app, &signed, &project, policy).await
}

async fn put(app: &App, signed: &Signed, project: &str, policy: Value) -> Result<Response, Trouble> {
    let path = format!("/projects/{}", piece(project));
    let saved: Result<Project, Refusal> = app.api.patch(&path, &json!({"policy": policy})).await;
    match saved {
        Ok(_) => Ok(Redirect::to(&format!("{path}/policy?said=policy-saved")).into_response()),
        Err(refusal) => {
            let frame = Frame::of(app, signed, project, Tab::Policy).await?;
            // What was typed stays in the form; what it did not hold stays as it is.
            let mut shown = frame.project().map(|project| project.policy.clone()).unwrap_or_default();
            overlay(&mut shown, &policy);
            Ok((refusal.status, page(app, &frame, &shown, Some(&refusal)).await?).into_response())
        }
    }
}

fn overlay(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                overlay(base.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

pub(super) async fn restore(
    State(app): State<App>,
    Extension(form): Extension<Form>,
    Path(project): Path<String>,
) -> Result<Response, Trouble> {
    let path = format!("/projects/{}", piece(&project));
    let body = json!({"version": form.number("version")});
    let _: Project = app.api.post(&format!("{path}/policy/restore"), &body).await?;
    Ok(Redirect::to(&format!("{path}/policy?said=policy-restored")).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_the_places_that_changed() {
        let mut changes = Vec::new();
        let before = json!({"dlp": {"action": "redact", "threshold": 0.4}, "rate": null});
        let after = json!({"dlp": {"action": "block", "threshold": 0.4}, "rate": {"burst": 5}});
        compare("", &before, &after, &mut changes);
        assert_eq!(
            changes,
            [
                ("dlp.action".to_owned(), "redact".to_owned(), "block".to_owned()),
                ("rate".to_owned(), String::new(), "{\"burst\":5}".to_owned()),
            ]
        );
    }

    #[test]
    fn what_was_typed_lies_over_what_holds() {
        let mut base = json!({"a": {"b": 1, "c": 2}, "d": 3});
        overlay(&mut base, &json!({"a": {"b": 9}}));
        assert_eq!(base, json!({"a": {"b": 9, "c": 2}, "d": 3}));
    }
}

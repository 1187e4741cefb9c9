//! An alert in words, for the forms that people read: one headline and a list of facts. Every fact is one clean line.

use std::borrow::Cow;

use wardbell_core::alert::{
    Alert, AlertData, AlertKind, AlertStatus, BudgetData, DlpData, EndpointData, LoopData, Severity,
};
use wardbell_core::fold::{Fold, FoldReason};

use crate::Notice;
use crate::text::{cut, line};

/// The longest message of the operator's own, in units.
const MESSAGE_MAX: usize = 500;
/// The longest headline, in units: Slack's headers and PagerDuty's lists get no longer one.
const HEADLINE_MAX: usize = 140;
/// The longest preview, in units: 200 characters ([`wardbell_core::alert::PREVIEW_CHARS_MAX`]) of which each may be two.
const PREVIEW_MAX: usize = 400;
/// The longest value of a fact, in units.
const FACT_MAX: usize = 200;

/// What an alert of a kind is called.
pub(crate) const fn title(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::PiiBlocked => "Personal data blocked",
        AlertKind::PiiRedacted => "Personal data redacted",
        AlertKind::InjectionBlocked => "Prompt injection blocked",
        AlertKind::InjectionDetected => "Prompt injection detected",
        AlertKind::ContentViolated => "Content policy broken",
        AlertKind::BudgetExhausted => "Budget exhausted",
        AlertKind::BudgetThreshold => "Budget threshold reached",
        AlertKind::LoopDetected => "Agent loop stopped",
        AlertKind::EndpointFailing => "Webhook failing",
        AlertKind::EndpointDisabled => "Webhook switched off",
        AlertKind::EndpointRecovered => "Webhook recovered",
        AlertKind::WebhookTest => "Test alert",
    }
}

/// The first line of a message, our own words only.
pub(crate) fn headline(notice: &Notice<'_>) -> String {
    let Alert { kind, is_test, .. } = notice.alert;
    let what = match notice.fold {
        None if matches!(notice.alert.status(), AlertStatus::Resolved) && *kind == AlertKind::BudgetExhausted => {
            "Budget topped up".to_owned()
        }
        None => title(*kind).to_owned(),
        Some(Fold { reason, count, kinds, .. }) => {
            let of = match kinds.as_slice() {
                [(kind, _)] => format!(": {}", title(*kind)),
                _ => String::new(),
            };
            match reason {
                FoldReason::Group => format!("{count} more{of}"),
                FoldReason::Ceiling => format!("{count} more suppressed{of}"),
                FoldReason::Silence => format!("{count} held back{of}"),
            }
        }
    };
    if *is_test && *kind != AlertKind::WebhookTest { format!("[Test] {what}") } else { what }
}

/// The operator's own words, if there are any, and the headline otherwise; one line.
pub(crate) fn message(notice: &Notice<'_>) -> String {
    let own = notice.wish.custom_message.map(|own| line(own).trim().to_owned()).filter(|own| !own.is_empty());
    match own {
        Some(own) => cut(&own, MESSAGE_MAX).into_owned(),
        None => cut(&headline(notice), HEADLINE_MAX).into_owned(),
    }
}

/// One fact about an alert.
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    /// One clean line.
    pub(crate) value: String,
}

/// What is known of an alert, most telling first.
pub(crate) fn facts(notice: &Notice<'_>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut tell = |label, value: String| {
        let value = cut(line(&value).trim(), FACT_MAX).into_owned();
        if !value.is_empty() {
            facts.push(Fact { label, value });
        }
    };
    let Alert { project, request_id, at, kind, data, source, .. } = notice.alert;
    if let Some(Fold { count, first_at, last_at, kinds, samples, note, .. }) = notice.fold {
        tell("Count", count.to_string());
        if kinds.len() > 1 {
            let list: Vec<_> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            tell("Events", list.join(", "));
        } else {
            tell("Event", kind.to_string());
        }
        tell("First", first_at.to_string());
        tell("Last", last_at.to_string());
        tell("Note", note.clone().unwrap_or_default());
        tell("Samples", samples.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        tell("Project", project.to_string());
        return facts;
    }
    if kind.is_injection() && source.injection.is_some() {
        let score = f64::from(source.injection.unwrap_or_default());
        tell("Status", "Malicious".to_owned());
        tell("Confidence", format!("{:.2}%", score * 100.0));
        tell("Injection Score", format!("{score:.4}"));
    }
    tell("Request ID", request_id.clone());
    tell("Event", kind.to_string());
    tell("Severity", kind.severity().as_str().to_owned());
    match data {
        AlertData::Dlp(DlpData { entity_types, violation_count, model, action, policies, .. }) => {
            tell("Entities", entity_types.iter().map(|entity| entity.as_str()).collect::<Vec<_>>().join(", "));
            tell("Policies", policies.join(", "));
            tell("Findings", violation_count.to_string());
            tell("Action", action.as_str().to_owned());
            tell("Model", model.clone());
        }
        AlertData::Budget(BudgetData { balance, spent, limit, percent, scope, model, .. }) => {
            tell("Balance", format!("${balance}"));
            tell("Spent", limit.map_or_else(|| format!("${spent}"), |limit| format!("${spent} of ${limit}")));
            tell("Reached", percent.map(|percent| format!("{percent} %")).unwrap_or_default());
            tell("Budget", scope.clone());
            tell("Model", model.clone());
        }
        AlertData::Loop(LoopData {
            fingerprint,
            hit_count,
            model,
            cooldown_seconds,
            detector,
            tool,
            cost,
            cost_avoided,
        }) => {
            tell("Repeats", hit_count.to_string());
            tell("Detector", detector.as_str().to_owned());
            tell("Tool", tool.clone().unwrap_or_default());
            tell("Cooldown", format!("{cooldown_seconds} s"));
            tell("Cost", cost.map(|cost| format!("${cost}")).unwrap_or_default());
            tell("Avoided", cost_avoided.map(|avoided| format!("${avoided}")).unwrap_or_default());
            tell("Model", model.clone());
            tell("Fingerprint", fingerprint.clone());
        }
        AlertData::Endpoint(EndpointData { endpoint_id, format, reason, failures, since }) => {
            tell("Webhook", format!("{endpoint_id} ({})", format.as_str()));
            tell("Reason", reason.clone());
            tell("Failures", if *failures > 0 { failures.to_string() } else { String::new() });
            tell("Since", since.to_string());
        }
        AlertData::Test(_) => tell("Meaning", "this webhook works; nothing happened".to_owned()),
    }
    tell("Key", source.key.map(|key| key.to_string()).unwrap_or_default());
    tell("User", source.user.clone().unwrap_or_default());
    tell("Project", project.to_string());
    tell("Time", at.to_string());
    facts
}

/// The masked preview, if the endpoint wants it; a fold has none.
pub(crate) fn preview<'a>(notice: &Notice<'a>) -> Option<Cow<'a, str>> {
    let wanted = notice.wish.include_preview && notice.fold.is_none();
    notice.alert.preview.as_deref().filter(|text| wanted && !text.is_empty()).map(|text| cut(text, PREVIEW_MAX))
}

/// All of a notice as plain text: the form that every receiver takes.
pub(crate) fn plain(notice: &Notice<'_>) -> String {
    let mut text = message(notice);
    for Fact { label, value } in facts(notice) {
        text.push_str(&format!("\n{label}: {value}"));
    }
    text
}

/// The colour of a severity, as `0xRRGGBB`: red, amber, blue and grey; green where something is over or is a test.
pub(crate) fn colour(alert: &Alert) -> u32 {
    const GREEN: u32 = 0x2e_cc71;
    if alert.kind == AlertKind::WebhookTest || matches!(alert.status(), AlertStatus::Resolved) {
        return GREEN;
    }
    match alert.kind.severity() {
        // The second product's red, 15158332.
        Severity::Critical | Severity::High => 0xe7_4c3c,
        Severity::Medium => 0xf3_9c12,
        Severity::Low => 0x34_98db,
    }
}

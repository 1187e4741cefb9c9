//! A PagerDuty event (Events API v2, `spec/alert-contracts.md` 3.3). Alerts of one group are one incident; what says that a
//! state is over resolves it.

use bytes::Bytes;
use ring::digest;
use serde_json::{Map, Value, json};
use wardbell_core::alert::{Alert, AlertKind, AlertStatus, Severity};

use crate::text::cut;
use crate::words::{self, Fact, facts};
use crate::{Notice, RenderError, Rendered, json as default_form};

/// The longest summary, in characters.
const SUMMARY_MAX: usize = 1024;

pub(crate) fn render(notice: &Notice<'_>) -> Result<Rendered, RenderError> {
    let Alert { project, at, kind, .. } = notice.alert;
    let routing_key = notice.wish.routing_key.ok_or(RenderError::Missing("routing_key"))?;
    let dedup_key = dedup_key(notice);
    let body = if notice.alert.status() == AlertStatus::Resolved {
        json!({"routing_key": routing_key, "event_action": "resolve", "dedup_key": dedup_key})
    } else {
        let mut details: Map<String, Value> =
            facts(notice).into_iter().map(|Fact { label, value }| (label.to_owned(), json!(value))).collect();
        details.insert("data".to_owned(), default_form::data(notice));
        details.insert("webhook_id".to_owned(), json!(notice.id));
        json!({
            "routing_key": routing_key,
            "event_action": "trigger",
            "dedup_key": dedup_key,
            "client": "Wardbell",
            "payload": {
                "summary": cut(&summary(notice), SUMMARY_MAX),
                "source": project,
                "severity": severity(kind.severity()),
                "timestamp": at,
                "component": "wardbell",
                "group": kind.family(),
                "class": kind,
                "custom_details": details,
            },
        })
    };
    Ok(Rendered { content_type: "application/json", body: Bytes::from(serde_json::to_vec(&body)?) })
}

/// The headline with what tells alerts of a kind apart.
fn summary(notice: &Notice<'_>) -> String {
    let telling = ["Entities", "Budget", "Webhook", "Model"];
    let parts: Vec<String> = facts(notice)
        .into_iter()
        .filter(|fact| telling.contains(&fact.label))
        .map(|Fact { label, value }| format!("{} {value}", label.to_lowercase()))
        .collect();
    let headline = words::headline(notice);
    if parts.is_empty() { headline } else { format!("{headline}: {}", parts.join(", ")) }
}

/// The same for every alert of a group, and of a fixed length: a hash of the group. A test is an incident of its own.
fn dedup_key(notice: &Notice<'_>) -> String {
    let group = if notice.alert.is_test || notice.alert.kind == AlertKind::WebhookTest {
        notice.id.to_string()
    } else {
        notice.alert.group()
    };
    let hash = digest::digest(&digest::SHA256, group.as_bytes());
    let hex: String = hash.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("wardbell-{hex}")
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "info",
    }
}

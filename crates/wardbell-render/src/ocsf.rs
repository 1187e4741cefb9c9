//! An OCSF Detection Finding, class 2004, with the profiles `security_control` and `ai_operation`
//! (`spec/alert-contracts.md` 3.7; <https://schema.ocsf.io/1.8.0/classes/detection_finding>).

use bytes::Bytes;
use serde_json::{Value, json};
use wardbell_core::alert::{Alert, AlertData, AlertKind, AlertStatus, DlpAction, DlpData, Severity};

use crate::text::cut;
use crate::{Notice, RenderError, Rendered, json as default_form, words};

/// The version of the schema: the first with the profile `ai_operation`.
const SCHEMA_VERSION: &str = "1.8.0";
/// The longest text of a caller, in UTF-16 units.
const TEXT_MAX: usize = 256;

pub(crate) fn render(notice: &Notice<'_>) -> Result<Rendered, RenderError> {
    let Alert { id, project, request_id, at, kind, source, .. } = notice.alert;
    let is_over = notice.alert.status() == AlertStatus::Resolved;
    let activity = match (is_over, notice.fold) {
        (true, _) => 3,
        (false, Some(_)) => 2,
        (false, None) => 1,
    };
    let (action, disposition) = control(notice.alert);
    let mut body = json!({
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "activity_id": activity,
        "type_uid": 200_400 + activity,
        "time": at.as_millis(),
        "severity_id": severity(kind.severity()),
        "severity": named(kind.severity()),
        "status_id": if is_over { 4 } else { 1 },
        "action_id": action,
        "disposition_id": disposition,
        "is_alert": true,
        "message": words::headline(notice),
        "finding_info": {
            "uid": id,
            "title": words::title(*kind),
            "types": [kind],
            "created_time": at.as_millis(),
            "product_uid": notice.id.to_string(),
        },
        "metadata": {
            "version": SCHEMA_VERSION,
            "product": {"name": "Wardbell", "vendor_name": "Wardbell", "version": env!("CARGO_PKG_VERSION")},
            "profiles": ["security_control", "ai_operation"],
            "uid": notice.id,
            "correlation_uid": cut(request_id, TEXT_MAX),
            "tenant_uid": project,
            "event_code": kind,
        },
        "unmapped": default_form::data(notice),
    });
    if let Some(fields) = body.as_object_mut() {
        let mut set = |name: &str, value: Value| {
            fields.insert(name.to_owned(), value);
        };
        if let Some(model) = notice.alert.model() {
            set("ai_model", json!({"name": cut(model, TEXT_MAX), "ai_provider": "unknown"}));
        }
        if let Some(score) = source.injection.filter(|_| kind.is_injection()) {
            set("confidence_score", json!((f64::from(score) * 100.0).round()));
        }
        if let Some(fold) = notice.fold {
            set("count", json!(fold.count));
            set("start_time", json!(fold.first_at.as_millis()));
            set("end_time", json!(fold.last_at.as_millis()));
        }
    }
    Ok(Rendered { content_type: "application/json", body: Bytes::from(serde_json::to_vec(&body)?) })
}

/// `action_id` (1 allowed, 2 denied) and `disposition_id` (2 blocked, 11 corrected, 15 detected, 17 logged).
const fn control(alert: &Alert) -> (u8, u8) {
    match (&alert.data, alert.kind) {
        (AlertData::Dlp(DlpData { action: DlpAction::Block, .. }), _)
        | (_, AlertKind::BudgetExhausted | AlertKind::LoopDetected) => (2, 2),
        (AlertData::Dlp(DlpData { action: DlpAction::Redact, .. }), _) => (1, 11),
        (AlertData::Dlp(DlpData { action: DlpAction::Detect, .. }), _) => (1, 15),
        _ => (1, 17),
    }
}

const fn severity(severity: Severity) -> u8 {
    match severity {
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

const fn named(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

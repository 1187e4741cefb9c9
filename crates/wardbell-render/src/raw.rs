//! LockLLM's body (`spec/wire-lockllm.md` 2.8). Kinds that the second product does not have travel under their own name,
//! with `data` beside the usual fields (`spec/decisions.md`, Alerts).

use bytes::Bytes;
use serde_json::{Value, json};
use wardbell_core::alert::{Alert, AlertKind};
use wardbell_core::policy::Sensitivity;

use crate::text::cut;
use crate::{Notice, RenderError, Rendered, json as default_form, words};

/// The longest text of a caller in it, in UTF-16 units.
const TEXT_MAX: usize = 256;

pub(crate) fn render(notice: &Notice<'_>) -> Result<Rendered, RenderError> {
    let Alert { request_id, at, kind, source, .. } = notice.alert;
    let event = match kind {
        AlertKind::InjectionBlocked | AlertKind::InjectionDetected => "prompt_injection_detected",
        AlertKind::WebhookTest => "test",
        other => other.as_str(),
    };
    let key = source.key.map(|key| key.to_string());
    let user = source.user.as_deref().or(key.as_deref()).unwrap_or_default();
    let is_safe = !kind.is_injection() && *kind != AlertKind::ContentViolated;
    let injection = round(source.injection.unwrap_or(0.0));
    // The certainty in the label (`spec/decisions.md`, Scores); that a content policy is broken is a fact.
    let confidence = match kind {
        AlertKind::ContentViolated => 1.0,
        _ if is_safe => round(1.0 - source.injection.unwrap_or(0.0)),
        _ => injection,
    };
    let mut body = json!({
        "event": event,
        "timestamp": at.as_millis(),
        "request_id": cut(request_id, TEXT_MAX),
        "user_id": cut(user, TEXT_MAX),
        "scan_result": {
            "safe": is_safe,
            "label": i32::from(!is_safe),
            "confidence": confidence,
            "injection": injection,
            "sensitivity": source.sensitivity.unwrap_or(Sensitivity::Medium),
        },
        "input_preview": words::preview(notice).unwrap_or_default(),
        "webhook_id": notice.id,
        "severity": kind.severity(),
    });
    if let Some(fields) = body.as_object_mut() {
        let mut set = |name: &str, value: Value| {
            fields.insert(name.to_owned(), value);
        };
        if !kind.is_injection() {
            set("data", default_form::data(notice));
        }
        if let Some(fold) = notice.fold {
            set("group", default_form::group(fold));
        }
    }
    Ok(Rendered { content_type: "application/json", body: Bytes::from(serde_json::to_vec(&body)?) })
}

/// Four decimals, so that a score is the same number on every machine.
fn round(score: f32) -> f64 {
    (f64::from(score) * 10_000.0).round() / 10_000.0
}

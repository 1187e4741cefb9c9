//! The default envelope: the first product's fields, and `type` and `severity` (`spec/decisions.md`, Alerts;
//! `spec/wire-aisg.md` 1.9). Metadata only, unless the endpoint wants the masked preview.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use wardbell_core::alert::{Alert, AlertData, AlertKind, BudgetData, DlpData, EndpointData, LoopData, TestData};
use wardbell_core::fold::Fold;

use crate::text::cut;
use crate::{Notice, RenderError, Rendered, words};

/// The longest text of a caller in it, in UTF-16 units: a model's name, a user.
const TEXT_MAX: usize = 256;

pub(crate) fn render(notice: &Notice<'_>) -> Result<Rendered, RenderError> {
    let body = serde_json::to_vec(&envelope(notice))?;
    Ok(Rendered { content_type: "application/json", body: Bytes::from(body) })
}

/// The whole envelope. The order of the fields is the order on the wire.
pub(crate) fn envelope(notice: &Notice<'_>) -> Value {
    let Alert { project, request_id, at, kind, .. } = notice.alert;
    let mut envelope = json!({
        "webhook_id": notice.id,
        "event": kind,
        "type": kind,
        "timestamp": at,
        "project_id": project,
        "request_id": cut(request_id, TEXT_MAX),
        "severity": kind.severity(),
        "data": data(notice),
    });
    if let Some(fold) = notice.fold
        && let Some(fields) = envelope.as_object_mut()
    {
        fields.insert("group".to_owned(), group(fold));
    }
    envelope
}

/// The particulars, with the preview if the endpoint wants it.
pub(crate) fn data(notice: &Notice<'_>) -> Value {
    particulars(notice.alert, words::preview(notice).as_deref())
}

/// The particulars. What is not there is left out, never null.
pub(crate) fn particulars(alert: &Alert, preview: Option<&str>) -> Value {
    let mut fields = Map::new();
    let mut set = |name: &str, value: Value| {
        fields.insert(name.to_owned(), value);
    };
    match &alert.data {
        AlertData::Dlp(DlpData { entity_types, violation_count, has_injection, model, action, policies }) => {
            set("entity_types", json!(entity_types));
            set("violation_count", json!(violation_count));
            set("has_injection", json!(has_injection));
            set("model", json!(cut(model, TEXT_MAX)));
            set("action", json!(action));
            if !policies.is_empty() {
                set("policies", policies.iter().map(|name| json!(cut(name, TEXT_MAX))).collect());
            }
        }
        AlertData::Budget(BudgetData { balance, spent, limit, percent, scope, model, resolved }) => {
            set("balance_usd", json!(balance.as_dollars()));
            set("model", json!(cut(model, TEXT_MAX)));
            set("spent_usd", json!(spent.as_dollars()));
            if let Some(limit) = limit {
                set("limit_usd", json!(limit.as_dollars()));
            }
            if let Some(percent) = percent {
                set("percent", json!(percent));
            }
            set("scope", json!(cut(scope, TEXT_MAX)));
            set("resolved", json!(resolved));
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
            set("fingerprint", json!(cut(fingerprint, TEXT_MAX)));
            set("hit_count", json!(hit_count));
            set("model", json!(cut(model, TEXT_MAX)));
            set("cooldown_seconds", json!(cooldown_seconds));
            set("detector", json!(detector));
            if let Some(tool) = tool {
                set("tool", json!(cut(tool, TEXT_MAX)));
            }
            if let Some(cost) = cost {
                set("cost_usd", json!(cost.as_dollars()));
            }
            if let Some(avoided) = cost_avoided {
                set("cost_avoided_usd", json!(avoided.as_dollars()));
            }
        }
        AlertData::Endpoint(EndpointData { endpoint_id, format, reason, failures, since }) => {
            set("endpoint_id", json!(endpoint_id));
            set("format", json!(format));
            set("reason", json!(cut(reason, TEXT_MAX)));
            set("failures", json!(failures));
            set("since", json!(since));
        }
        AlertData::Test(TestData { test }) => set("test", json!(test)),
    }
    if alert.is_test && alert.kind != AlertKind::WebhookTest {
        set("test", json!(true));
    }
    if let Some(preview) = preview {
        set("input_preview", json!(preview));
    }
    Value::Object(fields)
}

/// What a fold stands for.
pub(crate) fn group(fold: &Fold) -> Value {
    let Fold { reason, count, first_at, last_at, kinds, samples, note } = fold;
    let kinds: Map<String, Value> = kinds.iter().map(|(kind, count)| (kind.to_string(), json!(count))).collect();
    let mut group = json!({
        "reason": reason,
        "count": count,
        "first_at": first_at,
        "last_at": last_at,
        "kinds": kinds,
        "sample_alert_ids": samples,
    });
    if let (Some(note), Some(fields)) = (note, group.as_object_mut()) {
        fields.insert("note".to_owned(), json!(cut(note, TEXT_MAX)));
    }
    group
}

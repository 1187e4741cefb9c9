//! The default envelope: the first product's fields, and `type` and `severity` (`spec/decisions.md`, Alerts;
//! `spec/wire-aisg.md` 1.9). Metadata only: no text of the request is in it.

use bytes::Bytes;
use serde::Serialize;
use wardbell_core::alert::{Alert, AlertData, AlertKind, DlpAction, DlpData, Severity, TestData};
use wardbell_core::entity::EntityType;
use wardbell_core::id::{ProjectId, WebhookId};
use wardbell_core::time::Timestamp;

use super::{RenderError, Rendered};

/// The most characters of a model's name: the caller chose it, and each of five receivers gets it.
const MODEL_CHARS_MAX: usize = 256;

/// The order of the fields is the order on the wire.
#[derive(Serialize)]
struct Envelope<'a> {
    webhook_id: WebhookId,
    event: AlertKind,
    r#type: AlertKind,
    timestamp: Timestamp,
    project_id: ProjectId,
    request_id: &'a str,
    severity: Severity,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Dlp(Dlp<'a>),
    Test { test: bool },
}

#[derive(Serialize)]
struct Dlp<'a> {
    entity_types: &'a [EntityType],
    violation_count: u32,
    has_injection: bool,
    model: &'a str,
    action: DlpAction,
}

pub(super) fn render(id: WebhookId, alert: &Alert) -> Result<Rendered, RenderError> {
    let Alert { id: _, project, request_id, at, kind, data } = alert;
    let envelope = Envelope {
        webhook_id: id,
        event: *kind,
        r#type: *kind,
        timestamp: *at,
        project_id: *project,
        request_id,
        severity: kind.severity(),
        data: match data {
            AlertData::Dlp(DlpData { entity_types, violation_count, has_injection, model, action }) => Data::Dlp(Dlp {
                entity_types,
                violation_count: *violation_count,
                has_injection: *has_injection,
                model: cut(model),
                action: *action,
            }),
            AlertData::Test(TestData { test }) => Data::Test { test: *test },
        },
    };
    Ok(Rendered { content_type: "application/json", body: Bytes::from(serde_json::to_vec(&envelope)?) })
}

fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(MODEL_CHARS_MAX).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;

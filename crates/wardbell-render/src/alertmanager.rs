//! An alert for Alertmanager's API, version 2 (`POST /api/v2/alerts`, `spec/alert-contracts.md` 3.7): its own routing,
//! grouping and silences do the rest. Labels name the group, so repeats refresh one alert; what changes is an annotation.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use wardbell_core::alert::{Alert, AlertStatus};

use crate::text::{cut, line};
use crate::words::{self, Fact, facts};
use crate::{Notice, RenderError, Rendered};

/// The longest label, in UTF-16 units.
const LABEL_MAX: usize = 256;

pub(crate) fn render(notice: &Notice<'_>) -> Result<Rendered, RenderError> {
    let Alert { project, at, kind, source, .. } = notice.alert;
    let mut labels = Map::new();
    let mut label = |name: &str, value: String| {
        let value = line(&value);
        // Alertmanager refuses empty values of labels.
        if !value.trim().is_empty() {
            labels.insert(name.to_owned(), json!(cut(value.trim(), LABEL_MAX)));
        }
    };
    // What begins and what ends a state are one alert there.
    let name = if kind.is_about_endpoint() { "endpoint.failing" } else { kind.as_str() };
    label("alertname", name.to_owned());
    label("severity", kind.severity().as_str().to_owned());
    label("project", project.to_string());
    label("rule", notice.alert.rule());
    label("key", source.key.map(|key| key.to_string()).unwrap_or_default());
    if notice.alert.is_test {
        label("test", "true".to_owned());
    }
    let mut annotations: Map<String, Value> =
        facts(notice).into_iter().map(|Fact { label, value }| (annotation_name(label), json!(value))).collect();
    annotations.insert("summary".to_owned(), json!(words::headline(notice)));
    annotations.insert("webhook_id".to_owned(), json!(notice.id));
    let mut alert = json!({"labels": labels, "annotations": annotations, "startsAt": at});
    if notice.alert.status() == AlertStatus::Resolved
        && let Some(fields) = alert.as_object_mut()
    {
        fields.insert("endsAt".to_owned(), json!(at));
    }
    Ok(Rendered { content_type: "application/json", body: Bytes::from(serde_json::to_vec(&json!([alert]))?) })
}

/// Names are letters, digits and underscores.
fn annotation_name(label: &str) -> String {
    label.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

//! CloudEvents 1.0 in structured form (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>, read
//! 2026-11-23): the default envelope as `data`.

use bytes::Bytes;
use serde_json::json;
use wardbell_core::alert::Alert;

use crate::{Notice, RenderError, Rendered, json as default_form};

pub(crate) fn render(notice: &Notice<'_>) -> Result<Rendered, RenderError> {
    let Alert { id, project, at, kind, .. } = notice.alert;
    let body = json!({
        "specversion": "1.0",
        "id": notice.id,
        "source": format!("/wardbell/projects/{project}"),
        "type": format!("wardbell.{kind}"),
        "subject": id,
        "time": at,
        "datacontenttype": "application/json",
        "severity": kind.severity(),
        "data": default_form::envelope(notice),
    });
    Ok(Rendered { content_type: "application/cloudevents+json", body: Bytes::from(serde_json::to_vec(&body)?) })
}

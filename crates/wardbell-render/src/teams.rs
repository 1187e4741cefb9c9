//! A Microsoft Teams message: an Adaptive Card in the envelope that a workflow takes (`spec/alert-contracts.md` 3.4).
//!
//! Values of strangers stand in text runs, which know no Markdown, so nothing in them is formatted or linked; there are
//! no `msteams.entities`, so nobody is mentioned.

use bytes::Bytes;
use serde_json::{Value, json};
use wardbell_core::alert::{AlertStatus, Severity};

use crate::text::{cut, lines, markdown};
use crate::words::{self, Fact, facts};
use crate::{Notice, RenderError, Rendered};

/// The schema that cards name (<https://adaptivecards.io/explorer/AdaptiveCard.html>, read 2026-11-23).
const SCHEMA: &str = "http://adaptivecards.io/schemas/adaptive-card.json";
/// The longest plain text, in units.
const PLAIN_MAX: usize = 4000;

pub(crate) fn render(notice: &Notice<'_>) -> Result<Rendered, RenderError> {
    let body = if notice.wish.is_plain {
        vec![runs(&cut(&words::plain(notice), PLAIN_MAX), false)]
    } else {
        let mut body = vec![json!({
            "type": "TextBlock",
            "text": markdown(&words::message(notice)),
            "weight": "Bolder",
            "size": "Medium",
            "color": colour(notice),
            "wrap": true,
        })];
        body.extend(facts(notice).iter().map(fact));
        if let Some(preview) = words::preview(notice) {
            body.push(runs("Input Preview", false));
            body.push(runs(&lines(&preview), true));
        }
        body
    };
    let message = json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "type": "AdaptiveCard",
                "$schema": SCHEMA,
                "version": "1.4",
                "body": body,
                "msteams": {"width": "full"},
            },
        }],
    });
    Ok(Rendered { content_type: "application/json", body: Bytes::from(serde_json::to_vec(&message)?) })
}

fn fact(fact: &Fact) -> Value {
    let Fact { label, value } = fact;
    let label = json!({"type": "TextRun", "text": format!("{label}: "), "weight": "Bolder"});
    json!({"type": "RichTextBlock", "spacing": "Small", "inlines": [label, {"type": "TextRun", "text": value}]})
}

fn runs(text: &str, is_code: bool) -> Value {
    let font = if is_code { "Monospace" } else { "Default" };
    json!({"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, "fontType": font}]})
}

/// A card's named colours.
fn colour(notice: &Notice<'_>) -> &'static str {
    match (notice.alert.status(), notice.alert.kind.severity()) {
        (AlertStatus::Resolved, _) => "Good",
        (AlertStatus::Firing, Severity::Critical | Severity::High) => "Attention",
        (AlertStatus::Firing, Severity::Medium) => "Warning",
        (AlertStatus::Firing, Severity::Low) => "Accent",
    }
}

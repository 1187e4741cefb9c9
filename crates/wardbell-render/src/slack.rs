//! A Slack message (`spec/alert-contracts.md` 3.1; shape as `spec/wire-lockllm.md` 2.8 for injections).
//!
//! Values of strangers stand in code spans and fences only, escaped, with their backticks replaced: nothing in them is
//! formatted, linked, unfurled, or pings anybody.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::text::{cut, in_code, lines, slack, units};
use crate::words::{self, Fact, facts};
use crate::{Notice, RenderError, Rendered};

/// Slack's limits, in characters (<https://docs.slack.dev/reference/block-kit/blocks>, read 2026-11-23).
const SECTION_MAX: usize = 3000;
const FIELD_MAX: usize = 2000;
const FIELDS_MAX: usize = 10;
/// All blocks together fail near 13,200 characters (`spec/alert-contracts.md` 3.1): with a section for the message and one
/// for the preview this stays below 12,000.
const FIELDS_TOTAL_MAX: usize = 8000;
/// `text` is cut at 40,000 by Slack; 4,000 is what it advises.
const TEXT_MAX: usize = 4000;

pub(crate) fn render(notice: &Notice<'_>) -> Result<Rendered, RenderError> {
    let message = in_code(&slack(&words::message(notice)));
    let body = if notice.wish.is_plain {
        // One fence around everything, so that nothing in it is formatted or linked. Cut first: an escape is five for one.
        let text = in_code(&slack(&cut(&words::plain(notice), TEXT_MAX / 5 - 10)));
        json!({
            "text": format!("```\n{text}\n```"),
            "unfurl_links": false,
            "unfurl_media": false,
            "link_names": 0,
        })
    } else {
        let mut blocks = vec![section(&format!("*{}*", message.replace('*', "∗")))];
        let mut left = FIELDS_TOTAL_MAX;
        let fields: Vec<Value> = facts(notice).iter().map_while(|fact| field(fact, &mut left)).collect();
        blocks.extend(fields.chunks(FIELDS_MAX).map(|fields| json!({"type": "section", "fields": fields})));
        if let Some(preview) = words::preview(notice) {
            let code = in_code(&slack(&lines(&preview)));
            blocks.push(section(&format!("*Input Preview*\n```\n{code}\n```")));
        }
        json!({
            "text": cut(&message, TEXT_MAX),
            "blocks": blocks,
            "unfurl_links": false,
            "unfurl_media": false,
            "link_names": 0,
        })
    };
    Ok(Rendered { content_type: "application/json", body: Bytes::from(serde_json::to_vec(&body)?) })
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": cut(text, SECTION_MAX), "verbatim": true}})
}

/// A field, as long as all of them together stay short.
fn field(fact: &Fact, left: &mut usize) -> Option<Value> {
    let Fact { label, value } = fact;
    // A value is 200 units at most, and an escape five for one.
    let text = format!("*{label}*\n`{}`", in_code(&slack(value)));
    *left = left.checked_sub(units(&text))?;
    Some(json!({"type": "mrkdwn", "text": cut(&text, FIELD_MAX), "verbatim": true}))
}

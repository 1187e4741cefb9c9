//! A Discord message (`spec/alert-contracts.md` 3.2; shape as `spec/wire-lockllm.md` 2.8 for injections).
//!
//! Nobody is pinged: no mention is allowed, and values of strangers stand in code spans and fences with their backticks
//! replaced. The operator's own message is escaped as well.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::text::{cut, in_code, lines, markdown, units};
use crate::words::{self, Fact, facts};
use crate::{Notice, RenderError, Rendered};

/// Discord's limits, in characters (<https://discord.com/developers/docs/resources/message#embed-object-embed-limits>,
/// read 2026-11-23).
const CONTENT_MAX: usize = 2000;
const TITLE_MAX: usize = 256;
const FIELDS_MAX: usize = 25;
const VALUE_MAX: usize = 1024;
/// All of an embed's text together; below the limit of 6000 by what our labels take.
const EMBED_MAX: usize = 5500;

pub(crate) fn render(notice: &Notice<'_>) -> Result<Rendered, RenderError> {
    let body = if notice.wish.is_plain {
        json!({"content": plain(notice), "allowed_mentions": {"parse": []}, "flags": SUPPRESS_EMBEDS})
    } else {
        let message = markdown(&words::message(notice));
        json!({
            "content": cut(&message, CONTENT_MAX),
            "embeds": [embed(notice)],
            "allowed_mentions": {"parse": []},
        })
    };
    Ok(Rendered { content_type: "application/json", body: Bytes::from(serde_json::to_vec(&body)?) })
}

/// Links in the text are not opened into previews.
const SUPPRESS_EMBEDS: u32 = 1 << 2;

/// The plain form: everything in one fence, so that nothing in it is formatted.
fn plain(notice: &Notice<'_>) -> String {
    let text = in_code(&words::plain(notice));
    format!("```\n{}\n```", cut(&text, CONTENT_MAX - 10))
}

fn embed(notice: &Notice<'_>) -> Value {
    let is_real_injection = notice.alert.kind.is_injection() && notice.fold.is_none();
    let title = if is_real_injection { "Malicious Prompt Detected".to_owned() } else { words::headline(notice) };
    let mut left = EMBED_MAX;
    let mut fields: Vec<Value> =
        facts(notice).iter().map_while(|fact| field(fact, &mut left)).take(FIELDS_MAX - 1).collect();
    if let Some(preview) = words::preview(notice) {
        let code = in_code(&lines(&preview));
        let value = format!("```\n{code}\n```");
        if units(&value) <= left {
            fields.push(json!({"name": "Input Preview", "value": cut(&value, VALUE_MAX), "inline": false}));
        }
    }
    json!({
        "title": cut(&title, TITLE_MAX),
        "color": words::colour(notice.alert),
        "fields": fields,
        "timestamp": notice.alert.at,
    })
}

/// A field, as long as all of them together stay short. Short ones stand side by side.
fn field(fact: &Fact, left: &mut usize) -> Option<Value> {
    let Fact { label, value } = fact;
    let text = format!("`{}`", in_code(value));
    *left = left.checked_sub(units(&text) + units(label))?;
    let is_inline = units(value) <= 40 && *label != "Request ID";
    Some(json!({"name": label, "value": cut(&text, VALUE_MAX), "inline": is_inline}))
}

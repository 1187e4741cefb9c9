//! A mail (`spec/alert-contracts.md` 3.6): text first, HTML second, every value escaped, no links and no images. The same
//! notice gives the same bytes: date, id and boundary come from the alert.

use bytes::Bytes;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use ring::digest;
use wardbell_core::alert::Alert;

use crate::text::{cut, html, lines};
use crate::words::{self, Fact, facts};
use crate::{Notice, RenderError, Rendered};

/// The longest subject, in units.
const SUBJECT_MAX: usize = 200;
/// What stands after the `@` of ids: a name that belongs to nobody (RFC 2606, <https://www.rfc-editor.org/rfc/rfc2606>).
const ID_DOMAIN: &str = "wardbell.invalid";

pub(crate) fn render(notice: &Notice<'_>) -> Result<Rendered, RenderError> {
    let from = mailbox(notice.wish.mail_from.ok_or(RenderError::Missing("sender; set smtp.from"))?)?;
    if notice.wish.mail_to.is_empty() {
        return Err(RenderError::Missing("recipients in `to`"));
    }
    let Alert { at, kind, .. } = notice.alert;
    let group = thread(notice);
    let mut builder = Message::builder()
        .from(from)
        .subject(cut(&format!("[Wardbell] {}", words::message(notice)), SUBJECT_MAX).into_owned())
        .date(std::time::UNIX_EPOCH + std::time::Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0)))
        .message_id(Some(format!("<{}@{ID_DOMAIN}>", notice.id)))
        .references(group.clone())
        .in_reply_to(group);
    for to in notice.wish.mail_to {
        builder = builder.to(mailbox(to)?);
    }
    let boundary = format!("wardbell-{}", hash(&notice.id.to_string()));
    let parts = MultiPart::alternative()
        .boundary(boundary)
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text(notice)))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_HTML).body(page(notice)));
    let mut message = builder.multipart(parts).map_err(|_| RenderError::Mail)?;
    let headers = message.headers_mut();
    let mut set = |name: &'static str, value: String| {
        headers.insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
    };
    set("Auto-Submitted", "auto-generated".to_owned());
    set("X-Auto-Response-Suppress", "All".to_owned());
    set("List-Id", format!("Wardbell alerts <alerts.{ID_DOMAIN}>"));
    set("X-Wardbell-Event-Type", kind.to_string());
    set("X-Wardbell-Severity", kind.severity().as_str().to_owned());
    if notice.fold.is_some() {
        set("Precedence", "bulk".to_owned());
    }
    Ok(Rendered { content_type: "message/rfc822", body: Bytes::from(message.formatted()) })
}

/// The id that all mails of one group refer to, so that mail programs show them together.
fn thread(notice: &Notice<'_>) -> String {
    format!("<group-{}@{ID_DOMAIN}>", hash(&notice.alert.group()))
}

fn hash(text: &str) -> String {
    digest::digest(&digest::SHA256, text.as_bytes())
        .as_ref()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn mailbox(address: &str) -> Result<Mailbox, RenderError> {
    let address: Address = address.parse().map_err(|_| RenderError::Missing("valid mail address"))?;
    Ok(Mailbox::new(None, address))
}

fn text(notice: &Notice<'_>) -> String {
    let mut text = words::plain(notice);
    if let Some(preview) = words::preview(notice) {
        text.push_str("\n\nInput preview:\n");
        for line in lines(&preview).lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

/// The HTML part.
pub(crate) fn page(notice: &Notice<'_>) -> String {
    let rows: String = facts(notice)
        .iter()
        .map(|Fact { label, value }| {
            format!("<tr><th align=\"left\">{}</th><td>{}</td></tr>\n", html(label), html(value))
        })
        .collect();
    let preview = words::preview(notice)
        .map_or_else(String::new, |text| format!("<p>Input preview:</p>\n<pre>{}</pre>\n", html(&lines(&text))));
    let message = html(&words::message(notice));
    format!(
        "<!doctype html>\n<html><head><meta charset=\"utf-8\"><title>{message}</title></head>\n<body>\n<h1 \
         style=\"font-size:1.2em\">{message}</h1>\n<table cellpadding=\"4\">\n{rows}</table>\n{preview}</body></html>\n"
    )
}

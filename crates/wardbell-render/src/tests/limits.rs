//! Every limit of every receiver, checked on a whole body (`spec/alert-contracts.md` 3).

use serde_json::Value;

use super::*;
use crate::text::units;

fn text<'v>(value: &'v Value, at: &str) -> &'v str {
    value.pointer(at).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {at} in {value}"))
}

fn at_most(text: &str, max: usize, what: &str) {
    assert!(units(text) <= max && text.chars().count() <= max, "{what} has {} units, {max} allowed", units(text));
}

/// Checks a body of a form against all that its receiver refuses.
pub(super) fn check(format: Format, body: &[u8]) {
    if format == Format::Email {
        return mail(body);
    }
    let value: Value = serde_json::from_slice(body).unwrap();
    match format {
        Format::Slack => slack(&value),
        Format::Discord => discord(&value),
        Format::Teams => teams(&value, body),
        Format::PagerDuty => pagerduty(&value, body),
        Format::Alertmanager => alertmanager(&value),
        Format::CloudEvents => {
            for name in value.as_object().unwrap().keys() {
                assert!(
                    name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) && name.len() <= 20,
                    "{name}"
                );
            }
            assert_eq!(text(&value, "/specversion"), "1.0");
            for required in ["/id", "/source", "/type"] {
                assert!(!text(&value, required).is_empty());
            }
        }
        Format::Ocsf => {
            let activity = value["activity_id"].as_u64().unwrap();
            assert_eq!(value["type_uid"].as_u64().unwrap(), 200_400 + activity);
            for required in
                ["/category_uid", "/class_uid", "/severity_id", "/time", "/finding_info/uid", "/finding_info/title"]
            {
                assert!(!value.pointer(required).unwrap().is_null(), "{required}");
            }
        }
        Format::Json | Format::Raw => assert!(body.len() < 16 * 1024, "{}", body.len()),
        Format::Email => {}
    }
    assert!(!has_null(&value, format), "a field that is not there is left out: {value}");
}

/// Adaptive Cards' envelope has one null of its own.
fn has_null(value: &Value, format: Format) -> bool {
    match value {
        Value::Null => format != Format::Teams,
        Value::Array(items) => items.iter().any(|item| has_null(item, format)),
        Value::Object(fields) => fields.values().any(|item| has_null(item, format)),
        _ => false,
    }
}

fn slack(value: &Value) {
    at_most(text(value, "/text"), 4000, "text");
    assert_eq!((&value["unfurl_links"], &value["unfurl_media"]), (&false.into(), &false.into()));
    assert_eq!(value["link_names"], 0);
    let Some(blocks) = value.get("blocks").and_then(Value::as_array) else { return };
    assert!(!blocks.is_empty() && blocks.len() <= 50);
    let mut total = 0;
    for block in blocks {
        assert_eq!(block["type"], "section");
        for object in block.get("fields").and_then(Value::as_array).into_iter().flatten() {
            at_most(text(object, "/text"), 2000, "field");
        }
        assert!(block.get("fields").and_then(Value::as_array).is_none_or(|fields| (1..=10).contains(&fields.len())));
        let objects =
            block.get("text").into_iter().chain(block.get("fields").and_then(Value::as_array).into_iter().flatten());
        for object in objects {
            at_most(text(object, "/text"), 3000, "section");
            assert_eq!((&object["type"], &object["verbatim"]), (&"mrkdwn".into(), &true.into()));
            assert!(!text(object, "/text").is_empty());
            total += units(text(object, "/text"));
        }
    }
    assert!(total <= 12_000, "all blocks together: {total}");
}

fn discord(value: &Value) {
    assert_eq!(value["allowed_mentions"], serde_json::json!({"parse": []}));
    let content = text(value, "/content");
    assert!(!content.trim().is_empty());
    at_most(content, 2000, "content");
    let mut total = 0;
    for embed in value.get("embeds").and_then(Value::as_array).into_iter().flatten() {
        let title = text(embed, "/title");
        at_most(title, 256, "title");
        total += units(title);
        let fields = embed["fields"].as_array().unwrap();
        assert!(fields.len() <= 25);
        for field in fields {
            let (name, value) = (text(field, "/name"), text(field, "/value"));
            assert!(!name.trim().is_empty() && !value.trim().is_empty());
            at_most(name, 256, "field name");
            at_most(value, 1024, "field value");
            total += units(name) + units(value);
        }
    }
    assert!(total <= 6000, "embeds together: {total}");
}

fn teams(value: &Value, body: &[u8]) {
    assert!(body.len() <= 20 * 1024, "{} bytes", body.len());
    assert_eq!(text(value, "/type"), "message");
    assert_eq!(text(value, "/attachments/0/contentType"), "application/vnd.microsoft.card.adaptive");
    assert_eq!(text(value, "/attachments/0/content/type"), "AdaptiveCard");
    assert!(value.pointer("/attachments/0/content/msteams/entities").is_none(), "nobody is mentioned");
}

fn pagerduty(value: &Value, body: &[u8]) {
    assert!(body.len() <= 512_000);
    assert_eq!(text(value, "/routing_key").len(), 32);
    at_most(text(value, "/dedup_key"), 255, "dedup_key");
    if text(value, "/event_action") == "trigger" {
        at_most(text(value, "/payload/summary"), 1024, "summary");
        assert!(!text(value, "/payload/source").is_empty());
        assert!(["critical", "error", "warning", "info"].contains(&text(value, "/payload/severity")));
    } else {
        assert_eq!(text(value, "/event_action"), "resolve");
    }
}

fn alertmanager(value: &Value) {
    let alerts = value.as_array().unwrap();
    assert_eq!(alerts.len(), 1);
    for part in ["labels", "annotations"] {
        for (name, value) in alerts[0][part].as_object().unwrap() {
            let well_formed = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            assert!(well_formed && !name.as_bytes()[0].is_ascii_digit(), "{name}");
            assert!(part == "annotations" || !value.as_str().unwrap().is_empty(), "{name}");
        }
    }
}

fn mail(body: &[u8]) {
    let text = std::str::from_utf8(body).unwrap();
    assert!(!text.contains('\0'));
    for line in text.split("\r\n") {
        assert!(line.len() <= 998, "a line of {} bytes", line.len());
        assert!(!line.contains('\n') && !line.contains('\r'), "a bare line end");
    }
    let head = text.split("\r\n\r\n").next().unwrap();
    let names: Vec<String> = head
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| line.split(':').next().unwrap().to_ascii_lowercase())
        .collect();
    for name in &names {
        assert!(HEADERS.contains(&name.as_str()), "nobody adds a header: {name}");
    }
    let subjects = names.iter().filter(|name| *name == "subject").count();
    assert_eq!(subjects, 1);
    assert!(head.is_ascii());
}

const HEADERS: &[&str] = &[
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "references",
    "in-reply-to",
    "auto-submitted",
    "x-auto-response-suppress",
    "list-id",
    "x-wardbell-event-type",
    "x-wardbell-severity",
    "precedence",
    "mime-version",
    "content-type",
];

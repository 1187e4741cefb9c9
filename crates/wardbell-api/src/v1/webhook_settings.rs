//! What may be set of a webhook: reading it, and checking that it fits together.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde_json::Value;
use wardbell_core::alert::{AlertKind, Severity};
use wardbell_core::id::KeyId;
use wardbell_core::secret::Secret;
use wardbell_store::endpoint::{
    Endpoint, Events, Filter, Format, Grouping, Options, Pattern, RetryProfile, SignatureProfile, WINDOW_MAX,
};

use crate::error::FieldError;
use crate::fields::{Change, Fields, Given};

/// What stands for every kind of alert.
pub(super) const EVERY_KIND: &str = "*";

/// The longest list that is read.
const LIST_MAX: usize = 100;
/// The longest message of the operator's own, in characters.
const MESSAGE_CHARS_MAX: usize = 500;
/// The most headers of the operator's own, and the longest of their values.
const HEADERS_MAX: usize = 10;
const HEADER_BYTES_MAX: usize = 1024;
/// The most recipients of mail.
const RECIPIENTS_MAX: usize = 20;
/// How long PagerDuty's integration keys are (`spec/alert-contracts.md` 3.3).
const ROUTING_KEY_CHARS: usize = 32;
/// The longest pattern of a filter, in bytes.
const PATTERN_BYTES_MAX: usize = 200;
/// The shortest window of a group: shorter ones fold nothing.
const WINDOW_SECONDS_MIN: u64 = 5;
/// The highest ceiling in a minute.
const PER_MINUTE_MAX: u64 = 600;
/// How long an endpoint may fail before it is switched off: a minute to thirty days, in seconds.
const DISABLE_AFTER_SECONDS: (f64, f64) = (60.0, 2_592_000.0);

pub(super) const SEVERITIES: &[Severity] = &[Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

/// Names and values of headers.
type Headers = Vec<(String, Secret<String>)>;

/// The fields that creating and changing share.
pub(crate) struct Settings {
    pub(crate) url: Option<String>,
    pub(crate) format: Option<Format>,
    pub(super) events: Option<Events>,
    pub(super) severity_min: Option<Severity>,
    pub(super) signature: Option<SignatureProfile>,
    pub(super) retry: Option<RetryProfile>,
    pub(super) enabled: Option<bool>,
    pub(super) change: OptionsChange,
}

/// What is to change of the options; what is left out stays as it is.
pub(crate) struct OptionsChange {
    custom_message: Change<String>,
    include_preview: Option<bool>,
    headers: Option<Headers>,
    routing_key: Option<Secret<String>>,
    pub(super) to: Option<Vec<String>>,
    filter: Option<Filter>,
    grouping: Change<Grouping>,
    per_second: Change<f64>,
    disable_after: Change<Duration>,
}

/// Reads every field but `secret`.
pub(crate) fn read(body: &mut Fields) -> Result<Settings, FieldError> {
    Ok(Settings {
        url: body.text("url")?,
        format: body.word("format", Format::ALL, Format::as_str)?,
        events: read_events(body)?,
        severity_min: body.word("severity_min", SEVERITIES, Severity::as_str)?,
        signature: body.word("signature", SignatureProfile::ALL, SignatureProfile::as_str)?,
        retry: body.word("retry", RetryProfile::ALL, RetryProfile::as_str)?,
        enabled: body.boolean("enabled")?,
        change: OptionsChange {
            custom_message: read_message(body)?,
            include_preview: body.boolean("include_preview")?,
            headers: read_headers(body)?,
            routing_key: read_routing_key(body)?,
            to: read_recipients(body)?,
            filter: read_filter(body)?,
            grouping: read_grouping(body)?,
            per_second: body.number_or_null("per_second", 0.01, 1000.0)?,
            disable_after: body
                .number_or_null("disable_after_seconds", DISABLE_AFTER_SECONDS.0, DISABLE_AFTER_SECONDS.1)?
                .map(Duration::from_secs_f64),
        },
    })
}

impl OptionsChange {
    /// The options as they are to be.
    pub(super) fn apply(self, mut options: Options) -> Options {
        let Self {
            custom_message,
            include_preview,
            headers,
            routing_key,
            to,
            filter,
            grouping,
            per_second,
            disable_after,
        } = self;
        options.custom_message = custom_message.apply(options.custom_message);
        options.include_preview = include_preview.unwrap_or(options.include_preview);
        options.headers = headers.unwrap_or(options.headers);
        options.routing_key = routing_key.or(options.routing_key);
        options.to = to.unwrap_or(options.to);
        options.filter = filter.unwrap_or(options.filter);
        options.grouping = grouping.apply(options.grouping);
        options.per_second = per_second.apply(options.per_second);
        options.disable_after = disable_after.apply(options.disable_after);
        options
    }
}

/// Checks that a form and its options fit together. `mail_enabled` says whether there is a mail server.
pub(super) fn check(format: Format, options: &Options, mail_enabled: bool) -> Result<(), FieldError> {
    let word = format.as_str();
    if options.custom_message.is_some() && !format.takes_message() {
        return Err(FieldError::invalid(
            "custom_message",
            format!("is for slack, discord, teams and email, not {word}"),
        ));
    }
    match (format == Format::PagerDuty, options.routing_key.is_some()) {
        (true, false) => {
            let message = "is needed for pagerduty: the integration key of the service, 32 letters and digits";
            return Err(FieldError::invalid("routing_key", message));
        }
        (false, true) => return Err(FieldError::invalid("routing_key", format!("is for pagerduty, not {word}"))),
        _ => {}
    }
    match (format == Format::Email, options.to.is_empty()) {
        (true, true) => return Err(FieldError::invalid("to", "is needed for email: a list of mail addresses")),
        (false, false) => return Err(FieldError::invalid("to", format!("is for email, not {word}"))),
        _ => {}
    }
    if format == Format::Email && !mail_enabled {
        return Err(FieldError::invalid("format", "cannot be email: no mail server is set; set smtp.host"));
    }
    Ok(())
}

/// Whether a form can be tried on an endpoint that has another: it may lack what the form needs.
pub(super) fn check_test(endpoint: &Endpoint, format: Format, mail_enabled: bool) -> Result<(), FieldError> {
    let is_mail = endpoint.format == Format::Email;
    if is_mail != (format == Format::Email) {
        return Err(FieldError::invalid("format", "cannot be tried here: mail and URLs do not mix"));
    }
    if format == Format::PagerDuty && endpoint.options.routing_key.is_none() {
        return Err(FieldError::invalid("format", "cannot be pagerduty here: the webhook has no `routing_key`"));
    }
    if is_mail && !mail_enabled {
        return Err(FieldError::invalid("format", "cannot be email: no mail server is set; set smtp.host"));
    }
    Ok(())
}

/// Whether a form carries the masked preview unless told otherwise (`spec/decisions.md`, Delivery).
pub(super) const fn previews_by_default(format: Format) -> bool {
    matches!(format, Format::Raw) || format.is_for_people()
}

/// The kinds that a form gets unless told otherwise: LockLLM's has injections only (`spec/decisions.md`, Alerts).
pub(super) fn events_by_default(format: Format) -> Events {
    match format {
        Format::Raw => {
            Events::Only(vec![Pattern::Kind(AlertKind::InjectionBlocked), Pattern::Kind(AlertKind::InjectionDetected)])
        }
        _ => Events::All,
    }
}

/// Reads `events`: kinds, families such as `dlp.*`, or `*`.
pub(super) fn read_events(body: &mut Fields) -> Result<Option<Events>, FieldError> {
    let Some(names) = body.texts("events", LIST_MAX)? else {
        return Ok(None);
    };
    let wrong = |message: &str| {
        let kinds = AlertKind::ALL.iter().filter(|kind| kind.is_subscribable());
        let allowed: Vec<_> = kinds.map(|kind| kind.as_str()).collect();
        body.invalid(
            "events",
            format!("{message}: {}, a family such as dlp.*, or * for every kind", allowed.join(", ")),
        )
    };
    let mut patterns = Vec::new();
    let mut every = false;
    for name in &names {
        match Pattern::from_name(name) {
            Some(pattern) if patterns.contains(&pattern) => {}
            Some(pattern) => patterns.push(pattern),
            None if name == EVERY_KIND => every = true,
            None => return Err(wrong("must hold only")),
        }
    }
    match (every, patterns.is_empty()) {
        (true, _) => Ok(Some(Events::All)),
        (false, true) => Err(wrong("must not be empty; it can hold")),
        (false, false) => Ok(Some(Events::Only(patterns))),
    }
}

fn read_message(body: &mut Fields) -> Result<Change<String>, FieldError> {
    match body.nullable("custom_message") {
        Given::Absent => Ok(Change::Keep),
        Given::Null => Ok(Change::Clear),
        Given::Value(Value::String(text))
            if !text.trim().is_empty()
                && text.chars().count() <= MESSAGE_CHARS_MAX
                && !text.chars().any(char::is_control) =>
        {
            Ok(Change::Set(text))
        }
        Given::Value(_) => {
            Err(body
                .invalid("custom_message", format!("must be one line of 1 to {MESSAGE_CHARS_MAX} characters, or null")))
        }
    }
}

/// Headers that are ours, or HTTP's own framing.
fn is_reserved(name: &HeaderName) -> bool {
    let name = name.as_str();
    ["webhook-", "x-wardbell-", "x-aisg-", "x-lockllm-", "x-hub-", "content-", "proxy-", "sec-"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || [
            "host",
            "connection",
            "transfer-encoding",
            "te",
            "trailer",
            "upgrade",
            "expect",
            "user-agent",
            "accept",
            "keep-alive",
            "forwarded",
            "cookie",
        ]
        .contains(&name)
}

fn read_headers(body: &mut Fields) -> Result<Option<Headers>, FieldError> {
    let given = match body.value("headers") {
        None => return Ok(None),
        Some(Value::Object(given)) if given.len() <= HEADERS_MAX => given,
        Some(_) => return Err(body.invalid("headers", format!("must be an object of at most {HEADERS_MAX} headers"))),
    };
    let mut headers = Vec::new();
    for (name, value) in given {
        let Ok(parsed) = HeaderName::try_from(name.as_str()) else {
            return Err(body.invalid("headers", "has a name that is no header's"));
        };
        if is_reserved(&parsed) {
            return Err(body.invalid("headers", format!("cannot set `{parsed}`: it is Wardbell's, or HTTP's own")));
        }
        match value {
            Value::String(text)
                if text.len() <= HEADER_BYTES_MAX
                    && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
                    && HeaderValue::try_from(&text).is_ok() =>
            {
                headers.push((parsed.as_str().to_owned(), Secret::new(text)));
            }
            _ => {
                let message =
                    format!("has a value of `{parsed}` that is not 0 to {HEADER_BYTES_MAX} visible ASCII characters");
                return Err(body.invalid("headers", message));
            }
        }
    }
    Ok(Some(headers))
}

fn read_routing_key(body: &mut Fields) -> Result<Option<Secret<String>>, FieldError> {
    let Some(key) = body.text("routing_key")? else {
        return Ok(None);
    };
    if key.len() == ROUTING_KEY_CHARS && key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(Some(Secret::new(key)))
    } else {
        Err(body.invalid("routing_key", format!("must be {ROUTING_KEY_CHARS} letters and digits")))
    }
}

fn read_recipients(body: &mut Fields) -> Result<Option<Vec<String>>, FieldError> {
    let Some(to) = body.texts("to", RECIPIENTS_MAX)? else {
        return Ok(None);
    };
    if to.is_empty() || !to.iter().all(|address| is_mail_address(address)) {
        return Err(
            body.invalid("to", format!("must hold 1 to {RECIPIENTS_MAX} mail addresses such as ops@example.com"))
        );
    }
    Ok(Some(to))
}

/// A plain mail address: the mailer reads it again, by the book.
fn is_mail_address(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    let name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && local.bytes().all(plain)
                && !local.starts_with('.')
                && !local.ends_with('.')
                && domain.contains('.')
                && domain.bytes().all(name)
                && domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'))
        })
}

/// Reads `filter`: `{models, keys, entity_types}`.
pub(super) fn read_filter(body: &mut Fields) -> Result<Option<Filter>, FieldError> {
    let Some(mut fields) = body.object("filter")? else {
        return Ok(None);
    };
    let filter = read_filter_fields(&mut fields)?;
    fields.finish()?;
    Ok(Some(filter))
}

/// Reads the fields of a filter.
pub(super) fn read_filter_fields(fields: &mut Fields) -> Result<Filter, FieldError> {
    let mut patterns = |name: &'static str| -> Result<Vec<String>, FieldError> {
        let found = fields.texts(name, LIST_MAX)?.unwrap_or_default();
        if found.iter().all(|pattern| (1..=PATTERN_BYTES_MAX).contains(&pattern.len())) {
            Ok(found)
        } else {
            Err(fields
                .invalid(name, format!("must hold texts of 1 to {PATTERN_BYTES_MAX} bytes; * stands for any run")))
        }
    };
    let (models, keys, entity_types) = (patterns("models")?, patterns("keys")?, patterns("entity_types")?);
    let keys = keys.iter().map(|key| key.parse::<KeyId>()).collect::<Result<Vec<_>, _>>();
    let keys = keys.map_err(|_| fields.invalid("keys", "must hold ids of keys (`key_…`)"))?;
    Ok(Filter { models, keys, entity_types })
}

fn read_grouping(body: &mut Fields) -> Result<Change<Grouping>, FieldError> {
    match body.nullable("group") {
        Given::Absent => Ok(Change::Keep),
        Given::Null => Ok(Change::Clear),
        Given::Value(Value::Object(values)) => {
            let mut fields = Fields::within(body.path("group"), values);
            let enabled = fields.boolean("enabled")?.unwrap_or(true);
            let window = fields.integer("window_seconds", WINDOW_MAX.as_secs())?;
            let per_minute = fields.integer("per_minute", PER_MINUTE_MAX)?;
            if window.is_some_and(|window| window < WINDOW_SECONDS_MIN) {
                let message = format!("must be a whole number from {WINDOW_SECONDS_MIN} to {}", WINDOW_MAX.as_secs());
                return Err(fields.invalid("window_seconds", message));
            }
            if per_minute == Some(1) {
                let message = "must be 0 for no limit, or 2 and more: one message tells of the others";
                return Err(fields.invalid("per_minute", message));
            }
            fields.finish()?;
            let usual = Grouping::FOR_PEOPLE;
            Ok(Change::Set(Grouping {
                enabled,
                window: window.map_or(usual.window, Duration::from_secs),
                per_minute: per_minute.map_or(if enabled { usual.per_minute } else { 0 }, |number| {
                    u32::try_from(number).unwrap_or(u32::MAX)
                }),
            }))
        }
        Given::Value(_) => Err(body.invalid("group", "must be an object, or null for the form's own way")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses_are_plain() {
        for good in ["ops@example.com", "a.b+c@sub.example.co"] {
            assert!(is_mail_address(good), "{good}");
        }
        for bad in
            ["", "a@b", "@example.com", "a b@example.com", "a@example.com\r\nBcc: x@y.z", "<a@example.com>", "a@-x.com"]
        {
            assert!(!is_mail_address(bad), "{bad}");
        }
    }
}

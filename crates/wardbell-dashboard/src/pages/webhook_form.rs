//! The form of a webhook: what is asked, and the body that the API gets.

use maud::{Markup, html};
use serde_json::{Map, Value, json};
use wardbell_core::alert::AlertKind;
use wardbell_core::format::Format;

use crate::App;
use crate::client::Refusal;
use crate::form::Form;
use crate::parts::{self, Field, tick};
use crate::wire::Webhook;

/// What the form holds.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) url: String,
    pub(super) format: String,
    pub(super) events: Vec<String>,
    pub(super) severity_min: String,
    pub(super) retry: String,
    pub(super) signature: String,
    pub(super) custom_message: String,
    pub(super) include_preview: Option<bool>,
    pub(super) routing_key: String,
    pub(super) to: String,
    pub(super) headers: String,
    pub(super) models: String,
    pub(super) entity_types: String,
    pub(super) keys: String,
    pub(super) secret: String,
}

/// Fields of the API that the form shows its problems at.
pub(super) const FIELDS: &[&str] = &[
    "url",
    "format",
    "events",
    "severity_min",
    "retry",
    "signature",
    "custom_message",
    "routing_key",
    "to",
    "headers",
    "filter",
    "secret",
];

impl Default for Draft {
    fn default() -> Self {
        Self {
            url: String::new(),
            format: String::new(),
            events: vec!["*".to_owned()],
            severity_min: "low".to_owned(),
            retry: "durable".to_owned(),
            signature: "standard".to_owned(),
            custom_message: String::new(),
            include_preview: None,
            routing_key: String::new(),
            to: String::new(),
            headers: String::new(),
            models: String::new(),
            entity_types: String::new(),
            keys: String::new(),
            secret: String::new(),
        }
    }
}

impl From<&Webhook> for Draft {
    fn from(webhook: &Webhook) -> Self {
        Self {
            // The address is a credential; the API does not give it back.
            url: String::new(),
            format: webhook.format.clone(),
            events: webhook.events.clone(),
            severity_min: webhook.severity_min.clone(),
            retry: webhook.retry.clone(),
            signature: webhook.signature.clone(),
            custom_message: webhook.custom_message.clone().unwrap_or_default(),
            include_preview: Some(webhook.include_preview),
            routing_key: String::new(),
            to: webhook.to.join("\n"),
            headers: String::new(),
            models: webhook.filter.models.join("\n"),
            entity_types: webhook.filter.entity_types.join("\n"),
            keys: webhook.filter.keys.join("\n"),
            secret: String::new(),
        }
    }
}

impl Draft {
    pub(super) fn read(form: &Form) -> Self {
        let text = |name: &str| form.text(name).to_owned();
        Self {
            url: text("url"),
            format: text("format"),
            events: form.all("events").into_iter().map(str::to_owned).collect(),
            severity_min: text("severity_min"),
            retry: text("retry"),
            signature: text("signature"),
            custom_message: text("custom_message"),
            include_preview: match form.text("include_preview") {
                "on" => Some(true),
                "off" => Some(false),
                _ => None,
            },
            routing_key: text("routing_key"),
            to: text("to"),
            headers: text("headers"),
            models: text("models"),
            entity_types: text("entity_types"),
            keys: text("keys"),
            secret: text("secret"),
        }
    }

    /// The body that the API gets. `is_new` sends a secret of one's own and leaves out what is empty; a change sends null for
    /// what was taken out.
    pub(super) fn body(&self, is_new: bool) -> Result<Value, Refusal> {
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| {
            body.insert(name.to_owned(), value);
        };
        if !self.url.is_empty() {
            put("url", json!(self.url));
        }
        if !self.format.is_empty() {
            put("format", json!(self.format));
        }
        // "All" stands for the others; with it none need be ticked.
        let all = self.events.iter().any(|event| event == "*");
        put("events", if all { json!(["*"]) } else { json!(self.events) });
        put("severity_min", json!(self.severity_min));
        put("retry", json!(self.retry));
        if !self.signature.is_empty() {
            put("signature", json!(self.signature));
        }
        match self.custom_message.as_str() {
            "" if is_new => {}
            "" => put("custom_message", Value::Null),
            text => put("custom_message", json!(text)),
        }
        if let Some(include) = self.include_preview {
            put("include_preview", json!(include));
        }
        if !self.routing_key.is_empty() {
            put("routing_key", json!(self.routing_key));
        }
        let lines = |text: &str| -> Vec<String> {
            text.split([',', '\n']).map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
        };
        if !self.to.is_empty() {
            put("to", json!(lines(&self.to)));
        }
        if !self.headers.is_empty() {
            let mut headers = Map::new();
            for line in self.headers.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let Some((name, value)) = line.split_once(':') else {
                    return Err(Refusal::of_field("headers", "Each line is a name, a colon and a value"));
                };
                headers.insert(name.trim().to_owned(), json!(value.trim()));
            }
            put("headers", Value::Object(headers));
        }
        put(
            "filter",
            json!({"models": lines(&self.models), "entity_types": lines(&self.entity_types), "keys": lines(&self.keys)}),
        );
        if is_new && !self.secret.is_empty() {
            put("secret", json!(self.secret));
        }
        Ok(Value::Object(body))
    }
}

/// What each kind of alert tells.
pub(super) const fn meaning(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::PiiBlocked => "A request was stopped because of personal data or a secret.",
        AlertKind::PiiRedacted => "Personal data or a secret was cut out, and the request went on.",
        AlertKind::InjectionBlocked => "A prompt injection was stopped.",
        AlertKind::InjectionDetected => "A prompt injection was seen and let through, as the policy says.",
        AlertKind::ContentViolated => "A text broke one of the project's own rules.",
        AlertKind::BudgetExhausted => "A budget is used up; requests are refused.",
        AlertKind::BudgetThreshold => "A budget has reached a share at which you want to know.",
        AlertKind::LoopDetected => "An agent that repeats itself was stopped.",
        AlertKind::EndpointFailing => "Deliveries to another webhook keep failing.",
        AlertKind::EndpointDisabled => "Another webhook was switched off.",
        AlertKind::EndpointRecovered => "Another webhook works again.",
        AlertKind::WebhookTest => "Somebody pressed Test.",
    }
}

/// What each form is for.
pub(super) const fn form_name(format: Format) -> &'static str {
    match format {
        Format::Json => "JSON, signed (AISG's envelope)",
        Format::Raw => "Raw (LockLLM's body)",
        Format::Slack => "Slack",
        Format::Discord => "Discord",
        Format::Teams => "Microsoft Teams",
        Format::PagerDuty => "PagerDuty",
        Format::Email => "E-mail",
        Format::CloudEvents => "CloudEvents 1.0",
        Format::Ocsf => "OCSF finding, for a SIEM",
        Format::Alertmanager => "Alertmanager",
    }
}

/// The choice of a form; replaced when the address says more.
pub(super) fn format_choice(app: &App, chosen: &str, guessed: Option<&str>, refusal: Option<&Refusal>) -> Markup {
    let help = html! {
        @if let Some(guess) = guessed.and_then(Format::from_name) { "This address takes " b { (form_name(guess)) } "." }
        @else { "Slack, Discord, PagerDuty and Teams are known by their addresses; the rest is JSON." }
    };
    let field = Field { name: "format", label: "Format", help, refusal };
    let forms = Format::ALL.iter().filter(|format| app.mail_enabled || **format != Format::Email);
    let mut options = vec![("", "As the address says")];
    options.extend(forms.map(|format| (format.as_str(), form_name(*format))));
    html! { div #format-choice { (field.choice(guessed.unwrap_or(chosen), &options)) } }
}

/// The fields, without the button. `base` is the path of the project; `is_new` asks for everything.
pub(super) fn fields(app: &App, base: &str, draft: &Draft, refusal: Option<&Refusal>, is_new: bool) -> Markup {
    let address_help = if is_new {
        html! { "Where alerts are posted. HTTPS and a public address, unless the operator allows others. It is stored encrypted and not shown again." }
    } else {
        html! { "Leave empty to keep the present one. A new one ends old secrets at once." }
    };
    let address = Field { name: "url", label: "Address (URL)", help: address_help, refusal };
    html! { div.fields {
        div {
            (address.with(|id, help| html! {
                input id=(id) name="url" type="url" value=(draft.url) required[is_new && draft.format != "email"] aria-describedby=(help)
                    placeholder="https://hooks.example.com/wardbell" autocomplete="off" spellcheck="false" autofocus[is_new]
                    hx-get=(format!("{base}/webhooks/guess")) hx-trigger="change" hx-target="#format-choice" hx-swap="outerHTML" hx-include="#f-format";
            }))
        }
        (format_choice(app, &draft.format, None, refusal))
        (events(&draft.events, refusal))
        (Field { name: "severity_min", label: "Least severity", refusal,
            help: html! { "Less severe alerts are left out, whatever is ticked above." } }.choice(&draft.severity_min,
            &[("low", "Low: every alert"), ("medium", "Medium and above"), ("high", "High and above"), ("critical", "Critical only")]))
        (Field { name: "custom_message", label: "Message of your own", refusal,
            help: html! { "Stands above each message in Slack, Discord, Teams and mail; for example whom to call." } }.line(&draft.custom_message, "text", false))
        (Field { name: "retry", label: "When a delivery fails", refusal,
            help: html! { "Each delivery keeps its id, so a receiver can tell repeats." } }.choice(&draft.retry, &[
            ("durable", "Durable: again and again for three days, then a dead letter"),
            ("aisg", "AISG: three sends, a second apart"),
            ("lockllm", "LockLLM: four sends within a second"),
        ]))
        details open[more_is_set(draft, refusal)] {
            summary { "More: signature, headers, filters, mail and PagerDuty" }
            div.fields { (more(draft, refusal, is_new)) }
        }
    } }
}

fn more_is_set(draft: &Draft, refusal: Option<&Refusal>) -> bool {
    let wrong = refusal.and_then(|refusal| refusal.field.as_deref()).is_some_and(|field| {
        ["signature", "headers", "filter", "to", "routing_key", "secret"].iter().any(|name| field.starts_with(name))
    });
    wrong || !draft.to.is_empty() || ["pagerduty", "email"].contains(&draft.format.as_str())
}

fn more(draft: &Draft, refusal: Option<&Refusal>, is_new: bool) -> Markup {
    let preview = match draft.include_preview {
        Some(true) => "on",
        Some(false) => "off",
        None => "",
    };
    html! {
        (Field { name: "signature", label: "Signature", refusal, help: html! { "Every delivery is signed; the receiver checks it with the secret." } }
            .choice(&draft.signature, &[
                ("standard", "Standard Webhooks, and AISG's header beside it"),
                ("ed25519", "Standard Webhooks with a public key"),
                ("github", "GitHub's header"),
                ("lockllm", "LockLLM: the secret as it is (weak)"),
            ]))
        @if is_new {
            (Field { name: "secret", label: "Secret of your own", refusal,
                help: html! { "Leave empty and one is made. " code { "whsec_" } " and base64 of 16 bytes or more." } }.line(&draft.secret, "text", false))
        }
        (Field { name: "include_preview", label: "Masked preview of the text", refusal,
            help: html! { "At most 200 characters, with everything that was found masked." } }
            .choice(preview, &[("", "As the format does it"), ("on", "Send it"), ("off", "Never send it")]))
        (Field { name: "routing_key", label: "PagerDuty integration key", refusal, help: html! { "32 letters and digits. Only for PagerDuty; it is not shown again." } }
            .line(&draft.routing_key, "text", false))
        (Field { name: "to", label: "Mail to", refusal, help: html! { "Mail addresses, one a line. Only for e-mail." } }.lines(&draft.to, 2))
        (Field { name: "headers", label: "Headers", refusal,
            help: html! { "One a line, such as " code { "Authorization: Bearer …" } ". At most ten; values are not shown again." } }.lines(&draft.headers, 2))
        fieldset {
            legend { "Only alerts about" }
            (Field { name: "models", label: "Models", refusal: None, help: html! { "One a line; " code { "*" } " stands for anything. Empty is every model." } }.lines(&draft.models, 2))
            (Field { name: "entity_types", label: "Entity types", refusal: None, help: html! { "Such as " code { "CREDIT_CARD" } ". Empty is every type." } }.lines(&draft.entity_types, 2))
            (Field { name: "keys", label: "Keys", refusal: None, help: html! { "Ids such as " code { "key_…" } ". Empty is every key." } }.lines(&draft.keys, 2))
        }
    }
}

/// The choice of events, those that are chosen ticked.
pub(super) fn events(chosen: &[String], refusal: Option<&Refusal>) -> Markup {
    let has = |name: &str| chosen.iter().any(|event| event == name);
    let wrong = refusal.filter(|refusal| refusal.field.as_deref() == Some("events"));
    let families: Vec<_> = chosen.iter().filter(|event| event.ends_with(".*")).collect();
    html! {
        fieldset.events {
            legend { "Events" }
            @if let Some(wrong) = wrong { p.wrong role="alert" { (parts::sentence(wrong)) } }
            (tick("events", "*", has("*"), &html! { b { "All events" } ", those of later versions included" }))
            div.kinds data-unless="events=*" {
                @for family in families { (tick("events", family, true, &html! { code { (family) } })) }
                @for kind in AlertKind::ALL.iter().filter(|kind| kind.is_subscribable()) {
                    (tick("events", kind.as_str(), has(kind.as_str()), &html! {
                        code { (kind.as_str()) } " " (parts::severity(kind.severity().as_str())) br; span.dim { (meaning(*kind)) }
                    }))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_webhook_says_little_and_a_change_takes_out_what_was_emptied() {
        let draft = Draft { url: "https://x.example/".to_owned(), ..Draft::default() };
        let body = draft.body(true).unwrap();
        assert_eq!(body["events"], json!(["*"]));
        assert!(body.get("custom_message").is_none() && body.get("format").is_none(), "{body}");
        let changed = Draft { events: vec!["loop.detected".to_owned()], ..Draft::default() }.body(false).unwrap();
        assert!(changed["custom_message"].is_null() && changed.get("url").is_none(), "{changed}");
        assert_eq!(changed["events"], json!(["loop.detected"]));
    }

    #[test]
    fn headers_are_lines_with_a_colon() {
        let good = Draft { headers: "X-A: 1\n x-b:2 ".to_owned(), ..Draft::default() };
        assert_eq!(good.body(true).unwrap()["headers"], json!({"X-A": "1", "x-b": "2"}));
        let bad = Draft { headers: "no colon".to_owned(), ..Draft::default() };
        assert_eq!(bad.body(true).unwrap_err().field.as_deref(), Some("headers"));
    }
}

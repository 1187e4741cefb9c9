//! What pages are made of.

use maud::{Markup, html};

use crate::client::{Refusal, query};
use crate::page::Frame;
use crate::text::Shown;

/// A time: text for everybody, which `app.js` turns into the reader's zone.
pub(crate) fn time(at: &str) -> Markup {
    let short = at.get(..19).unwrap_or(at).replace('T', " ");
    html! { time datetime=(at) title=(format!("{short} UTC")) { (short) " UTC" } }
}

/// A time that may not be.
pub(crate) fn time_or(at: Option<&str>, otherwise: &str) -> Markup {
    html! { @if let Some(at) = at { (time(at)) } @else { span.dim { (otherwise) } } }
}

/// Milliseconds, as precise as they are told apart.
pub(crate) fn millis(value: f64) -> String {
    match value {
        value if value >= 10_000.0 => format!("{:.1} s", value / 1000.0),
        value if value >= 100.0 => format!("{value:.0} ms"),
        value if value >= 1.0 => format!("{value:.1} ms"),
        value => format!("{value:.2} ms"),
    }
}

/// Dollars: cents, or more digits where there is less than one.
pub(crate) fn dollars(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || size >= 0.1 {
        format!("${}", grouped(&format!("{value:.2}")))
    } else if size >= 0.001 {
        format!("${value:.4}")
    } else {
        let text = format!("${value:.7}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// A whole number with its thousands apart.
pub(crate) fn number(value: u64) -> String {
    grouped(&value.to_string())
}

fn grouped(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    fraction.map_or_else(|| format!("{sign}{out}"), |fraction| format!("{sign}{out}.{fraction}"))
}

/// A short word with a colour that only repeats it.
pub(crate) fn badge(tone: &str, word: &str) -> Markup {
    html! { span class=(format!("badge {tone}")) { (Shown(word)) } }
}

/// What a guard decided, in words.
pub(crate) fn verdict(word: &str) -> Markup {
    let (tone, said) = match word {
        "allow" => ("ok", "clean"),
        "observe" => ("info", "observed"),
        "failed_open" => ("warn", "guard failed, let through"),
        "failed_closed" => ("bad", "guard failed, stopped"),
        "redact" => ("warn", "redacted"),
        "redact_answer" => ("warn", "answer redacted"),
        "block_pii" => ("bad", "blocked: data"),
        "block_injection" => ("bad", "blocked: injection"),
        "block_content" => ("bad", "blocked: policy"),
        "block_abuse" => ("bad", "blocked: abuse"),
        "block_loop" => ("bad", "blocked: loop"),
        "block_answer" => ("bad", "answer blocked"),
        "partial_scan" => ("warn", "clean as far as read"),
        "none" => ("", "not looked at"),
        other => ("", other),
    };
    badge(tone, said)
}

/// An injection score from 0 to 1, as a bar and in words. It is red where the policy counts it; `threshold` tells from where on
/// it does in a text of the user, if it does there.
pub(crate) fn injection_score(score: f64, threshold: Option<f64>, counts: bool) -> Markup {
    let said = match (threshold, counts) {
        (Some(threshold), true) => format!("an injection: {threshold:.2} and more counts in a text of the user"),
        (Some(threshold), false) => format!("no injection: {threshold:.2} and more counts in a text of the user"),
        (None, true) => "an injection, in a text that is not the user's".to_owned(),
        (None, false) => "injections are not looked for in texts of the user".to_owned(),
    };
    html! {
        span class=(if counts { "score counts" } else { "score" }) {
            (crate::chart::score(score, threshold)) " " b { (format!("{score:.2}")) } " " span.said-of { (said) }
        }
    }
}

/// How urgent an alert is.
pub(crate) fn severity(word: &str) -> Markup {
    let tone = match word {
        "critical" | "high" => "bad",
        "medium" => "warn",
        _ => "info",
    };
    badge(tone, word)
}

/// How a delivery or a webhook stands.
pub(crate) fn state(word: &str) -> Markup {
    let tone = match word {
        "delivered" | "healthy" => "ok",
        "pending" => "info",
        "failing" => "warn",
        "dead" => "bad",
        _ => "",
    };
    badge(tone, word)
}

/// What a list says when it is empty, and what to do next.
pub(crate) fn empty(title: &str, next: &Markup) -> Markup {
    html! { div.empty { h2 { (title) } (next) } }
}

/// Where something comes from that only the configuration file changes.
pub(crate) fn declared(what: &str, file: &str) -> Markup {
    html! {
        p.note role="note" {
            (what) " is declared in " code { (Shown(file)) } ", and can only be changed there. Changes of the file are in force after "
            code { "SIGHUP" } " or " code { "POST /api/v1/reload" } "."
        }
    }
}

/// A table that scrolls for itself where it is too wide.
pub(crate) fn table(label: &str, head: &[&str], rows: &Markup) -> Markup {
    html! {
        div.scroll role="region" aria-label=(label) tabindex="0" {
            table.stack {
                thead { tr { @for name in head { th scope="col" { (name) } } } }
                tbody { (rows) }
            }
        }
    }
}

/// A choice of a filter, or of what to try: (the word, what it says).
pub(crate) fn pick<'a>(
    name: &str,
    label: &str,
    chosen: &str,
    options: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Markup {
    html! {
        label { span { (label) } select name=(name) {
            @for (word, said) in options { option value=(word) selected[word == chosen] { (said) } }
        } }
    }
}

/// The link to the next page of a list, with the filters kept.
pub(crate) fn more(path: &str, filters: &[(&str, &str)], cursor: Option<&str>) -> Markup {
    let Some(cursor) = cursor else { return html! {} };
    let pairs = filters.iter().copied().filter(|(name, _)| *name != "cursor").chain([("cursor", cursor)]);
    html! { p.more { a.button href=(format!("{path}{}", query(pairs))) { "Older" } } }
}

/// What the API says of a form as a whole: a refusal that is about no field of it.
pub(crate) fn refused(refusal: Option<&Refusal>, fields: &[&str]) -> Markup {
    let Some(refusal) = refusal.filter(|refusal| {
        !refusal.field.as_deref().is_some_and(|field| fields.iter().any(|name| is_within(field, name)))
    }) else {
        return html! {};
    };
    html! { p.problem role="alert" { (sentence(refusal)) } }
}

/// Whether a field of the API is, or is a part of, a field of a form.
fn is_within(field: &str, name: &str) -> bool {
    field.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What a refusal says, with its hint.
pub(crate) fn sentence(refusal: &Refusal) -> Markup {
    // The API names fields in code's marks; the page has the field's own label beside it.
    let message = refusal.message.replace('`', "");
    html! { (Shown(&message)) "." @if let Some(hint) = &refusal.hint { " " (Shown(&hint.replace('`', ""))) "." } }
}

/// A field of a form, with what is wrong with it.
pub(crate) struct Field<'a> {
    /// Its name in the API.
    pub(crate) name: &'a str,
    pub(crate) label: &'a str,
    pub(crate) help: Markup,
    pub(crate) refusal: Option<&'a Refusal>,
}

impl Field<'_> {
    fn wrong(&self) -> Option<&Refusal> {
        self.refusal.filter(|refusal| refusal.field.as_deref().is_some_and(|field| is_within(field, self.name)))
    }

    /// The field around its input, which gets the id that its label and help refer to.
    pub(crate) fn with(&self, input: impl FnOnce(&str, &str) -> Markup) -> Markup {
        let id = format!("f-{}", self.name.replace('.', "-"));
        let help = format!("{id}-help");
        html! {
            div.field {
                label for=(id) { (self.label) }
                (input(&id, &help))
                small id=(help) {
                    @if let Some(wrong) = self.wrong() { span.wrong role="alert" { (sentence(wrong)) } " " }
                    (self.help)
                }
            }
        }
    }

    /// One line of text.
    pub(crate) fn line(&self, value: &str, kind: &str, required: bool) -> Markup {
        self.with(|id, help| {
            html! {
                input id=(id) name=(self.name) type=(kind) value=(value) required[required] aria-describedby=(help)
                    aria-invalid=[self.wrong().map(|_| "true")] autocomplete="off" spellcheck="false";
            }
        })
    }

    /// Several lines of text.
    pub(crate) fn lines(&self, value: &str, rows: u8) -> Markup {
        self.with(|id, help| {
            html! {
                textarea id=(id) name=(self.name) rows=(rows) aria-describedby=(help)
                    aria-invalid=[self.wrong().map(|_| "true")] spellcheck="false" { (value) }
            }
        })
    }

    /// One of several, each with its words.
    pub(crate) fn choice(&self, value: &str, options: &[(&str, &str)]) -> Markup {
        self.with(|id, help| {
            html! {
                select id=(id) name=(self.name) aria-describedby=(help) aria-invalid=[self.wrong().map(|_| "true")] {
                    @for (word, said) in options { option value=(word) selected[*word == value] { (said) } }
                }
            }
        })
    }
}

/// A box to tick, with what it means.
pub(crate) fn tick(name: &str, value: &str, checked: bool, label: &Markup) -> Markup {
    html! { label.tick { input type="checkbox" name=(name) value=(value) checked[checked]; span { (label) } } }
}

/// A text to copy, with a button that `app.js` makes work.
pub(crate) fn copyable(label: &str, text: &str) -> Markup {
    html! {
        div.copy {
            input.mono type="text" readonly value=(text) aria-label=(label);
            button type="button" data-copy=(text) { "Copy" }
        }
    }
}

/// A piece of code to copy.
pub(crate) fn code(label: &str, text: &str) -> Markup {
    html! {
        div.code {
            pre tabindex="0" role="region" aria-label=(label) { code { (text) } }
            button type="button" data-copy=(text) { "Copy" }
        }
    }
}

/// A button that asks before it does what cannot be undone. Without a script the question stands in the page.
pub(crate) fn confirmed(frame: &Frame, id: &str, label: &str, action: &str, question: &Markup) -> Markup {
    html! {
        button.danger type="button" data-ask=(id) { (label) "…" }
        dialog id=(id) aria-label=(label) {
            (question)
            form method="post" action=(action) {
                (frame.token())
                div.row { button.danger type="submit" { (label) } button type="button" data-close { "Cancel" } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_told_as_precisely_as_they_are() {
        for (value, said) in
            [(0.0, "$0.00"), (1234.5, "$1,234.50"), (0.000_12, "$0.00012"), (-2.0, "$-2.00"), (0.1, "$0.10")]
        {
            assert_eq!(dollars(value), said);
        }
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(
            (millis(0.123), millis(12.0), millis(15_000.0)),
            ("0.12 ms".into(), "12.0 ms".into(), "15.0 s".into())
        );
    }

    #[test]
    fn a_refusal_is_told_at_its_field_or_above_the_form() {
        let refusal = Refusal::of_field("policy.dlp.action", "must be one");
        assert!(is_within("policy.dlp.action", "policy.dlp") && !is_within("policy.dlpx", "policy.dlp"));
        assert_eq!(refused(Some(&refusal), &["policy.dlp"]).into_string(), "");
        assert!(refused(Some(&refusal), &["name"]).into_string().contains("must be one"));
    }
}

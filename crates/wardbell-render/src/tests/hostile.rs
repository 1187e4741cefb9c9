//! Text of attackers in every place that text of others gets into.

use std::time::Instant;

use proptest::prelude::*;
use serde_json::Value;
use wardbell_core::alert::{AlertData, BudgetData, DlpData, EndpointData, LoopData};

use super::*;

/// What attackers put into text, and what breaks careless programs.
const PIECES: &[&str] = &[
    "```",
    "`",
    "<!channel>",
    "<!here|x>",
    "<@U012AB3CD>",
    "<https://evil.example|click>",
    "@everyone",
    "@here",
    "<@123456789012345678>",
    "[a](https://evil.example)",
    "https://evil.example/x",
    "\r\nBcc: victim@example.com\r\n\r\nbody",
    "\n.\n",
    "\0",
    "\u{202e}gnp.exe",
    "\u{2066}",
    "\u{200b}",
    "\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</pre></td>",
    "&lt;",
    "&",
    "👨\u{200d}👩\u{200d}👧\u{200d}👦",
    "𝕳𝖊𝖑𝖑𝖔",
    "\u{1b}[31m",
    "=?utf-8?q?x?=",
    "{{template}}",
    "*bold* _it_ ~s~ ||spoiler||",
    "\\",
    "\u{feff}",
    "\u{e0041}",
    "ordinary words ",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        2 => any::<String>(),
        1 => (proptest::sample::select(PIECES), 1_usize..400).prop_map(|(piece, times)| piece.repeat(times)),
        1 => Just("a".to_owned() + &"\u{301}".repeat(10_000)),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Puts text into every place that text of others gets into.
fn poisoned(kind: AlertKind, text: &str) -> Alert {
    let mut alert = alert(kind);
    alert.preview = Some(text.to_owned());
    alert.request_id = text.to_owned();
    alert.source.user = Some(text.to_owned());
    match &mut alert.data {
        AlertData::Dlp(DlpData { model, policies, .. }) => {
            text.clone_into(model);
            for policy in policies {
                text.clone_into(policy);
            }
        }
        AlertData::Budget(BudgetData { model, .. }) => text.clone_into(model),
        AlertData::Loop(LoopData { model, fingerprint, tool, .. }) => {
            *tool = Some(text.to_owned());
            text.clone_into(model);
            text.clone_into(fingerprint);
        }
        AlertData::Endpoint(EndpointData { reason, .. }) => text.clone_into(reason),
        AlertData::Test(_) => {}
    }
    alert
}

/// Every text in a body that the receiver formats, and none that it takes as it is.
fn formatted(format: Format, body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![body];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(fields) => {
                let is_run = fields.get("type") == Some(&"TextRun".into());
                if !(is_run && format == Format::Teams) {
                    waiting.extend(fields.values());
                }
            }
            Value::Array(items) => waiting.extend(items),
            Value::String(text) => found.push(text.clone()),
            _ => {}
        }
    }
    found
}

/// Takes out what stands in code, where nothing is acted on. A fence or span that does not end is no code.
fn outside_code(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        let (ticks, after) = after.strip_prefix("``").map_or(("`", after), |after| ("```", after));
        let Some((_, next)) = after.split_once(ticks) else { break };
        out.push_str(before);
        rest = next;
    }
    out + rest
}

/// `is_own` says that the operator wrote a message, whose links are the operator's.
fn acts_on_nobody(format: Format, body: &[u8], is_own: bool) {
    if format == Format::Email {
        // Its HTML is looked at before it is encoded; `limits` looks at the rest.
        return;
    }
    let value: Value = serde_json::from_slice(body).unwrap();
    for text in formatted(format, &value) {
        for hidden in ['\0', '\u{1b}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{e0041}'] {
            let is_data =
                matches!(format, Format::Json | Format::Raw | Format::CloudEvents | Format::Ocsf | Format::PagerDuty);
            assert!(is_data || !text.contains(hidden), "{text:?}");
        }
        match format {
            Format::Slack => {
                assert!(!text.contains('<') && !text.contains('>'), "everything is escaped: {text}");
                assert!(is_own || !outside_code(&text).contains("https://"), "nothing is linked: {text}");
            }
            Format::Discord => {
                let acted_on = outside_code(&text);
                assert!(!acted_on.contains('`'), "no code is broken out of: {text}");
                for word in ["https://", "<@", "](", "||"] {
                    assert!(!acted_on.contains(word), "{word} in {acted_on}");
                }
                assert!(!acted_on.contains("@everyone") || acted_on.contains("\\@everyone"), "{acted_on}");
            }
            Format::Teams => assert!(!text.contains("<at>") && !text.contains("](h"), "{text}"),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn hostile_text_breaks_no_limit_pings_nobody_and_forges_nothing(
        text in hostile(),
        own in hostile(),
        note in hostile(),
        kind in proptest::sample::select(AlertKind::ALL),
        reason in proptest::option::of(proptest::sample::select(FoldReason::ALL)),
        is_plain in any::<bool>(),
        has_message in any::<bool>(),
    ) {
        let to = recipients();
        let alert = poisoned(kind, &text);
        let fold = reason.map(|reason| Fold { note: Some(note.clone()), ..fold(reason) });
        let wish = Wish { custom_message: has_message.then_some(own.as_str()), is_plain, ..wish(&to) };
        let notice = Notice { id: id(), alert: &alert, fold: fold.as_ref(), wish };
        let page = crate::email::page(&notice).to_lowercase();
        for tag in ["<script", "<img", "<a ", "onerror=\"", "</pre></td>"] {
            assert!(!page.contains(tag), "{page}");
        }
        for format in Format::ALL {
            let body = rendered(*format, &notice);
            limits::check(*format, &body);
            acts_on_nobody(*format, &body, has_message && !is_plain);
        }
    }
}

/// Ten times the text takes not much more than ten times as long.
#[test]
fn rendering_is_linear_in_its_text() {
    let to = recipients();
    let time = |times: usize| {
        let alert = poisoned(AlertKind::InjectionBlocked, &PIECES.concat().repeat(times));
        let notice = Notice { id: id(), alert: &alert, fold: None, wish: wish(&to) };
        let mut best = std::time::Duration::MAX;
        for _ in 0..3 {
            let started = Instant::now();
            for format in Format::ALL {
                let body = rendered(*format, &notice);
                assert!(*format == Format::Json || body.len() < 600_000);
            }
            best = best.min(started.elapsed());
        }
        best
    };
    let (small, large) = (time(100), time(1000));
    assert!(large <= small.mul_f64(30.0), "{small:?} and {large:?}");
}

//! What is particular to each kind of receiver: how fast it takes messages, and what else it says beside the status.

use std::time::Duration;

use http::HeaderMap;
use wardbell_core::time::Timestamp;
use wardbell_store::endpoint::Format;

use crate::lanes::Rate;
use crate::retry_after::{self, retry_after};

/// The longest that a receiver can hold up its endpoint with one answer; then it is asked again.
pub(crate) const HOLD_MAX: Duration = Duration::from_hours(1);

/// How fast a receiver of a form takes messages, where it says so (`spec/alert-contracts.md` 3): Slack one a second, Teams
/// four, Discord five in two seconds beside what its headers say, PagerDuty's integrations 120 a minute.
pub(crate) const fn rate(format: Format) -> Option<Rate> {
    match format {
        Format::Slack => Some(Rate { per_second: 1.0, burst: 1 }),
        Format::Discord => Some(Rate { per_second: 2.5, burst: 5 }),
        Format::Teams => Some(Rate { per_second: 3.0, burst: 4 }),
        Format::PagerDuty => Some(Rate { per_second: 2.0, burst: 10 }),
        Format::Email => Some(Rate { per_second: 5.0, burst: 10 }),
        Format::Json | Format::Raw | Format::CloudEvents | Format::Ocsf | Format::Alertmanager => None,
    }
}

/// How long the whole endpoint is to be left alone: `Retry-After` on 429 and 503, and Discord's own words on any answer.
pub(crate) fn hold(format: Format, status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<Duration> {
    let asked = match status {
        429 | 503 => retry_after(headers, now).max(if status == 429 { in_body(body) } else { None }),
        _ => None,
    };
    let spent = if format == Format::Discord { spent(headers) } else { None };
    asked.max(spent).map(|hold| hold.min(HOLD_MAX))
}

/// `retry_after` in a JSON body, in seconds, as Discord (a float) and Slack (a whole number) send it.
fn in_body(body: &[u8]) -> Option<Duration> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let seconds = answer.get("retry_after")?.as_f64()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// When nothing remains of Discord's allowance: the time until it is whole again
/// (<https://discord.com/developers/docs/topics/rate-limits>, read 2026-11-23).
fn spent(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok();
    if text("x-ratelimit-remaining")?.trim() != "0" {
        return None;
    }
    retry_after::seconds(text("x-ratelimit-reset-after")?.trim())
}

/// What Slack says in a body that is not `ok` (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>,
/// read 2026-11-23), and what retired Teams connectors said with a 200 (`spec/alert-contracts.md` 3.4).
const DENIALS: &[(Format, &str)] = &[
    (Format::Slack, "invalid_payload"),
    (Format::Slack, "invalid_blocks"),
    (Format::Slack, "no_text"),
    (Format::Slack, "no_service"),
    (Format::Slack, "no_team"),
    (Format::Slack, "invalid_token"),
    (Format::Slack, "action_prohibited"),
    (Format::Slack, "channel_not_found"),
    (Format::Slack, "channel_is_archived"),
    (Format::Teams, "Webhook message delivery failed"),
    (Format::Teams, "HTTP error"),
];

/// Whether a receiver that answered 2xx says in its body that it did not take the message.
pub(crate) fn denies(format: Format, body: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(body) else { return false };
    let text = text.trim_start();
    DENIALS.iter().any(|(of, word)| *of == format && text.starts_with(word))
}

/// Whether a form has a plain rendering to fall back on when the rich one is refused.
pub(crate) const fn has_plain(format: Format) -> bool {
    matches!(format, Format::Slack | Format::Discord | Format::Teams)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_receiver_is_left_alone_for_as_long_as_it_says() {
        let seconds = |seconds| Some(Duration::from_secs_f64(seconds));
        for (format, status, pairs, body, expect) in [
            (Format::Json, 429, &[("retry-after", "7")][..], "", seconds(7.0)),
            (Format::Json, 503, &[("retry-after", "7")], "", seconds(7.0)),
            (Format::Json, 500, &[("retry-after", "7")], "", None),
            (Format::Json, 200, &[("retry-after", "7")], "", None),
            (Format::Json, 429, &[("retry-after", "999999")], "", Some(HOLD_MAX)),
            (Format::Slack, 429, &[("retry-after", "1")], r#"{"retry_after":2,"ok":false}"#, seconds(2.0)),
            (Format::Discord, 429, &[], r#"{"retry_after":0.65,"global":false}"#, seconds(0.65)),
            (Format::Discord, 429, &[], r#"{"retry_after":-1}"#, None),
            (Format::Discord, 429, &[], r#"{"retry_after":1e300}"#, None),
            (Format::Discord, 429, &[], "garbage", None),
            (
                Format::Discord,
                200,
                &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "1.25")],
                "",
                seconds(1.25),
            ),
            (Format::Discord, 200, &[("x-ratelimit-remaining", "3"), ("x-ratelimit-reset-after", "9")], "", None),
            (Format::Json, 200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset-after", "9")], "", None),
        ] {
            assert_eq!(
                hold(format, status, &headers(pairs), body.as_bytes(), NOW),
                expect,
                "{format:?} {status} {body}"
            );
        }
    }

    #[test]
    fn a_yes_that_means_no_is_told() {
        assert!(denies(Format::Slack, b"no_service"));
        assert!(!denies(Format::Slack, b"ok"));
        assert!(!denies(Format::Slack, b""), "a bridge may say nothing");
        assert!(denies(Format::Teams, b"Webhook message delivery failed with error: ... 429"));
        assert!(!denies(Format::Json, b"no_service"));
        assert!(!denies(Format::Slack, b"\xff\xfe"));
    }
}

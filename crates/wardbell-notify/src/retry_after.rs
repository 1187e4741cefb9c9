//! `Retry-After`: when a receiver asks to be asked again.
//!
//! Seconds or an HTTP date (RFC 9110, section 10.2.3, <https://www.rfc-editor.org/rfc/rfc9110>, read 2026-11-23). A
//! fraction of a second is understood, because some receivers send one. Anything else is ignored: a stranger's garbage
//! must not change when we come back.

use std::time::Duration;

use http::{HeaderMap, header};
use jiff::fmt::rfc2822::DateTimeParser;
use wardbell_core::time::Timestamp;

/// The longest value that is looked at; an HTTP date has 29 characters.
const VALUE_BYTES_MAX: usize = 40;
/// The most digits of seconds: over three thousand years, and no overflow.
const DIGITS_MAX: usize = 11;

/// What the headers ask for; the longest if they ask twice. A date in the past is zero.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    headers
        .get_all(header::RETRY_AFTER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(|value| parse(value, now))
        .max()
}

fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if value.len() > VALUE_BYTES_MAX {
        return None;
    }
    seconds(value).or_else(|| date(value, now))
}

/// Reads seconds with or without a fraction.
pub(crate) fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let is_number =
        |digits: &str| (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let whole = Duration::from_secs(whole.parse().ok()?);
    // Round a fraction up to the millisecond: early is impolite.
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    let rest = u64::from(fraction.bytes().skip(3).any(|b| b != b'0'));
    Some(whole + Duration::from_millis(millis.parse::<u64>().ok()? + rest))
}

fn date(value: &str, now: Timestamp) -> Option<Duration> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    // HTTP knows only GMT; other zones of RFC 2822 are not what a receiver may send.
    if !value.ends_with(" GMT") {
        return None;
    }
    let at = PARSER.parse_timestamp(value).ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_garbage_is_ignored() {
        // 1994-11-06T08:49:37Z, the date in RFC 9110, section 5.6.7.
        let now = Timestamp::from_millis(784_111_777_000);
        let millis = |millis| Some(Duration::from_millis(millis));
        for (value, expect) in [
            ("0", millis(0)),
            ("120", millis(120_000)),
            (" 7 ", millis(7_000)),
            ("1.5", millis(1_500)),
            ("0.0001", millis(1)),
            ("0.65", millis(650)),
            ("99999999999", millis(99_999_999_999_000)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", millis(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", millis(60_000)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", millis(0)),
            ("Sun, 06 Nov 1994 08:50:37 +0200", None),
            ("Mon, 06 Nov 1994 08:49:37 GMT", None),
            ("-1", None),
            ("+1", None),
            ("1e9", None),
            ("", None),
            (".5", None),
            ("5.", None),
            ("1.2.3", None),
            ("999999999999", None),
            ("soon", None),
            ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ] {
            assert_eq!(parse(value, now), expect, "{value:?}");
        }
        assert_eq!(parse(&"9".repeat(1 << 16), now), None);
    }

    #[test]
    fn of_two_headers_the_longer_wait_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers, Timestamp::from_millis(0)), None);
        for value in ["3", "junk", "9", "5"] {
            headers.append(header::RETRY_AFTER, http::HeaderValue::from_static(value));
        }
        assert_eq!(retry_after(&headers, Timestamp::from_millis(0)), Some(Duration::from_secs(9)));
    }
}

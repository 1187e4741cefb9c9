//! The receiver's side: is this delivery from Wardbell, and is it fresh?
//!
//! **Theory of operation.** If any of Standard Webhooks' three headers is there, they decide: all three must be present,
//! the timestamp within the tolerance, and one `v1` token must match. Only when none is there does `X-AISG-Signature`
//! decide. Comparisons take the same time whatever the bytes are.
//!
//! **What it does not do.** A signature by `X-AISG-Signature` alone has no timestamp: whoever recorded the delivery can
//! send it again with the other headers removed. [`Verified::via`] tells which one it was; de-duplicate on the id.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use wardbell_core::time::Timestamp;

use crate::sign::{self, SecretError};

/// How far a timestamp may be from the receiver's clock: the tolerance of Standard Webhooks' own libraries
/// (<https://github.com/standard-webhooks/standard-webhooks/tree/main/libraries>, read 2026-11-23).
pub const TOLERANCE: Duration = Duration::from_mins(5);
/// The most signature tokens that are looked at; past that somebody is wasting our time.
pub const TOKENS_MAX: usize = 32;

/// Which signature a delivery was verified by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Standard Webhooks: content, identity and time are vouched for.
    Standard,
    /// `X-AISG-Signature`: the content is vouched for, the time is not.
    Aisg,
}

/// A delivery that is what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The id to de-duplicate on; `None` if an AISG-signed body names none.
    pub webhook_id: Option<String>,
    /// Which signature said so.
    pub via: Via,
}

/// Why a delivery is not accepted. Each message says what to mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The secret is malformed.
    #[error("the secret cannot be used: {0}")]
    Secret(#[from] SecretError),
    /// There is no signature at all.
    #[error(
        "no signature: expected the headers webhook-id, webhook-timestamp and webhook-signature, or x-aisg-signature; does a proxy in front of the receiver drop them?"
    )]
    Unsigned,
    /// Some of Standard Webhooks' headers are there, and this one is not.
    #[error("the header {0} is missing; does a proxy in front of the receiver drop it?")]
    Missing(&'static str),
    /// A header is not of its form.
    #[error("the header {name} must be {form}")]
    Malformed {
        /// The header.
        name: &'static str,
        /// What it must be.
        form: &'static str,
    },
    /// The delivery is too old, or this clock is ahead.
    #[error("the delivery is {0} seconds old; it is a replay, or this machine's clock is ahead")]
    TooOld(u64),
    /// The delivery is from the future: this clock is behind.
    #[error("the delivery is from {0} seconds in the future; set this machine's clock")]
    TooNew(u64),
    /// No signature matches.
    #[error(
        "the signature in {0} does not match; is the secret this webhook's, and is the body exactly the bytes received?"
    )]
    Mismatch(&'static str),
}

/// Verifies a delivery against a secret.
///
/// `header` looks a header up by its lower-case name. `body` is the raw body as received. `tolerance` is how far the
/// timestamp may be from `now`, in either direction; [`TOLERANCE`] is the usual.
///
/// # Errors
/// When the delivery is not signed with `secret`, or not fresh.
pub fn verify<'h>(
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    secret: &str,
    now: Timestamp,
    tolerance: Duration,
) -> Result<Verified, VerifyError> {
    let key = sign::decode(secret)?;
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    if names.iter().any(|name| header(name).is_some()) {
        let [id, stamp, tokens] = names.map(|name| header(name).ok_or(VerifyError::Missing(name)));
        let id = id?;
        standard(id, stamp?, tokens?, body, &key, now, tolerance)?;
        return Ok(Verified { webhook_id: Some(id.to_owned()), via: Via::Standard });
    }
    let given = header("x-aisg-signature").ok_or(VerifyError::Unsigned)?;
    aisg(given, body, secret)?;
    Ok(Verified { webhook_id: body_id(body), via: Via::Aisg })
}

fn standard(
    id: &str,
    stamp: &str,
    tokens: &str,
    body: &[u8],
    key: &[u8],
    now: Timestamp,
    tolerance: Duration,
) -> Result<(), VerifyError> {
    let malformed = VerifyError::Malformed { name: "webhook-timestamp", form: "Unix seconds such as 1764000000" };
    // Digits only: `+5` and ` 5` would sign differently from what they read as.
    if stamp.is_empty() || !stamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed);
    }
    let seconds: i64 = stamp.parse().map_err(|_| malformed)?;
    let age = now.as_seconds().saturating_sub(seconds);
    if age.unsigned_abs() > tolerance.as_secs() {
        return Err(if age > 0 {
            VerifyError::TooOld(age.unsigned_abs())
        } else {
            VerifyError::TooNew(age.unsigned_abs())
        });
    }
    let content = [id.as_bytes(), b".", stamp.as_bytes(), b".", body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let matches = tokens
        .split(' ')
        .take(TOKENS_MAX)
        .filter_map(|token| token.strip_prefix("v1,"))
        .filter_map(|encoded| STANDARD.decode(encoded).ok())
        .any(|tag| hmac::verify(&key, &content, &tag).is_ok());
    if matches { Ok(()) } else { Err(VerifyError::Mismatch("webhook-signature")) }
}

fn aisg(given: &str, body: &[u8], secret: &str) -> Result<(), VerifyError> {
    let malformed = VerifyError::Malformed { name: "x-aisg-signature", form: "`sha256=` and 64 hexadecimal digits" };
    let tag = given.strip_prefix("sha256=").and_then(unhex).ok_or(malformed)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, body, &tag).map_err(|_| VerifyError::Mismatch("x-aisg-signature"))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 {
        return None;
    }
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

/// The id that a body names. Read only after the signature has vouched for the body.
fn body_id(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        webhook_id: String,
    }
    serde_json::from_slice::<Named>(body).ok().map(|named| named.webhook_id)
}

#[cfg(test)]
mod tests;

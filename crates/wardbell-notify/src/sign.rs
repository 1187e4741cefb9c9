//! Signatures on deliveries, so that a receiver knows who speaks.
//!
//! **Theory of operation.** Profile `standard` writes two kinds of signature over the same body. Standard Webhooks signs
//! `id.timestamp.body` with the decoded bytes of each live secret, one token a secret, so that a receiver accepts the
//! delivery all through a rotation, and refuses an old recording by its timestamp. `X-AISG-Signature` signs the raw body
//! with the whole `whsec_…` text of the newest secret; it has no timestamp, so it does not stop a replay.
//!
//! **Source.** <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>, read
//! 2026-11-23; `spec/wire-aisg.md` 1.9.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use wardbell_core::time::Timestamp;
use wardbell_store::endpoint::{SignatureProfile, SigningSecret};

/// Standard Webhooks: the delivery's identity, the same for every attempt.
pub const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
/// Standard Webhooks: when this attempt was made, in Unix seconds.
pub const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// Standard Webhooks: `v1,<base64>` tokens, separated by spaces.
pub const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
/// The first product's header: `sha256=<hex>`.
pub const AISG_SIGNATURE: HeaderName = HeaderName::from_static("x-aisg-signature");

/// What every signing secret starts with.
pub const SECRET_PREFIX: &str = "whsec_";
/// The fewest bytes of an operator's own secret (`spec/decisions.md`, Signatures).
pub const SECRET_BYTES_MIN: usize = 16;
/// The most bytes of an operator's own secret; HMAC-SHA256 gains nothing past its block of 64, so this is only a bound.
pub const SECRET_BYTES_MAX: usize = 256;
/// The most secrets that sign one delivery, newest first: bounds the header when somebody rotates in a loop.
pub const SIGNING_SECRETS_MAX: usize = 8;

/// Why a text cannot be a signing secret. The messages never show the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It does not start with `whsec_`.
    #[error("a webhook secret starts with `whsec_`; put that before the base64 text")]
    Prefix,
    /// What follows `whsec_` is not base64.
    #[error(
        "after `whsec_` a webhook secret is standard base64 with its padding; make one with `openssl rand -base64 32`"
    )]
    Base64,
    /// It is too short to be safe.
    #[error("a webhook secret has {SECRET_BYTES_MIN} bytes or more once decoded; this one has {0}")]
    Short(usize),
    /// It is longer than anybody needs.
    #[error("a webhook secret has at most {SECRET_BYTES_MAX} bytes once decoded")]
    Long,
}

/// Why a delivery could not be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Every secret has expired, or there is none.
    #[error("the webhook has no secret that may sign now; rotate its secret")]
    NoSecret,
    /// A stored secret is malformed.
    #[error("a stored secret cannot be used: {0}; rotate the webhook's secret")]
    Secret(#[from] SecretError),
    /// The id cannot travel in a header.
    #[error("the webhook id cannot travel in a header")]
    Id,
}

/// Checks that an operator's own text can be a secret.
///
/// # Errors
/// When it is not `whsec_` and standard base64 of 16 to 256 bytes.
pub fn check_secret(text: &str) -> Result<(), SecretError> {
    decode(text).map(drop)
}

/// The bytes of a secret.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, SecretError> {
    let encoded = text.strip_prefix(SECRET_PREFIX).ok_or(SecretError::Prefix)?;
    // Four characters encode three bytes; refuse before decoding what is too long anyway.
    if encoded.len() / 4 * 3 > SECRET_BYTES_MAX + 3 {
        return Err(SecretError::Long);
    }
    let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::Base64)?;
    match bytes.len() {
        short if short < SECRET_BYTES_MIN => Err(SecretError::Short(short)),
        long if long > SECRET_BYTES_MAX => Err(SecretError::Long),
        _ => Ok(bytes),
    }
}

/// Makes the signature headers of one attempt.
///
/// `id` is the `webhook_id`, `at` the time of the attempt, `secrets` the endpoint's, newest first.
///
/// # Errors
/// When no secret may sign at `at`, or a stored one is malformed.
pub fn sign(
    profile: SignatureProfile,
    id: &str,
    at: Timestamp,
    body: &[u8],
    secrets: &[SigningSecret],
) -> Result<HeaderMap, SignError> {
    let live: Vec<&str> = secrets
        .iter()
        .filter(|secret| secret.expires_at.is_none_or(|end| end > at))
        .take(SIGNING_SECRETS_MAX)
        .map(|secret| secret.secret.reveal().as_str())
        .collect();
    match profile {
        SignatureProfile::Standard => standard(id, at, body, &live),
    }
}

fn standard(id: &str, at: Timestamp, body: &[u8], live: &[&str]) -> Result<HeaderMap, SignError> {
    let newest = live.first().ok_or(SignError::NoSecret)?;
    let seconds = at.as_seconds();
    let mut tokens = Vec::with_capacity(live.len());
    for secret in live {
        let tag = standard_tag(&decode(secret)?, id, seconds, body);
        tokens.push(format!("v1,{}", STANDARD.encode(tag)));
    }
    let aisg = format!("sha256={}", hex(aisg_tag(newest, body).as_ref()));
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(WEBHOOK_ID, HeaderValue::from_str(id).map_err(|_| SignError::Id)?);
    headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(seconds));
    headers.insert(WEBHOOK_SIGNATURE, HeaderValue::from_str(&tokens.join(" ")).map_err(|_| SignError::Id)?);
    headers.insert(AISG_SIGNATURE, HeaderValue::from_str(&aisg).map_err(|_| SignError::Id)?);
    Ok(headers)
}

/// HMAC-SHA256 over `id.timestamp.body`.
fn standard_tag(key: &[u8], id: &str, seconds: i64, body: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(id.as_bytes());
    context.update(format!(".{seconds}.").as_bytes());
    context.update(body);
    context.sign()
}

/// HMAC-SHA256 over the raw body with the secret as it is written.
fn aisg_tag(secret: &str, body: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardbell_core::secret::Secret;

    /// `spec/alert-contracts.md` 3.8, from the Rust library of Standard Webhooks.
    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const ID: &str = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk";
    const BODY: &[u8] = br#"{"email":"test@example.com","username":"test_user"}"#;
    const AT: Timestamp = Timestamp::from_millis(1_649_367_553_000);

    fn secret(text: &str, expires_at: Option<Timestamp>) -> SigningSecret {
        SigningSecret { secret: Secret::new(text.to_owned()), expires_at }
    }

    fn signed(at: Timestamp, secrets: &[SigningSecret]) -> Result<HeaderMap, SignError> {
        sign(SignatureProfile::Standard, ID, at, BODY, secrets)
    }

    #[test]
    fn the_published_vector_is_reproduced() {
        let headers = signed(AT, &[secret(SECRET, None)]).unwrap();
        assert_eq!(headers["webhook-id"], ID);
        assert_eq!(headers["webhook-timestamp"], "1649367553");
        assert_eq!(headers["webhook-signature"], "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
        // Reproduced with `openssl dgst -sha256 -hmac "$SECRET"` over the body.
        assert_eq!(
            headers["x-aisg-signature"],
            "sha256=e0fc16c6d4a28f39a6e0935569f05d86e87367db24a4b6d9271215c603e49f6a"
        );
    }

    #[test]
    fn a_timestamp_is_that_of_the_attempt_in_whole_seconds() {
        let headers = signed(AT.after(std::time::Duration::from_millis(1999)), &[secret(SECRET, None)]).unwrap();
        assert_eq!(headers["webhook-timestamp"], "1649367554");
    }

    #[test]
    fn every_live_secret_signs_and_an_expired_one_does_not() {
        let newest = secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", None);
        let old = |end: i64| secret(SECRET, Some(Timestamp::from_millis(AT.as_millis() + end)));
        for (secrets, tokens) in [
            (vec![newest.clone()], 1),
            (vec![newest.clone(), old(1)], 2),
            (vec![newest.clone(), old(0)], 1),
            (vec![newest.clone(), old(-1)], 1),
            (vec![newest.clone(); 40], SIGNING_SECRETS_MAX),
        ] {
            let headers = signed(AT, &secrets).unwrap();
            assert_eq!(headers["webhook-signature"].to_str().unwrap().split(' ').count(), tokens);
        }
        assert_eq!(signed(AT, &[]), Err(SignError::NoSecret));
        assert_eq!(signed(AT, &[old(0)]), Err(SignError::NoSecret));
    }

    #[test]
    fn secrets_are_checked_and_the_error_says_what_to_mend() {
        let long = format!("whsec_{}", STANDARD.encode([0; SECRET_BYTES_MAX + 1]));
        for (text, expect) in [
            (SECRET, Ok(())),
            ("whsec_AAAAAAAAAAAAAAAAAAAAAA==", Ok(())),
            ("whsec_AAAAAAAAAAAAAAAAAAAAAA", Err(SecretError::Base64)),
            ("whsec_AAAAAAAAAAAAAAAAAAAA", Err(SecretError::Short(15))),
            ("whsec_", Err(SecretError::Short(0))),
            ("whsec_not base64 at all!!!!!!!!", Err(SecretError::Base64)),
            ("C2FVsBQIhrscChlQIMV+b5sSYspob7oD", Err(SecretError::Prefix)),
            ("WHSEC_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", Err(SecretError::Prefix)),
            ("", Err(SecretError::Prefix)),
            (long.as_str(), Err(SecretError::Long)),
        ] {
            assert_eq!(check_secret(text), expect, "{text}");
        }
        assert_eq!(check_secret(&format!("whsec_{}", "A".repeat(1 << 20))), Err(SecretError::Long));
    }
}

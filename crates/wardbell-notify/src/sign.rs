//! Signatures on deliveries, so that a receiver knows who speaks.
//!
//! **Theory of operation.** Every profile sends `webhook-id`, the same on every attempt, and `webhook-timestamp`, that of
//! the attempt. What else it sends:
//!
//! - `standard`: Standard Webhooks' `webhook-signature` over `id.timestamp.body`, one `v1` token for each live secret, so
//!   that a receiver accepts the delivery all through a rotation and refuses an old recording by its timestamp; and
//!   `X-AISG-Signature` over the raw body with the whole `whsec_…` text of the newest secret, which has no timestamp and
//!   so does not stop a replay.
//! - `ed25519`: the same `webhook-signature`, with a `v1a` token for each live `whsk_` key beside the `v1` tokens of
//!   shared secrets. A receiver holds the public key only, so it can verify and not forge.
//! - `github`: `X-Hub-Signature-256` over the raw body with the whole text of the newest secret, as GitHub does.
//! - `lockllm`: `X-LockLLM-Signature` is the newest secret as it is.
//!
//! **What it does not do.** `github` and `lockllm` carry one signature, so a rotation has no overlap there, and they do
//! not vouch for the id and the time. `lockllm` vouches for nothing but that the sender knows the secret; whoever sees
//! one delivery can forge all others.
//!
//! **Source.** <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md> and
//! <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>, read 2026-11-23;
//! `spec/wire-aisg.md` 1.9; `spec/wire-lockllm.md` 2.8.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use ring::hmac;
use wardbell_core::time::Timestamp;
use wardbell_store::endpoint::{SignatureProfile, SigningSecret};

use wardbell_store::signing::{PRIVATE_PREFIX, SecretError, check_text, decode, key_pair};

/// Standard Webhooks: the delivery's identity, the same for every attempt.
pub const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
/// Standard Webhooks: when this attempt was made, in Unix seconds.
pub const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// Standard Webhooks: `v1,<base64>` and `v1a,<base64>` tokens, separated by spaces.
pub const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
/// The first product's header: `sha256=<hex>`.
pub const AISG_SIGNATURE: HeaderName = HeaderName::from_static("x-aisg-signature");
/// The second product's header: the secret as it is.
pub const LOCKLLM_SIGNATURE: HeaderName = HeaderName::from_static("x-lockllm-signature");
/// GitHub's header: `sha256=<hex>`.
pub const HUB_SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");

/// The most secrets of each kind that sign one delivery, newest first: bounds the header when somebody rotates in a loop.
pub const SIGNING_SECRETS_MAX: usize = 8;

/// Why a delivery could not be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Every secret that the profile signs with has expired, or there is none.
    #[error("the webhook has no secret that may sign now; rotate its secret")]
    NoSecret,
    /// A stored secret is malformed.
    #[error("a stored secret cannot be used: {0}; rotate the webhook's secret")]
    Secret(#[from] SecretError),
    /// The id cannot travel in a header.
    #[error("the webhook id cannot travel in a header")]
    Id,
}

/// Makes the signature headers of one attempt.
///
/// `id` is the `webhook_id`, `at` the time of the attempt, `secrets` the endpoint's, newest first. Private keys (`whsk_`)
/// sign under profile `ed25519` only and are passed over by the others.
///
/// # Errors
/// When no secret of the profile's kind may sign at `at` (for `ed25519`: no private key), or a stored one is malformed.
pub fn sign(
    profile: SignatureProfile,
    id: &str,
    at: Timestamp,
    body: &[u8],
    secrets: &[SigningSecret],
) -> Result<HeaderMap, SignError> {
    let live = secrets
        .iter()
        .filter(|secret| secret.expires_at.is_none_or(|end| end > at))
        .map(|secret| secret.secret.reveal().as_str());
    let (mut private, mut shared): (Vec<&str>, Vec<&str>) = live.partition(|text| text.starts_with(PRIVATE_PREFIX));
    private.truncate(SIGNING_SECRETS_MAX);
    shared.truncate(SIGNING_SECRETS_MAX);
    let needed = if profile == SignatureProfile::Ed25519 { &private } else { &shared };
    let newest = *needed.first().ok_or(SignError::NoSecret)?;

    let seconds = at.as_seconds();
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(WEBHOOK_ID, HeaderValue::from_str(id).map_err(|_| SignError::Id)?);
    headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(seconds));
    match profile {
        SignatureProfile::Standard => {
            headers.insert(WEBHOOK_SIGNATURE, tokens(&signed_content(id, seconds, body), &shared, &[])?);
            headers.insert(AISG_SIGNATURE, body_tag(newest, body)?);
        }
        SignatureProfile::Ed25519 => {
            headers.insert(WEBHOOK_SIGNATURE, tokens(&signed_content(id, seconds, body), &shared, &private)?);
        }
        SignatureProfile::LockLlm => {
            check_text(newest)?;
            let mut value = HeaderValue::from_str(newest).map_err(|_| SecretError::Text)?;
            value.set_sensitive(true);
            headers.insert(LOCKLLM_SIGNATURE, value);
        }
        SignatureProfile::GitHub => {
            headers.insert(HUB_SIGNATURE, body_tag(newest, body)?);
        }
    }
    Ok(headers)
}

/// What Standard Webhooks signs.
fn signed_content(id: &str, seconds: i64, body: &[u8]) -> Vec<u8> {
    [format!("{id}.{seconds}.").as_bytes(), body].concat()
}

/// A `v1` token for each shared secret, then a `v1a` token for each private key.
fn tokens(content: &[u8], shared: &[&str], private: &[&str]) -> Result<HeaderValue, SignError> {
    let mut tokens = Vec::with_capacity(shared.len() + private.len());
    for secret in shared {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &decode(secret)?);
        tokens.push(format!("v1,{}", STANDARD.encode(hmac::sign(&key, content))));
    }
    for key in private {
        tokens.push(format!("v1a,{}", STANDARD.encode(key_pair(key)?.sign(content))));
    }
    HeaderValue::from_str(&tokens.join(" ")).map_err(|_| SignError::Id)
}

/// `sha256=` and the hexadecimal HMAC-SHA256 over the raw body, keyed with the secret as it is written.
fn body_tag(secret: &str, body: &[u8]) -> Result<HeaderValue, SignError> {
    decode(secret)?;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body);
    HeaderValue::from_str(&format!("sha256={}", hex(tag.as_ref()))).map_err(|_| SignError::Id)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0'));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests;

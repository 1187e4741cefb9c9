//! The receiver's side: is this delivery from Wardbell, and is it fresh?
//!
//! **Theory of operation.** The receiver says what it expects, by its key or by the webhook's profile; a delivery never
//! chooses how it is judged, or a forger would choose the weakest.
//!
//! With a shared secret (`standard`): if any of Standard Webhooks' three headers is there, they decide: all three must be
//! present, the timestamp within the tolerance, and one `v1` token must match. Only when none is there does
//! `X-AISG-Signature` decide. With a public key (`ed25519`) the three headers decide, and a `v1a` token must match.
//! `github` and `lockllm` look at their own header only, and at `webhook-timestamp` where it is present. Comparisons of
//! secrets take the same time whatever the bytes are.
//!
//! **What it does not do.** `X-AISG-Signature` alone, `github` and `lockllm` do not sign the time: whoever recorded a
//! delivery can send it again with that header changed or removed. `lockllm` does not sign the body either.
//! [`Verified::via`] tells which one it was; de-duplicate on the id.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{hmac, signature};
use wardbell_core::time::Timestamp;
use wardbell_store::endpoint::SignatureProfile;

use wardbell_store::signing::{self, PRIVATE_PREFIX, PUBLIC_PREFIX, SecretError};

/// How far a timestamp may be from the receiver's clock: the tolerance of Standard Webhooks' own libraries
/// (<https://github.com/standard-webhooks/standard-webhooks/tree/main/libraries>, read 2026-11-23).
pub const TOLERANCE: Duration = Duration::from_mins(5);
/// The most signature tokens that are looked at; past that somebody is wasting our time.
pub const TOKENS_MAX: usize = 32;

/// Which signature a delivery was verified by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Standard Webhooks with a shared secret: content, identity and time are vouched for.
    Standard,
    /// Standard Webhooks with a public key: the same, and the receiver could not have made it.
    Ed25519,
    /// `X-AISG-Signature`: the content is vouched for, the time is not.
    Aisg,
    /// `X-Hub-Signature-256`: the content is vouched for, the time is not.
    GitHub,
    /// `X-LockLLM-Signature`: the sender knows the secret; nothing else is vouched for.
    LockLlm,
}

/// A delivery that is what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The id to de-duplicate on. It is vouched for as far as [`Verified::via`] says; `None` if the delivery names none.
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

/// The profile that a key alone speaks of: `ed25519` for a `whpk_` key, else `standard`.
pub fn profile_of(key: &str) -> SignatureProfile {
    if key.starts_with(PUBLIC_PREFIX) { SignatureProfile::Ed25519 } else { SignatureProfile::Standard }
}

/// Checks that a receiver's key can verify deliveries of a profile, before the first one comes.
///
/// # Errors
/// When [`verify_as`] would refuse the key, whatever the delivery.
pub fn check_key(profile: SignatureProfile, key: &str) -> Result<(), SecretError> {
    match profile {
        SignatureProfile::Standard | SignatureProfile::GitHub => signing::check_secret(key),
        SignatureProfile::Ed25519 if key.starts_with(PRIVATE_PREFIX) => Err(SecretError::Private),
        SignatureProfile::Ed25519 => signing::public_bytes(key).map(drop),
        SignatureProfile::LockLlm => signing::check_text(key),
    }
}

/// Verifies a delivery against a `whsec_` secret, or against the `whpk_` key of profile `ed25519`.
///
/// `header` looks a header up by its lower-case name. `body` is the raw body as received. `tolerance` is how far the
/// timestamp may be from `now`, in either direction; [`TOLERANCE`] is the usual.
///
/// # Errors
/// When the delivery is not signed with `key`, or not fresh.
pub fn verify<'h>(
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    key: &str,
    now: Timestamp,
    tolerance: Duration,
) -> Result<Verified, VerifyError> {
    verify_as(profile_of(key), header, body, key, now, tolerance)
}

/// Verifies a delivery as one of a webhook with this profile. `key` is a `whpk_` key for `ed25519`, the secret as it is
/// for `lockllm`, and a `whsec_` secret otherwise; the rest is as for [`verify`].
///
/// # Errors
/// When the delivery is not signed with `key`, or not fresh.
pub fn verify_as<'h>(
    profile: SignatureProfile,
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    key: &str,
    now: Timestamp,
    tolerance: Duration,
) -> Result<Verified, VerifyError> {
    check_key(profile, key)?;
    let need = |name: &'static str| header(name).ok_or(VerifyError::Missing(name));
    let triple = || -> Result<Triple<'h>, VerifyError> {
        Ok(Triple { id: need("webhook-id")?, stamp: need("webhook-timestamp")?, tokens: need("webhook-signature")? })
    };
    // The headers that no signature covers here.
    let optional_stamp = || header("webhook-timestamp").map_or(Ok(()), |stamp| fresh(stamp, now, tolerance));
    let unsigned_id = || body_id(body).or_else(|| header("webhook-id").map(str::to_owned));
    match profile {
        SignatureProfile::Standard => {
            let bytes = signing::decode(key)?;
            if ["webhook-id", "webhook-timestamp", "webhook-signature"].iter().any(|name| header(name).is_some()) {
                let triple = triple()?;
                fresh(triple.stamp, now, tolerance)?;
                let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
                triple.check("v1,", body, |content, tag| hmac::verify(&key, content, tag).is_ok())?;
                return Ok(Verified { webhook_id: Some(triple.id.to_owned()), via: Via::Standard });
            }
            let given = header(AISG).ok_or(VerifyError::Unsigned)?;
            body_tag(AISG, given, body, key)?;
            Ok(Verified { webhook_id: body_id(body), via: Via::Aisg })
        }
        SignatureProfile::Ed25519 => {
            let key = signature::UnparsedPublicKey::new(&signature::ED25519, signing::public_bytes(key)?);
            let triple = triple()?;
            fresh(triple.stamp, now, tolerance)?;
            triple.check("v1a,", body, |content, signature| key.verify(content, signature).is_ok())?;
            Ok(Verified { webhook_id: Some(triple.id.to_owned()), via: Via::Ed25519 })
        }
        SignatureProfile::GitHub => {
            let given = need(HUB)?;
            optional_stamp()?;
            body_tag(HUB, given, body, key)?;
            Ok(Verified { webhook_id: unsigned_id(), via: Via::GitHub })
        }
        SignatureProfile::LockLlm => {
            let given = need(LOCKLLM)?;
            optional_stamp()?;
            if !same(given.as_bytes(), key.as_bytes()) {
                return Err(VerifyError::Mismatch(LOCKLLM));
            }
            Ok(Verified { webhook_id: unsigned_id(), via: Via::LockLlm })
        }
    }
}

const AISG: &str = "x-aisg-signature";
const HUB: &str = "x-hub-signature-256";
const LOCKLLM: &str = "x-lockllm-signature";

/// Standard Webhooks' three headers.
struct Triple<'h> {
    id: &'h str,
    stamp: &'h str,
    tokens: &'h str,
}

impl Triple<'_> {
    /// Looks for a token of this version that `matches` the signed content.
    fn check(&self, version: &str, body: &[u8], matches: impl Fn(&[u8], &[u8]) -> bool) -> Result<(), VerifyError> {
        let content = [self.id.as_bytes(), b".", self.stamp.as_bytes(), b".", body].concat();
        let found = self
            .tokens
            .split(' ')
            .take(TOKENS_MAX)
            .filter_map(|token| token.strip_prefix(version))
            .filter_map(|encoded| STANDARD.decode(encoded).ok())
            .any(|signature| matches(&content, &signature));
        if found { Ok(()) } else { Err(VerifyError::Mismatch("webhook-signature")) }
    }
}

/// Whether a timestamp is within the tolerance.
fn fresh(stamp: &str, now: Timestamp, tolerance: Duration) -> Result<(), VerifyError> {
    let malformed = VerifyError::Malformed { name: "webhook-timestamp", form: "Unix seconds such as 1764000000" };
    // Digits only: `+5` and ` 5` would sign differently from what they read as.
    if stamp.is_empty() || !stamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(malformed);
    }
    let seconds: i64 = stamp.parse().map_err(|_| malformed)?;
    let age = now.as_seconds().saturating_sub(seconds);
    if age.unsigned_abs() <= tolerance.as_secs() {
        Ok(())
    } else if age > 0 {
        Err(VerifyError::TooOld(age.unsigned_abs()))
    } else {
        Err(VerifyError::TooNew(age.unsigned_abs()))
    }
}

/// Checks `sha256=<hex>` over the raw body, keyed with the secret as it is written.
fn body_tag(name: &'static str, given: &str, body: &[u8], secret: &str) -> Result<(), VerifyError> {
    let malformed = VerifyError::Malformed { name, form: "`sha256=` and 64 hexadecimal digits" };
    let tag = given.strip_prefix("sha256=").and_then(unhex).ok_or(malformed)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::verify(&key, body, &tag).map_err(|_| VerifyError::Mismatch(name))
}

/// Whether two texts are equal, in a time that does not tell how much of them is: their HMACs are compared.
fn same(given: &[u8], secret: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::verify(&key, given, hmac::sign(&key, secret).as_ref()).is_ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 {
        return None;
    }
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

/// The id that a body names. Read only after the delivery has been verified.
fn body_id(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        webhook_id: String,
    }
    serde_json::from_slice::<Named>(body).ok().map(|named| named.webhook_id)
}

#[cfg(test)]
mod tests;

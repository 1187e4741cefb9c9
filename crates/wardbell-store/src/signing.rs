//! What may be a signing secret: shared keys, private keys, and texts that are sent as they are.
//!
//! **Source.** Prefixes `whsec_`, `whsk_` and `whpk_`:
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>, read 2026-11-23. Sizes:
//! `spec/decisions.md`, Signatures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::Ed25519KeyPair;

use crate::endpoint::SignatureProfile;

/// What every shared secret starts with.
pub const SECRET_PREFIX: &str = "whsec_";
/// What every private ed25519 key starts with.
pub const PRIVATE_PREFIX: &str = "whsk_";
/// What every public ed25519 key starts with.
pub const PUBLIC_PREFIX: &str = "whpk_";
/// The fewest bytes of an operator's own secret.
pub const SECRET_BYTES_MIN: usize = 16;
/// The most bytes of an operator's own secret; HMAC-SHA256 gains nothing past its block of 64, so this is only a bound.
pub const SECRET_BYTES_MAX: usize = 256;
/// The bytes of an ed25519 seed, and of its public key (RFC 8032, 5.1.5).
pub const KEY_BYTES: usize = 32;

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
    /// It starts as an ed25519 key and is none.
    #[error("after `whsk_` or `whpk_` an ed25519 key is standard base64 of exactly {KEY_BYTES} bytes")]
    Key,
    /// It is a private key, where a shared secret is wanted.
    #[error("a `whsk_` key is private: it signs under profile `ed25519` only, and a receiver gets its `whpk_` key")]
    Private,
    /// It is a public key, where a secret is wanted.
    #[error("a `whpk_` key is public: it verifies deliveries of profile `ed25519`, and cannot sign or be shared")]
    Public,
    /// A header could not carry it as it is.
    #[error(
        "a secret that is sent as it is has {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} printable ASCII characters and no space at either end"
    )]
    Text,
}

/// Checks that an operator's own text can be a shared secret.
///
/// # Errors
/// When it is not `whsec_` and standard base64 of 16 to 256 bytes.
pub fn check_secret(text: &str) -> Result<(), SecretError> {
    decode(text).map(drop)
}

/// Checks that an operator's own text can be a secret of this profile: `whsec_…`, for `ed25519` also `whsk_…`, and for
/// `lockllm` any text that a header carries as it is.
///
/// # Errors
/// When the profile cannot use the text.
pub fn check_secret_for(profile: SignatureProfile, text: &str) -> Result<(), SecretError> {
    match profile {
        SignatureProfile::Ed25519 if text.starts_with(PRIVATE_PREFIX) => key_pair(text).map(drop),
        SignatureProfile::Standard | SignatureProfile::Ed25519 | SignatureProfile::GitHub => check_secret(text),
        SignatureProfile::LockLlm => check_text(text),
    }
}

/// The bytes of a shared secret.
///
/// # Errors
/// When it is not `whsec_` and standard base64 of 16 to 256 bytes.
pub fn decode(text: &str) -> Result<Vec<u8>, SecretError> {
    let encoded = match text.strip_prefix(SECRET_PREFIX) {
        Some(encoded) => encoded,
        None if text.starts_with(PRIVATE_PREFIX) => return Err(SecretError::Private),
        None if text.starts_with(PUBLIC_PREFIX) => return Err(SecretError::Public),
        None => return Err(SecretError::Prefix),
    };
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

/// The key pair of a `whsk_` text.
///
/// # Errors
/// When it is no such key.
pub fn key_pair(text: &str) -> Result<Ed25519KeyPair, SecretError> {
    let seed = key_bytes(text, PRIVATE_PREFIX)?;
    Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| SecretError::Key)
}

/// The bytes of a `whpk_` text.
///
/// # Errors
/// When it is no such key.
pub fn public_bytes(text: &str) -> Result<[u8; KEY_BYTES], SecretError> {
    key_bytes(text, PUBLIC_PREFIX)
}

fn key_bytes(text: &str, prefix: &str) -> Result<[u8; KEY_BYTES], SecretError> {
    let mut bytes = [0; KEY_BYTES];
    let encoded = text.strip_prefix(prefix).ok_or(SecretError::Key)?;
    match STANDARD.decode_slice(encoded, &mut bytes) {
        Ok(KEY_BYTES) => Ok(bytes),
        _ => Err(SecretError::Key),
    }
}

/// Checks a text that is sent as it is. A private key is not: whoever reads the delivery would have it.
///
/// # Errors
/// When it is a key, or cannot be the value of a header.
pub fn check_text(text: &str) -> Result<(), SecretError> {
    if text.starts_with(PRIVATE_PREFIX) {
        return Err(SecretError::Private);
    }
    if text.starts_with(PUBLIC_PREFIX) {
        return Err(SecretError::Public);
    }
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let fits = (SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&text.len());
    // A receiver's HTTP library trims white space off a header's value.
    if fits && printable && text.trim() == text { Ok(()) } else { Err(SecretError::Text) }
}

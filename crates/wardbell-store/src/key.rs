//! A key that callers present. The key itself is shown once and never stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use wardbell_core::id::{KeyId, ProjectId};
use wardbell_core::secret::Secret;
use wardbell_core::time::Timestamp;
use wardbell_telemetry::ambient;

/// The SHA-256 of a key. Keys that Wardbell makes hold 256 random bits, so a plain hash can't be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl KeyHash {
    /// Hashes a key as the caller sent it.
    pub fn of(key: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, key.as_bytes());
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(hash)
    }
}

/// What every key that Wardbell makes starts with.
pub const KEY_PREFIX: &str = "wb_";

/// How many random bytes such a key has.
const KEY_BYTES: usize = 32;

/// How many of its first characters are kept for telling keys apart: the prefix and 30 of its 256 bits.
const HINT_CHARACTERS: usize = 8;

/// Makes a new key: `wb_` and the URL-safe base64 of 32 random bytes.
pub fn generate() -> Secret<String> {
    Secret::new(format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(ambient::entropy::<KEY_BYTES>())))
}

/// The first characters of a key, which may be shown.
pub fn hint(key: &Secret<String>) -> String {
    key.reveal().chars().take(HINT_CHARACTERS).collect()
}

/// A key as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its identity.
    pub id: KeyId,
    /// The project that it opens.
    pub project: ProjectId,
    /// Its name, for people.
    pub name: String,
    /// The end user that it was made for, if any.
    pub user_id: Option<String>,
    /// Its first characters, so that a person can tell keys apart.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
}

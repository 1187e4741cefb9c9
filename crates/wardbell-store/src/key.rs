//! A key that callers present. The key itself is shown once and never stored.

use ring::digest;
use wardbell_core::id::{KeyId, ProjectId};
use wardbell_core::time::Timestamp;

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

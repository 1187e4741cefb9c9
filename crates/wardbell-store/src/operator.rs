//! Who signs in to the dashboard: one operator with a password, and the sessions that it opened.

use wardbell_core::time::Timestamp;

/// The SHA-256 of a session's secret.
pub type SessionHash = [u8; 32];

/// A browser that has signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// What its secret hashes to.
    pub hash: SessionHash,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it must sign in again.
    pub expires_at: Timestamp,
}

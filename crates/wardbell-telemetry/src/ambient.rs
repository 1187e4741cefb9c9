//! The wall clock and randomness: read here, passed everywhere else as arguments.

use std::time::{SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};
use wardbell_core::time::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Random bytes fit for keys.
pub fn entropy<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(clippy::expect_used, reason = "without randomness no key, id or nonce may be made")]
    SystemRandom::new().fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

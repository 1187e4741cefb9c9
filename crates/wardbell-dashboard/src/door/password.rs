//! Passwords: how long, and how they are hashed.

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use wardbell_telemetry::ambient;

/// The shortest password, in characters. Source: NIST SP 800-63B, 3.1.1.2 (15 where it is the only factor,
/// <https://pages.nist.gov/800-63-4/sp800-63b.html>), less what throttling and one operator make up for; our choice.
pub(crate) const LENGTH_MIN: usize = 10;

/// The longest, in bytes: only a bound.
const BYTES_MAX: usize = 1024;

/// Memory in KiB, passes and lanes: see the module above for the source.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Why a password cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weak {
    Short,
    Long,
    Different,
}

impl Weak {
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::Short => "The password needs 10 characters or more. A sentence is good.",
            Self::Long => "The password is longer than 1,024 bytes.",
            Self::Different => "The two passwords are not the same.",
        }
    }
}

/// Checks a new password and its repetition.
pub(crate) fn check(password: &str, again: &str) -> Result<(), Weak> {
    if password.chars().count() < LENGTH_MIN {
        Err(Weak::Short)
    } else if password.len() > BYTES_MAX {
        Err(Weak::Long)
    } else if password != again {
        Err(Weak::Different)
    } else {
        Ok(())
    }
}

/// Hashes passwords, one at a time: each takes 19 MiB and a core for some tens of milliseconds.
pub(crate) struct Hasher {
    turn: Semaphore,
}

impl Default for Hasher {
    fn default() -> Self {
        Self { turn: Semaphore::new(1) }
    }
}

impl Hasher {
    /// The hash of a password, with its salt and parameters; `None` when hashing failed.
    pub(crate) async fn hash(&self, password: &str) -> Option<String> {
        let password = password.to_owned();
        self.run(move || {
            let salt = SaltString::encode_b64(&ambient::entropy::<16>()).ok()?;
            let hash = argon2()?.hash_password(password.as_bytes(), &salt).ok()?;
            Some(hash.to_string())
        })
        .await
        .flatten()
    }

    /// Whether a password has this hash.
    pub(crate) async fn is(&self, password: &str, hash: String) -> bool {
        if password.len() > BYTES_MAX {
            return false;
        }
        let password = password.to_owned();
        self.run(move || {
            let hash = PasswordHash::new(&hash).ok()?;
            argon2()?.verify_password(password.as_bytes(), &hash).ok()
        })
        .await
        .flatten()
        .is_some()
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let _turn = self.turn.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }
}

fn argon2() -> Option<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_told_from_another_and_hashes_differ() {
        let hasher = Hasher::default();
        let hash = hasher.hash("correct horse battery").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(hasher.is("correct horse battery", hash.clone()).await);
        assert!(!hasher.is("correct horse batterz", hash.clone()).await);
        assert_ne!(hasher.hash("correct horse battery").await.unwrap(), hash);
        assert!(!hasher.is("x", "no hash".to_owned()).await);
    }

    #[test]
    fn weak_passwords_are_refused() {
        assert_eq!(check("short", "short"), Err(Weak::Short));
        assert_eq!(check("long enough", "long enougg"), Err(Weak::Different));
        assert_eq!(check("long enough", "long enough"), Ok(()));
        assert_eq!(check(&"x".repeat(2000), ""), Err(Weak::Long));
    }
}

//! Sealing of values at rest: AES-256-GCM under the master key, a random 96-bit nonce in front of each value.
//!
//! The name of the value's place (such as `endpoint.url`) and its owner's id are bound in as associated data, so that a
//! sealed value moved to another row does not open. NIST SP 800-38D allows 2^32 random nonces a key; Wardbell seals only
//! settings, far below that.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use wardbell_core::secret::Secret;
use wardbell_telemetry::ambient;

/// How many bytes a master key has.
pub const MASTER_KEY_BYTES: usize = 32;

/// Seals and opens values under the master key.
pub struct Sealer {
    key: LessSafeKey,
}

/// A value could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the master key does not open a stored secret")]
pub struct SealError;

impl Sealer {
    /// Makes a sealer from the master key.
    ///
    /// # Errors
    /// When the key is not [`MASTER_KEY_BYTES`] long.
    pub fn new(master_key: &Secret<Vec<u8>>) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, master_key.reveal()).map_err(|_| SealError)?;
        Ok(Self { key: LessSafeKey::new(key) })
    }

    /// Seals `value` for the place `label` of `owner`.
    ///
    /// # Errors
    /// When the value is too long for the cipher (64 GiB).
    pub fn seal(&self, label: &str, owner: &str, value: &str) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_LEN] = ambient::entropy();
        let mut sealed = value.as_bytes().to_vec();
        let place = place(label, owner);
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.as_bytes()), &mut sealed)
            .map_err(|_| SealError)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`seal`](Self::seal) made for the same place and owner.
    ///
    /// # Errors
    /// When the key, the place or the owner is another, or the value was changed.
    pub fn open(&self, label: &str, owner: &str, sealed: &[u8]) -> Result<Secret<String>, SealError> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
        let mut value = rest.to_vec();
        let place = place(label, owner);
        let opened = self.key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut value).map_err(|_| SealError)?;
        String::from_utf8(opened.to_vec()).map(Secret::new).map_err(|_| SealError)
    }
}

fn place(label: &str, owner: &str) -> String {
    format!("wardbell/1/{label}/{owner}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&Secret::new(vec![byte; MASTER_KEY_BYTES])).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_place_under_its_key() {
        let sealed = sealer(1).seal("endpoint.url", "whe_1", "https://hooks.example/secret").unwrap();
        assert_eq!(sealer(1).open("endpoint.url", "whe_1", &sealed).unwrap().reveal(), "https://hooks.example/secret");
        assert_eq!(sealer(1).open("endpoint.url", "whe_2", &sealed), Err(SealError));
        assert_eq!(sealer(1).open("provider.key", "whe_1", &sealed), Err(SealError));
        assert_eq!(sealer(2).open("endpoint.url", "whe_1", &sealed), Err(SealError));
    }

    #[test]
    fn a_changed_or_cut_value_does_not_open() {
        let mut sealed = sealer(1).seal("l", "o", "value").unwrap();
        assert_eq!(sealer(1).open("l", "o", &sealed[..5]), Err(SealError));
        *sealed.last_mut().unwrap() ^= 1;
        assert_eq!(sealer(1).open("l", "o", &sealed), Err(SealError));
    }

    #[test]
    fn equal_values_seal_differently() {
        assert_ne!(sealer(1).seal("l", "o", "v").unwrap(), sealer(1).seal("l", "o", "v").unwrap());
    }
}

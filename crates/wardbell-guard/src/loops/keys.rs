//! The secret of an installation, and the two hashes under it: one that is fast and stays here, one that may leave.

use ring::{digest, hmac};
use wardbell_core::id::KeyId;

/// How many bytes the secret of an installation has. Source: the output of SHA-256; RFC 2104, section 3, wants no less.
pub const SECRET_BYTES: usize = 32;

/// What fingerprints are keyed with. Without it nobody finds out a text from its fingerprint by guessing.
#[derive(Clone)]
pub struct LoopKeys {
    outer: hmac::Key,
    inner: [u64; 2],
}

impl std::fmt::Debug for LoopKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoopKeys(..)")
    }
}

impl LoopKeys {
    /// Makes the keys from the secret of this installation. The same secret gives the same fingerprints, on every node and
    /// after every restart.
    pub fn new(secret: &[u8; SECRET_BYTES]) -> Self {
        let outer = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = hmac::sign(&outer, b"wardbell loops: inner key");
        let mut inner = [0; 2];
        for (lane, bytes) in inner.iter_mut().zip(derived.as_ref().chunks_exact(8)) {
            *lane = bytes.iter().fold(0, |lane, &byte| lane << 8 | u64::from(byte));
        }
        Self { outer, inner }
    }

    /// A hash for comparing within this process.
    pub(crate) fn mix(&self) -> Mix {
        let [left, right] = self.inner;
        Mix { left, right, word: 0, filled: 0, bytes: 0 }
    }

    /// A hash that may be told to others.
    pub(crate) fn seal(&self, parts: &[&[u8]]) -> Fingerprint {
        let mut context = hmac::Context::with_key(&self.outer);
        for part in parts {
            // Lengths, so that no two lists of parts are one text.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        for (to, from) in bytes.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        Fingerprint(bytes)
    }
}

/// What repeats: 256 bits of HMAC-SHA-256, printed as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint([u8; digest::SHA256_OUTPUT_LEN]);

/// Eight bytes are enough to spread them: nobody can choose them without the secret.
impl std::hash::Hash for Fingerprint {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let head = self.0.first_chunk::<8>().copied().unwrap_or_default();
        state.write_u64(u64::from_ne_bytes(head));
    }
}

impl Fingerprint {
    /// Which of `shards` it belongs to; 0 if there are none.
    pub fn shard(&self, shards: usize) -> usize {
        let [high, low, ..] = self.0;
        usize::from(u16::from_be_bytes([high, low])).checked_rem(shards).unwrap_or(0)
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A fast hash of 128 bits under a secret key: two lanes of folded multiplications, a word of eight bytes at a time. The
/// idea is wyhash's (<https://github.com/wangyi-fudan/wyhash>). It is good enough to compare the texts of
/// one transcript; it never leaves the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mix {
    left: u64,
    right: u64,
    word: u64,
    filled: u32,
    bytes: u64,
}

/// Odd numbers with as many ones as zeros. Source: wyhash's first two secrets, from memory.
const FACTORS: [u64; 2] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db];

impl Mix {
    /// Goes on with more bytes; how they are cut into pieces makes no difference.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.wrapping_add(bytes.len() as u64);
        let mut rest = bytes;
        while self.filled > 0 {
            let Some((&byte, after)) = rest.split_first() else { return };
            self.put(byte);
            rest = after;
        }
        let (words, rest) = rest.as_chunks::<8>();
        for word in words {
            self.turn(u64::from_le_bytes(*word));
        }
        for &byte in rest {
            self.put(byte);
        }
    }

    /// Goes on with a number.
    pub(crate) fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    /// The hash of all so far.
    pub(crate) fn end(mut self) -> u128 {
        self.turn(self.word);
        self.turn(self.bytes);
        self.turn(0);
        u128::from(self.left) << 64 | u128::from(self.right)
    }

    fn put(&mut self, byte: u8) {
        self.word |= u64::from(byte) << (8 * self.filled);
        self.filled += 1;
        if self.filled == 8 {
            self.turn(self.word);
            (self.word, self.filled) = (0, 0);
        }
    }

    fn turn(&mut self, word: u64) {
        let [first, second] = FACTORS;
        let left = fold(self.left ^ word, self.right ^ first);
        let right = fold(self.right ^ word.rotate_left(32), self.left ^ second);
        (self.left, self.right) = (left ^ word, right);
    }
}

fn fold(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    #[expect(clippy::cast_possible_truncation, reason = "the halves of the product")]
    let halves = (product as u64, (product >> 64) as u64);
    halves.0 ^ halves.1
}

/// Whose request it is and what it asks: key, model and the folded texts of its last messages.
pub(crate) fn of_request(keys: &LoopKeys, key: KeyId, model: &str, folded: &[u8]) -> Fingerprint {
    keys.seal(&[b"request", key.as_bytes(), model.as_bytes(), folded])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_every_byte_and_not_on_how_they_come() {
        let keys = LoopKeys::new(&[7; SECRET_BYTES]);
        let hash = |pieces: &[&[u8]]| {
            let mut mix = keys.mix();
            for piece in pieces {
                mix.bytes(piece);
            }
            mix.end()
        };
        let text: Vec<u8> = (0..100).collect();
        let whole = hash(&[&text]);
        for cut in 0..text.len() {
            let (before, after) = text.split_at(cut);
            assert_eq!(hash(&[before, after]), whole);
            assert_ne!(hash(&[before]), whole);
            let mut other = text.clone();
            other[cut] ^= 1;
            assert_ne!(hash(&[&other]), whole);
        }
        assert_ne!(hash(&[b"a"]), hash(&[b"a\0"]), "the length counts");
    }

    #[test]
    fn a_fingerprint_is_of_one_secret_and_has_64_digits() {
        let (one, other) = (LoopKeys::new(&[1; SECRET_BYTES]), LoopKeys::new(&[2; SECRET_BYTES]));
        assert_eq!(one.seal(&[b"a"]).to_string().len(), 64);
        assert_eq!(one.seal(&[b"a"]), one.clone().seal(&[b"a"]));
        assert_ne!(one.seal(&[b"a"]), other.seal(&[b"a"]));
        assert_ne!(one.seal(&[b"ab", b"c"]), one.seal(&[b"a", b"bc"]));
        assert_eq!(format!("{one:?}"), "LoopKeys(..)");
    }
}

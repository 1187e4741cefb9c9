//! Whether two tool calls have the same arguments: a hash of JSON that does not see order of keys, white space, escapes, and
//! how a number is written.
//!
//! **Theory of operation.** One pass, nothing is built: the hash of an object is the sum of the hashes of its members, so
//! order makes no difference; strings are hashed as what they spell. What is not JSON, or nests deeper than [`DEPTH_MAX`],
//! is hashed as text with its white space folded. Members whose key says that they name the request
//! ([`VOLATILE_KEYS`]) do not count; nothing else is masked, because ids and dates in arguments are what the model asks for.

use super::keys::{LoopKeys, Mix};

/// The deepest nesting that is read. Source: our choice; arguments nest a few levels.
const DEPTH_MAX: usize = 32;

/// The most significant digits of a number that a double holds exactly. Source: IEEE 754 binary64, `DBL_DIG`.
const DIGITS_EXACT: usize = 15;

/// Keys of members that differ in every call by design, without `_` and `-` and in lower case. Source: OpenTelemetry's and
/// W3C's trace fields, Stripe's idempotency keys, JSON-RPC clients of MCP.
const VOLATILE_KEYS: &[&str] =
    &["requestid", "traceid", "spanid", "traceparent", "correlationid", "idempotencykey", "nonce", "toolcallid"];

/// The hash of a call's arguments.
pub(crate) fn hash(keys: &LoopKeys, arguments: &str) -> u128 {
    let mut reader = Reader { keys, rest: arguments.as_bytes() };
    reader.space();
    match reader.value(0) {
        Some(hash) if reader.at_end() => hash,
        _ => as_text(keys, arguments),
    }
}

fn as_text(keys: &LoopKeys, arguments: &str) -> u128 {
    let mut mix = tagged(keys, b'x');
    for word in arguments.split_whitespace() {
        mix.bytes(word.as_bytes());
        mix.bytes(b" ");
    }
    mix.end()
}

fn tagged(keys: &LoopKeys, tag: u8) -> Mix {
    let mut mix = keys.mix();
    mix.bytes(&[tag]);
    mix
}

struct Reader<'a> {
    keys: &'a LoopKeys,
    rest: &'a [u8],
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Option<u128> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.rest.first()? {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => {
                let mut mix = tagged(self.keys, b's');
                self.string(|bytes| mix.bytes(bytes))?;
                Some(mix.end())
            }
            b'-' | b'0'..=b'9' => self.number(),
            _ => [&b"true"[..], b"false", b"null"].into_iter().find(|word| self.take(word)).map(|word| {
                let mut mix = tagged(self.keys, b'w');
                mix.bytes(word);
                mix.end()
            }),
        }
    }

    fn object(&mut self, depth: usize) -> Option<u128> {
        self.take(b"{");
        self.space();
        let mut sum = 0_u128;
        if !self.take(b"}") {
            loop {
                let mut mix = tagged(self.keys, b'k');
                let mut name = Name::default();
                self.string(|bytes| {
                    mix.bytes(bytes);
                    name.bytes(bytes);
                })?;
                self.space();
                self.take(b":").then_some(())?;
                self.space();
                let value = self.value(depth + 1)?;
                if !name.is_volatile() {
                    mix.bytes(&value.to_le_bytes());
                    sum = sum.wrapping_add(mix.end());
                }
                self.space();
                if self.take(b"}") {
                    break;
                }
                self.take(b",").then_some(())?;
                self.space();
            }
        }
        let mut mix = tagged(self.keys, b'o');
        mix.bytes(&sum.to_le_bytes());
        Some(mix.end())
    }

    fn array(&mut self, depth: usize) -> Option<u128> {
        self.take(b"[");
        self.space();
        let mut mix = tagged(self.keys, b'a');
        if !self.take(b"]") {
            loop {
                mix.bytes(&self.value(depth + 1)?.to_le_bytes());
                self.space();
                if self.take(b"]") {
                    break;
                }
                self.take(b",").then_some(())?;
                self.space();
            }
        }
        Some(mix.end())
    }

    /// Reads a string and gives the bytes that it spells.
    fn string(&mut self, mut spelled: impl FnMut(&[u8])) -> Option<()> {
        self.take(b"\"").then_some(())?;
        loop {
            let plain = self.rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            let (before, after) = self.rest.split_at_checked(plain)?;
            spelled(before);
            self.rest = after;
            if self.take(b"\"") {
                return Some(());
            }
            let (&escape, after) = after.get(1..)?.split_first()?;
            self.rest = after;
            let letter = match escape {
                b'n' => '\n',
                b't' => '\t',
                b'r' => '\r',
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'"' | b'\\' | b'/' => char::from(escape),
                b'u' => self.escaped()?,
                _ => return None,
            };
            spelled(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// What `\u` spells, with its second half where it has one; a lone half is U+FFFD.
    fn escaped(&mut self) -> Option<char> {
        let high = self.unit()?;
        if !(0xd800..0xdc00).contains(&high) || !self.rest.starts_with(b"\\u") {
            return Some(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.rest;
        self.take(b"\\u");
        let low = self.unit()?;
        if !(0xdc00..0xe000).contains(&low) {
            self.rest = before;
            return Some(char::REPLACEMENT_CHARACTER);
        }
        char::from_u32(0x1_0000 + ((high - 0xd800) << 10 | (low - 0xdc00)))
    }

    fn unit(&mut self) -> Option<u32> {
        let (digits, after) = self.rest.split_at_checked(4)?;
        self.rest = after;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
    }

    fn number(&mut self) -> Option<u128> {
        let length = self.rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        let (number, after) = self.rest.split_at_checked(length.count())?;
        self.rest = after;
        let text = std::str::from_utf8(number).ok()?;
        let value: f64 = text.parse().ok()?;
        let mut mix = tagged(self.keys, b'n');
        if value.is_finite() && number.iter().filter(|byte| byte.is_ascii_digit()).count() <= DIGITS_EXACT {
            // Adding 0 makes -0 and 0 one.
            mix.number((value + 0.0).to_bits());
        } else {
            mix.bytes(number);
        }
        Some(mix.end())
    }

    fn take(&mut self, token: &[u8]) -> bool {
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn space(&mut self) {
        let spaces = self.rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.rest = self.rest.get(spaces..).unwrap_or_default();
    }

    fn at_end(&mut self) -> bool {
        self.space();
        self.rest.is_empty()
    }
}

/// The first bytes of a key, without case, `_` and `-`.
#[derive(Default)]
struct Name {
    bytes: [u8; 16],
    length: usize,
}

impl Name {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().filter(|byte| !matches!(byte, b'_' | b'-')) {
            if let Some(place) = self.bytes.get_mut(self.length) {
                *place = byte.to_ascii_lowercase();
            }
            self.length = self.length.saturating_add(1);
        }
    }

    fn is_volatile(&self) -> bool {
        let name = self.bytes.get(..self.length).unwrap_or_default();
        VOLATILE_KEYS.iter().any(|key| key.as_bytes() == name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::keys::SECRET_BYTES;
    use super::*;

    fn of(arguments: &str) -> u128 {
        hash(&LoopKeys::new(&[7; SECRET_BYTES]), arguments)
    }

    #[test]
    fn the_same_arguments_have_the_same_hash_however_they_are_written() {
        for (one, other) in [
            (r#"{"a":1,"b":[true,null]}"#, r#" { "b" : [ true , null ] , "a" : 1.0 } "#),
            (r#"{"n":100}"#, r#"{"n":1e2}"#),
            (r#"{"n":-0}"#, r#"{"n":0}"#),
            (r#""a\u00e9\ud83d\ude00\/""#, "\"aé😀/\""),
            (r#"{"q":"x","request_id":"1"}"#, r#"{"requestId":"2","q":"x"}"#),
            (r#"{"q":"x","nonce":1}"#, r#"{"q":"x"}"#),
            ("ls  -la", " ls -la "),
            ("{broken", "{broken "),
        ] {
            assert_eq!(of(one), of(other), "{one} {other}");
        }
    }

    #[test]
    fn other_arguments_have_another_hash() {
        let all = [
            "",
            "{}",
            "[]",
            "[[]]",
            "[{}]",
            "null",
            "true",
            "0",
            "1",
            "\"\"",
            "\"1\"",
            "[1,2]",
            "[2,1]",
            "[12]",
            "[\"1\",2]",
            r#"{"a":1}"#,
            r#"{"a":"1"}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":1,"b":2}"#,
            r#"{"a":2,"b":1}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"path":"A"}"#,
            r#"{"path":"a"}"#,
            r#"{"id":"550e8400-e29b-41d4-a716-446655440000"}"#,
            r#"{"id":"550e8400-e29b-41d4-a716-446655440001"}"#,
            "1e998",
            "1e999",
            "12345678901234567890",
            "12345678901234567891",
            "{broken",
            "[1",
            "1 2",
            "\"\\ud800\"x",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
        ];
        for (at, one) in all.iter().enumerate() {
            for other in all.iter().skip(at + 1) {
                assert_ne!(of(one), of(other), "{one} {other}");
            }
        }
    }

    #[test]
    fn deep_nesting_is_text() {
        let deep = "[".repeat(100_000);
        assert_eq!(of(&deep), of(&format!("{deep} ")));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in r#"[\[\]{}":,0-9a-z\\ue+. é-]{0,40}"#) {
            of(&text);
        }
    }
}

//! A strict JSON scanner (RFC 8259) that gives byte ranges and builds nothing.
//!
//! **Theory of operation.** [`Scanner::next`] returns one event at a time; a bit for each open container says whether it
//! is an object. So depth costs a bit, and nothing recurses.
//!
//! **Bounds.** Each byte is looked at a fixed number of times; depth has a limit, [`DEPTH_MAX`] where nobody says other.
//!
//! **What it accepts.** Exactly RFC 8259 (<https://www.rfc-editor.org/rfc/rfc8259>) within that limit. An escaped lone
//! surrogate is legal grammar and passes; [`decode`] shows it as U+FFFD. Duplicate keys are legal grammar too; who reads
//! the events decides about them.

use std::borrow::Cow;
use std::ops::Range;

/// The deepest nesting where nobody says other. Source: our choice, near the limit that `serde_json` has (a test compares
/// them).
pub const DEPTH_MAX: usize = 128;

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {at}")]
pub struct JsonError {
    /// Where, in bytes from the start.
    pub at: usize,
    /// What is wrong there.
    pub kind: JsonErrorKind,
}

/// What is wrong with a text that is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonErrorKind {
    /// The text ends too early.
    #[error("unexpected end")]
    End,
    /// A byte that cannot stand there.
    #[error("unexpected character")]
    Unexpected,
    /// A number that is not one.
    #[error("malformed number")]
    Number,
    /// An escape that is not one.
    #[error("malformed escape")]
    Escape,
    /// A control character within a string.
    #[error("unescaped control character in a string")]
    Control,
    /// More containers open than the limit.
    #[error("nesting deeper than the limit")]
    Depth,
    /// Something after the value.
    #[error("text after the end of the value")]
    Trailing,
}

/// A string in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringToken {
    /// The bytes between the quotes.
    pub raw: Range<usize>,
    /// Whether there is an escape among them.
    pub escaped: bool,
}

/// What comes next in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `{`
    ObjectStart,
    /// `}` and where it stands.
    ObjectEnd(usize),
    /// `[`
    ArrayStart,
    /// `]`
    ArrayEnd,
    /// A key of the innermost object.
    Key(StringToken),
    /// A string value.
    String(StringToken),
    /// A number value.
    Number(Range<usize>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`
    Null,
    /// The text is over, and was one value.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrArrayEnd,
    KeyOrObjectEnd,
    Key,
    AfterValue,
}

/// Walks a JSON text.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    expect: Expect,
    /// One bit for each open container, innermost last: true for an object.
    open: Vec<bool>,
    depth_max: usize,
}

impl<'a> Scanner<'a> {
    /// Starts at the beginning of `text`. At most `depth_max` containers may be open at a time.
    pub fn new(text: &'a str, depth_max: usize) -> Self {
        Self { text: text.as_bytes(), at: 0, expect: Expect::Value, open: Vec::new(), depth_max }
    }

    /// How many containers are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Where the scanner stands, in bytes from the start: after the last event.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The next event.
    ///
    /// # Errors
    /// When the text is not JSON, or deeper than the limit. The scanner must not be used after that.
    #[expect(clippy::should_implement_trait, reason = "an iterator over results would need a peek for the end event")]
    pub fn next(&mut self) -> Result<Event, JsonError> {
        loop {
            self.skip_space();
            let Some(byte) = self.peek() else {
                return if self.open.is_empty() && self.expect == Expect::AfterValue {
                    Ok(Event::End)
                } else {
                    Err(self.error(JsonErrorKind::End))
                };
            };
            match self.expect {
                Expect::ValueOrArrayEnd if byte == b']' => return Ok(self.close(Event::ArrayEnd)),
                Expect::Value | Expect::ValueOrArrayEnd => return self.value(byte),
                Expect::KeyOrObjectEnd if byte == b'}' => {
                    let at = self.at;
                    return Ok(self.close(Event::ObjectEnd(at)));
                }
                Expect::Key | Expect::KeyOrObjectEnd => return self.key(byte),
                Expect::AfterValue => match (self.open.last(), byte) {
                    (None, _) => return Err(self.error(JsonErrorKind::Trailing)),
                    (Some(true), b'}') => {
                        let at = self.at;
                        return Ok(self.close(Event::ObjectEnd(at)));
                    }
                    (Some(false), b']') => return Ok(self.close(Event::ArrayEnd)),
                    (Some(&object), b',') => {
                        self.at += 1;
                        self.expect = if object { Expect::Key } else { Expect::Value };
                    }
                    (Some(_), _) => return Err(self.error(JsonErrorKind::Unexpected)),
                },
            }
        }
    }

    fn value(&mut self, byte: u8) -> Result<Event, JsonError> {
        self.expect = Expect::AfterValue;
        match byte {
            b'"' => Ok(Event::String(self.string()?)),
            b'{' => self.open(true, Event::ObjectStart),
            b'[' => self.open(false, Event::ArrayStart),
            b't' => self.word(b"true", Event::Bool(true)),
            b'f' => self.word(b"false", Event::Bool(false)),
            b'n' => self.word(b"null", Event::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.error(JsonErrorKind::Unexpected)),
        }
    }

    fn key(&mut self, byte: u8) -> Result<Event, JsonError> {
        if byte != b'"' {
            return Err(self.error(JsonErrorKind::Unexpected));
        }
        let key = self.string()?;
        self.skip_space();
        match self.peek() {
            Some(b':') => self.at += 1,
            Some(_) => return Err(self.error(JsonErrorKind::Unexpected)),
            None => return Err(self.error(JsonErrorKind::End)),
        }
        self.expect = Expect::Value;
        Ok(Event::Key(key))
    }

    fn open(&mut self, object: bool, event: Event) -> Result<Event, JsonError> {
        if self.open.len() >= self.depth_max {
            return Err(self.error(JsonErrorKind::Depth));
        }
        self.open.push(object);
        self.at += 1;
        self.expect = if object { Expect::KeyOrObjectEnd } else { Expect::ValueOrArrayEnd };
        Ok(event)
    }

    fn close(&mut self, event: Event) -> Event {
        self.open.pop();
        self.at += 1;
        self.expect = Expect::AfterValue;
        event
    }

    fn word(&mut self, word: &[u8], event: Event) -> Result<Event, JsonError> {
        if self.text.get(self.at..self.at + word.len()) == Some(word) {
            self.at += word.len();
            Ok(event)
        } else {
            Err(self.error(JsonErrorKind::Unexpected))
        }
    }

    fn string(&mut self) -> Result<StringToken, JsonError> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let stop = memchr::memchr2(b'"', b'\\', rest);
            let plain = rest.get(..stop.unwrap_or(rest.len())).unwrap_or_default();
            if has_control(plain) {
                self.at += plain.iter().position(|byte| *byte < b' ').unwrap_or_default();
                return Err(self.error(JsonErrorKind::Control));
            }
            self.at += plain.len();
            match self.peek() {
                Some(b'"') => {
                    let raw = start..self.at;
                    self.at += 1;
                    return Ok(StringToken { raw, escaped });
                }
                Some(_) => {
                    escaped = true;
                    self.at += self.escape()?;
                }
                None => return Err(self.error(JsonErrorKind::End)),
            }
        }
    }

    /// The length of the escape here.
    fn escape(&self) -> Result<usize, JsonError> {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        match rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u') => match rest.get(1..5) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(6),
                _ => Err(self.error(JsonErrorKind::Escape)),
            },
            Some(_) => Err(self.error(JsonErrorKind::Escape)),
            None => Err(self.error(JsonErrorKind::End)),
        }
    }

    fn number(&mut self) -> Result<Event, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.error(JsonErrorKind::Number)),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Event::Number(start..self.at))
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { Err(self.error(JsonErrorKind::Number)) } else { Ok(()) }
    }

    fn skip_space(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { at: self.at, kind }
    }
}

/// Looks at every byte instead of stopping at the first: without a branch it is done many bytes at a time.
#[expect(clippy::needless_bitwise_bool, reason = "a branch would keep it from being done many bytes at a time")]
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |any, byte| any | (*byte < b' '))
}

/// A piece of a string: the text it stands for, and the bytes that spell it.
pub(crate) enum Piece<'a> {
    /// Plain bytes, which stand for themselves.
    Plain(&'a str),
    /// An escape of this many bytes (a surrogate pair is one escape).
    Escape(char, usize),
}

impl Piece<'_> {
    /// How many bytes it is of the text, and of what spells it.
    pub(crate) fn lengths(&self) -> (usize, usize) {
        match self {
            Self::Plain(plain) => (plain.len(), plain.len()),
            Self::Escape(character, length) => (character.len_utf8(), *length),
        }
    }
}

/// Takes the first piece off the bytes between a string's quotes, as the scanner has checked them.
pub(crate) fn piece(raw: &str) -> Option<(Piece<'_>, &str)> {
    let bytes = raw.as_bytes();
    if *bytes.first()? != b'\\' {
        let end = memchr::memchr(b'\\', bytes).unwrap_or(bytes.len());
        let (plain, rest) = raw.split_at_checked(end)?;
        return Some((Piece::Plain(plain), rest));
    }
    let (character, length) = match bytes.get(1)? {
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        b'u' => unicode_escape(bytes),
        other => (char::from(*other), 2),
    };
    Some((Piece::Escape(character, length), raw.get(length..)?))
}

/// Reads `\uXXXX` at the start of `bytes`, with the low half of a surrogate pair where there is one.
fn unicode_escape(bytes: &[u8]) -> (char, usize) {
    let unit = |at: usize| -> Option<u32> {
        let digits = std::str::from_utf8(bytes.get(at..at + 4)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let Some(high) = unit(2) else { return (char::REPLACEMENT_CHARACTER, bytes.len().min(6)) };
    if !(0xd800..0xe000).contains(&high) {
        return (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6);
    }
    let low = if bytes.get(6..8) == Some(b"\\u") { unit(8) } else { None };
    match low.filter(|low| high < 0xdc00 && (0xdc00..0xe000).contains(low)) {
        Some(low) => {
            let scalar = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
        }
        None => (char::REPLACEMENT_CHARACTER, 6),
    }
}

/// The text that a string stands for. Without an escape it is borrowed.
pub fn decode<'a>(text: &'a str, token: &StringToken) -> Cow<'a, str> {
    let raw = text.get(token.raw.clone()).unwrap_or_default();
    if !token.escaped {
        return Cow::Borrowed(raw);
    }
    let mut decoded = String::with_capacity(raw.len());
    decode_into(text, token, &mut decoded);
    Cow::Owned(decoded)
}

/// Appends the text that a string stands for.
pub(crate) fn decode_into(text: &str, token: &StringToken, decoded: &mut String) {
    let mut raw = text.get(token.raw.clone()).unwrap_or_default();
    while let Some((piece, rest)) = piece(raw) {
        match piece {
            Piece::Plain(plain) => decoded.push_str(plain),
            Piece::Escape(character, _) => decoded.push(character),
        }
        raw = rest;
    }
}

/// Writes `text` as it stands between the quotes of a JSON string.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            control if control < ' ' => escaped += &format!("\\u{:04x}", u32::from(control)),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;

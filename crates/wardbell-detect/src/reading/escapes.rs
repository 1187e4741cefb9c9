//! JSON, URL and HTML escapes.
//!
//! **What it reads.** `\uXXXX`, `\xXX`, `%XX`, `&#NN;`, `&#xNN;`, and on the way the line ends, quotes and signs that are
//! escaped beside them; only where letters are written so, since every program escapes quotes and line ends. **What it
//! misses.** Entities that have other names. **Source.** RFC 8259 section 7, RFC 3986 section 2.1, HTML Living Standard section
//! 13.5 (read 2026-11-25).

use super::{Reading, Way, Writer};

/// How many letters or digits must be escaped. Source: ours; nobody escapes three letters without a reason.
const LETTERS_MIN: usize = 3;

/// The most digits of a character reference: `&#1114111;`.
const DIGITS_MAX: usize = 7;

/// Escapes with a name: letters of a backslash, then entities.
const BACKSLASHED: &[(u8, char)] =
    &[(b'n', '\n'), (b't', '\t'), (b'r', '\r'), (b'"', '"'), (b'\'', '\''), (b'/', '/'), (b'\\', '\\')];
const ENTITIES: &[(&[u8], char)] = &[
    (b"&amp;", '&'),
    (b"&lt;", '<'),
    (b"&gt;", '>'),
    (b"&quot;", '"'),
    (b"&apos;", '\''),
    (b"&nbsp;", ' '),
    (b"&Tab;", '\t'),
    (b"&NewLine;", '\n'),
];

/// What an escape stands for.
enum Unit {
    Character(char),
    /// A byte of UTF-8.
    Byte(u8),
}

/// Reads a text without its escapes; `None` where no letters are escaped.
pub(super) fn read<'t>(text: &str) -> Option<Reading<'t>> {
    let bytes = text.as_bytes();
    let starts = || memchr::memchr3_iter(b'\\', b'%', b'&', bytes);
    let (mut letters, mut next) = (0, 0);
    for at in starts() {
        if at < next {
            continue;
        }
        if let Some((unit, len)) = escape(bytes, at) {
            letters += usize::from(match unit {
                // A named escape of a line end is no letter.
                Unit::Character(character) => character.is_alphanumeric(),
                Unit::Byte(byte) => byte.is_ascii_alphanumeric() || !byte.is_ascii(),
            });
            next = at + len;
        }
        if letters >= LETTERS_MIN {
            break;
        }
    }
    if letters < LETTERS_MIN {
        return None;
    }
    let mut writer = Writer::new(text, 0);
    next = 0;
    for at in starts() {
        if at < next {
            continue;
        }
        let Some((unit, len)) = escape(bytes, at) else { continue };
        match unit {
            Unit::Character(character) => {
                writer.copy_all(text, next..at);
                writer.put(character, at..at + len);
                next = at + len;
            }
            Unit::Byte(_) => {
                writer.copy_all(text, next..at);
                next = percent(&mut writer, text, at);
            }
        }
    }
    writer.copy_all(text, next..text.len());
    Some(writer.done(Way::Escapes))
}

/// Writes what a run of bytes in percent escapes says, and returns where it ends. What is no UTF-8 stays as it is.
fn percent(writer: &mut Writer, text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut run = Vec::new();
    let mut end = start;
    while let Some((Unit::Byte(byte), len)) = escape(bytes, end) {
        run.push(byte);
        end += len;
    }
    match std::str::from_utf8(&run) {
        // Each byte of the run is three of the text.
        Ok(said) => {
            for (at, character) in said.char_indices() {
                writer.put(character, start + at * 3..start + (at + character.len_utf8()) * 3);
            }
        }
        Err(_) => writer.copy_all(text, start..end),
    }
    end
}

/// The escape that starts at `at`, and its length.
fn escape(bytes: &[u8], at: usize) -> Option<(Unit, usize)> {
    let rest = bytes.get(at..)?;
    match rest {
        [b'%', high, low, ..] => Some((Unit::Byte(u8::try_from(hex(&[*high, *low])?).ok()?), 3)),
        [b'\\', b'u', a, b, c, d, ..] => character(hex(&[*a, *b, *c, *d])?, 6),
        [b'\\', b'x', high, low, ..] => character(hex(&[*high, *low])?, 4),
        [b'\\', sign, ..] => {
            let (_, character) = BACKSLASHED.iter().find(|(known, _)| known == sign)?;
            Some((Unit::Character(*character), 2))
        }
        [b'&', b'#', b'x' | b'X', digits @ ..] => {
            let count = digits.iter().take(DIGITS_MAX).take_while(|digit| digit.is_ascii_hexdigit()).count();
            let end = usize::from(digits.get(count) == Some(&b';'));
            character(hex(digits.get(..count).filter(|digits| !digits.is_empty())?)?, 3 + count + end)
        }
        [b'&', b'#', digits @ ..] => {
            let count = digits.iter().take(DIGITS_MAX).take_while(|digit| digit.is_ascii_digit()).count();
            let end = usize::from(digits.get(count) == Some(&b';'));
            let digits = digits.get(..count).filter(|digits| !digits.is_empty())?;
            let code = digits.iter().fold(0_u32, |code, digit| code * 10 + u32::from(digit - b'0'));
            character(code, 2 + count + end)
        }
        [b'&', ..] => {
            let (name, character) = ENTITIES.iter().find(|(name, _)| rest.starts_with(name))?;
            Some((Unit::Character(*character), name.len()))
        }
        _ => None,
    }
}

fn character(code: u32, len: usize) -> Option<(Unit, usize)> {
    char::from_u32(code).map(|character| (Unit::Character(character), len))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
}

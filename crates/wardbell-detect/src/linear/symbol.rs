//! A text as a stream of plain symbols.
//!
//! Letters are in lower case and, where they are Latin, without accents; a digit is `0`; white space of any length and
//! control characters are one space; typographic quotes are plain; what is invisible is left out; of a symbol that is
//! repeated three stay. A symbol is a Unicode scalar value.

use unicode_normalization::char::decompose_canonical;

use crate::view;

/// How often one symbol may follow itself. Source: ours; rules and ellipses are three signs long.
const REPEATS_MAX: u8 = 3;

/// The space between words.
pub(super) const SPACE: u32 = b' ' as u32;

/// What an ASCII byte becomes.
const ASCII: [u8; 128] = {
    let mut table = [b' '; 128];
    let mut byte = 0x21_u8;
    while byte < 0x7f {
        table[byte as usize] = match byte {
            b'A'..=b'Z' => byte + (b'a' - b'A'),
            b'0'..=b'9' => b'0',
            other => other,
        };
        byte += 1;
    }
    table
};

/// Calls `each` with every symbol and the offset of the byte after the character that it stands for.
#[inline]
pub(super) fn read(text: &str, mut each: impl FnMut(u32, usize)) {
    let mut before = 0_u32;
    let mut repeats = 0_u8;
    let mut push = |symbol: u32, end: usize| {
        if symbol == before {
            if symbol == SPACE || repeats >= REPEATS_MAX {
                return;
            }
            repeats += 1;
        } else {
            (before, repeats) = (symbol, 1);
        }
        each(symbol, end);
    };
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if let Some(&symbol) = ASCII.get(usize::from(byte)) {
            at += 1;
            push(u32::from(symbol), at);
            continue;
        }
        let Some(character) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
        at += character.len_utf8();
        if let Some(symbol) = plain(character) {
            push(symbol, at);
        }
    }
}

/// What a character beyond ASCII becomes; `None` where it goes.
fn plain(character: char) -> Option<u32> {
    if matches!(character,
        '\u{03B1}'..='\u{03C9}' | '\u{0430}'..='\u{044F}' | '\u{05D0}'..='\u{05EA}' | '\u{0621}'..='\u{064A}'
        | '\u{0904}'..='\u{0939}' | '\u{0E01}'..='\u{0E30}' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}')
    {
        return Some(u32::from(character));
    }
    if view::is_unseen(character) || view::is_mark(character) {
        return None;
    }
    if character.is_whitespace() || character.is_control() {
        return Some(SPACE);
    }
    let letter = match character {
        '\u{00C0}'..='\u{024F}' | '\u{1E00}'..='\u{1EFF}' => base(character),
        '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{02BC}' => '\'',
        '\u{201C}' | '\u{201D}' | '\u{201F}' => '"',
        '\u{2010}'..='\u{2015}' => '-',
        other if other.is_numeric() => '0',
        other => other,
    };
    Some(u32::from(letter.to_lowercase().next().unwrap_or(letter)))
}

/// A Latin letter without its accents.
fn base(character: char) -> char {
    let mut first = None;
    decompose_canonical(character, |part| {
        first.get_or_insert(part);
    });
    first.unwrap_or(character)
}

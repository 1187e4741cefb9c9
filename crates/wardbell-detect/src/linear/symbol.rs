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

/// Takes the symbols of a text, in order.
pub(super) trait Symbols {
    /// The next symbol, and the offset of the byte after the character that it stands for.
    fn one(&mut self, symbol: u32, end: usize);
    /// Whether [`Symbols::stride`] may come next.
    fn takes_stride(&self) -> bool;
    /// The next [`STRIDE`] symbols, one byte each, and the offset of the byte after the last.
    fn stride(&mut self, symbols: &[u8; STRIDE], end: usize);
}

/// How many bytes of plain text are read at once. Source: ours; two of the widest registers that every x86-64 has.
pub(super) const STRIDE: usize = 32;

/// Tells `symbols` every symbol.
#[inline]
pub(super) fn read(text: &str, symbols: &mut impl Symbols) {
    let mut run = Run::default();
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        while symbols.takes_stride()
            && let Some(stride) = bytes.get(at..).and_then(|rest| rest.first_chunk())
            && let Some(stride) = run.stride(stride)
        {
            at += STRIDE;
            symbols.stride(&stride, at);
        }
        // What stopped it may be anywhere in the stride: as many bytes are read one by one.
        let end = (at + STRIDE).min(bytes.len());
        if at >= end {
            return;
        }
        while at < end
            && let Some(&byte) = bytes.get(at)
        {
            let symbol = if let Some(symbol) = ASCII.get(usize::from(byte)) {
                at += 1;
                Some(u32::from(*symbol))
            } else {
                let Some(character) = text.get(at..).and_then(|rest| rest.chars().next()) else { return };
                at += character.len_utf8();
                plain(character)
            };
            if let Some(symbol) = symbol.filter(|symbol| run.keeps(*symbol)) {
                symbols.one(symbol, at);
            }
        }
    }
}

/// The symbols that came last: which one, and how often in a row.
#[derive(Default)]
struct Run {
    symbol: u32,
    times: u8,
}

impl Run {
    /// Whether the next symbol stays.
    #[inline]
    fn keeps(&mut self, symbol: u32) -> bool {
        if symbol != self.symbol {
            *self = Self { symbol, times: 1 };
            return true;
        }
        if symbol == SPACE || self.times >= REPEATS_MAX {
            return false;
        }
        self.times += 1;
        true
    }

    /// The symbols of a stride in which each byte is one: ASCII, no control characters, no space after a space, and no symbol more
    /// than twice in a row. It looks at all of them instead of stopping at the first that is not: without a branch that is done
    /// many bytes at a time.
    #[expect(clippy::needless_bitwise_bool, reason = "a branch would keep it from being done many bytes at a time")]
    #[inline]
    fn stride(&mut self, bytes: &[u8; STRIDE]) -> Option<[u8; STRIDE]> {
        let symbols = bytes.map(|byte| {
            let capital = u8::from(byte.is_ascii_uppercase()) << 5;
            if byte.is_ascii_digit() { b'0' } else { byte | capital }
        });
        let [first, second, rest @ ..] = &symbols;
        let [_, later @ ..] = &symbols;
        let odd = bytes.iter().fold(false, |any, byte| any | (*byte < b' ') | (*byte >= 0x7f));
        let pairs = symbols.iter().zip(later);
        let spaces = pairs.fold(false, |any, (one, next)| any | ((*one == b' ') & (*next == b' ')));
        let triples = symbols.iter().zip(later).zip(rest);
        let thrice = triples.fold(false, |any, ((one, two), three)| any | ((*one == *two) & (*two == *three)));
        let goes_on = u32::from(*first) == self.symbol && (self.symbol == SPACE || self.times >= 2 || first == second);
        if odd | spaces | thrice | goes_on {
            return None;
        }
        let [.., before, last] = symbols;
        *self = Self { symbol: u32::from(last), times: 1 + u8::from(before == last) };
        Some(symbols)
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

//! What becomes of one character.

use unicode_normalization::char::decompose_compatible;

/// The longest fold that is kept, in bytes: the compatibility forms that matter (ligatures, units, enclosed letters and
/// numbers) are far shorter.
const LETTERS_MAX: usize = 8;

/// What becomes of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folded {
    /// It stays.
    Same,
    /// It is invisible and goes.
    Nothing,
    /// It is an accent: it goes from an ASCII letter or digit and stays elsewhere.
    Mark,
    /// It becomes ASCII letters.
    To(Letters),
}

/// A few ASCII characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letters {
    bytes: [u8; LETTERS_MAX],
    len: usize,
}

impl Letters {
    fn one(letter: u8) -> Self {
        let mut bytes = [0; LETTERS_MAX];
        bytes[0] = letter;
        Self { bytes, len: 1 }
    }

    /// The characters; ASCII by construction.
    pub(super) fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// Says what becomes of `character`.
pub(super) fn fold(character: char) -> Folded {
    if character.is_ascii() || is_plain_script(character) {
        return Folded::Same;
    }
    if is_invisible(character) {
        return Folded::Nothing;
    }
    if is_mark(character) {
        return Folded::Mark;
    }
    if let Some(letter) = dash_or_space(character).or_else(|| digit(character)) {
        return Folded::To(Letters::one(letter));
    }
    compatible(character)
}

/// Large blocks of letters that no fold touches: a short cut for texts in those scripts. Hangul syllables and CJK
/// would otherwise be decomposed and put back for each character. Cyrillic from U+0400 to U+0481 and Greek from U+0391
/// to U+03C9 decompose to their own letters only.
fn is_plain_script(character: char) -> bool {
    matches!(character,
        '\u{0391}'..='\u{03C9}' | '\u{0400}'..='\u{0481}' | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | '\u{1F300}'..='\u{1FAFF}')
}

/// Characters that show nothing: the property Default_Ignorable_Code_Point (Unicode 15, DerivedCoreProperties.txt), and
/// the interlinear annotation marks.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Combining marks that are put on Latin letters and digits (Unicode 15, blocks Combining Diacritical Marks, its
/// Extended and Supplement, for Symbols, and Half Marks).
pub(super) fn is_mark(character: char) -> bool {
    matches!(character,
        '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}')
}

/// Dashes, and spaces of other widths; the line and paragraph separators are line ends.
pub(super) fn dash_or_space(character: char) -> Option<u8> {
    match character {
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' => Some(b'-'),
        '\u{0085}' | '\u{00A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => {
            Some(b' ')
        }
        '\u{2028}' | '\u{2029}' => Some(b'\n'),
        _ => None,
    }
}

/// The zeros of all scripts' decimal digits (Unicode 14 general category Nd, listed with Python 3.11's `unicodedata`).
/// The other nine digits follow their zero.
const ZEROS: [u32; 65] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
    0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
    0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0,
    0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0,
    0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// The ASCII digit of the same value.
pub(super) fn digit(character: char) -> Option<u8> {
    let code = u32::from(character);
    let after = ZEROS.partition_point(|zero| *zero <= code);
    let zero = ZEROS.get(after.checked_sub(1)?)?;
    let value = u8::try_from(code - zero).ok().filter(|value| *value <= 9)?;
    Some(b'0' + value)
}

/// The ASCII that `character` decomposes to once its accents are off, if it is nothing but ASCII.
fn compatible(character: char) -> Folded {
    let mut letters = Letters { bytes: [0; LETTERS_MAX], len: 0 };
    let mut is_ascii = true;
    decompose_compatible(character, |part| {
        if is_mark(part) {
            return;
        }
        match (u8::try_from(part), letters.bytes.get_mut(letters.len)) {
            (Ok(byte), Some(slot)) if byte.is_ascii() => {
                *slot = byte;
                letters.len += 1;
            }
            _ => is_ascii = false,
        }
    });
    if is_ascii && letters.len > 0 { Folded::To(letters) } else { Folded::Same }
}

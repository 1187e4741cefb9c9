//! What invisible characters spell.
//!
//! **What it reads.** Tag characters, one for each ASCII character (Unicode 15, block Tags); variation selectors, one for
//! each byte; two kinds of zero-width characters, one for each bit. **What it misses.** Other alphabets of invisible
//! characters. **Source.** The first is known as ASCII smuggling (2024), the others as emoji smuggling and zero-width
//! steganography; the forms here are the commonest.

use std::ops::Range;

use super::{Reading, Way, Writer, says_something};

/// Reads what hides in a text; `None` where nothing does.
pub(super) fn read<'t>(text: &str) -> Option<Reading<'t>> {
    // All of them are beyond ASCII, and most texts are not.
    if text.is_ascii() {
        return None;
    }
    let mut writer = Writer::default();
    let mut bytes = Bytes::default();
    let mut bits = Bits::default();
    for (at, character) in text.char_indices() {
        let place = at..at + character.len_utf8();
        match character {
            '\u{E0020}'..='\u{E007E}' => {
                let letter = u8::try_from(u32::from(character) - 0xE0000).unwrap_or(b' ');
                writer.put(char::from(letter), place);
            }
            '\u{FE00}'..='\u{FE0F}' => bytes.push(u32::from(character) - 0xFE00, place),
            '\u{E0100}'..='\u{E01EF}' => bytes.push(u32::from(character) - 0xE0100 + 16, place),
            '\u{200B}' => bits.push(0, place),
            '\u{200C}' | '\u{200D}' => bits.push(1, place),
            _ => {}
        }
    }
    bytes.write(&mut writer);
    bits.write(&mut writer);
    (writer.text.len() > 1 && says_something(&writer.text)).then(|| writer.done(Way::Hidden))
}

/// Bytes that variation selectors stand for.
#[derive(Default)]
struct Bytes {
    bytes: Vec<u8>,
    places: Vec<Range<usize>>,
}

impl Bytes {
    fn push(&mut self, byte: u32, place: Range<usize>) {
        self.bytes.push(u8::try_from(byte).unwrap_or(u8::MAX));
        self.places.push(place);
    }

    /// Writes what they say, if they say something.
    fn write(&self, writer: &mut Writer) {
        let Some(text) = std::str::from_utf8(&self.bytes).ok().filter(|text| says_something(text)) else { return };
        for (at, character) in text.char_indices() {
            if let Some(place) = self.places.get(at) {
                writer.put(character, place.clone());
            }
        }
    }
}

/// Bits that zero-width characters stand for.
#[derive(Default)]
struct Bits {
    bytes: Bytes,
    byte: u32,
    count: u32,
    start: usize,
}

impl Bits {
    fn push(&mut self, bit: u32, place: Range<usize>) {
        if self.count == 0 {
            self.start = place.start;
        }
        self.byte = (self.byte << 1 | bit) & 0xff;
        self.count += 1;
        if self.count == 8 {
            self.bytes.push(self.byte, self.start..place.end);
            (self.byte, self.count) = (0, 0);
        }
    }

    fn write(&self, writer: &mut Writer) {
        self.bytes.write(writer);
    }
}

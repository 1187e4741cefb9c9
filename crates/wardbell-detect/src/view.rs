//! The text as detectors read it.
//!
//! An attacker writes `４１１１` for `4111`, puts a zero-width space into an address, or a no-break space between words.
//! A view undoes that once, for all detectors: invisible characters are left out; digits of all scripts, full-width,
//! circled and mathematical letters become ASCII; dashes become `-` and odd spaces ` `; accents come off letters. All
//! else stays as it is. Each byte of the view knows the bytes of the source that it came from, so that a span of the
//! view maps back to a span of the source that covers every character behind it, the invisible ones inside as well.
//!
//! A text of ASCII only, or one with nothing to fold, is borrowed and maps to itself.
//!
//! **What it does not do.** Letters of other scripts that look like Latin ones stay as they are; nothing is decoded.
//! Source: `spec/pii-and-secrets.md` section 6, point 1; Unicode Standard 15, UAX 15 for the compatibility forms.

use std::borrow::Cow;
use std::ops::Range;

mod fold;

use fold::Folded;

/// A text as detectors read it, with a map back to the source.
#[derive(Debug)]
pub struct View<'t> {
    source: &'t str,
    text: Cow<'t, str>,
    /// Sorted by `view`; empty if the view is the source.
    stretches: Vec<Stretch>,
}

/// Consecutive characters that all map the same way: `view_step` bytes of the view came from `source_step` of the
/// source. Characters that kept their bytes form stretches of step 1 to 1, whatever their own lengths.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    view: usize,
    source: usize,
    view_step: u8,
    source_step: u8,
}

impl<'t> View<'t> {
    /// Makes the view of a text, in time linear in its length.
    pub fn of(source: &'t str) -> Self {
        let plain = Self { source, text: Cow::Borrowed(source), stretches: Vec::new() };
        if source.is_ascii() {
            return plain;
        }
        let Some(first) = source.char_indices().find(|(_, character)| fold::fold(*character) != Folded::Same) else {
            return plain;
        };
        Builder::new(source, first.0).run()
    }

    /// The folded text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the source that `span` of the view came from: on character boundaries, not empty unless `span` is
    /// empty, and inside the source for every input.
    pub fn to_source(&self, span: &Range<usize>) -> Range<usize> {
        if span.is_empty() {
            let at = self.source.floor_char_boundary(self.start_of(span.start));
            return at..at;
        }
        let start = self.source.floor_char_boundary(self.start_of(span.start));
        let end = self.source.ceil_char_boundary(self.end_of(span.end));
        start..end.max(start)
    }

    /// Where the source character behind the byte at `offset` starts.
    fn start_of(&self, offset: usize) -> usize {
        match self.stretch_at(offset) {
            Some(stretch) => {
                let characters = offset.saturating_sub(stretch.view) / usize::from(stretch.view_step.max(1));
                stretch.source + characters * usize::from(stretch.source_step)
            }
            None => offset,
        }
    }

    /// Where the source character behind the byte before `offset` ends.
    fn end_of(&self, offset: usize) -> usize {
        let last = offset.saturating_sub(1);
        match self.stretch_at(last) {
            Some(stretch) => {
                let characters = last.saturating_sub(stretch.view) / usize::from(stretch.view_step.max(1));
                stretch.source + (characters + 1) * usize::from(stretch.source_step)
            }
            None => offset,
        }
    }

    fn stretch_at(&self, offset: usize) -> Option<&Stretch> {
        let after = self.stretches.partition_point(|stretch| stretch.view <= offset);
        self.stretches.get(after.checked_sub(1)?)
    }
}

/// A view in the making.
struct Builder<'t> {
    source: &'t str,
    text: String,
    stretches: Vec<Stretch>,
    /// Where the source continues after the last stretch.
    source_next: usize,
}

impl<'t> Builder<'t> {
    /// Starts with the first `same` bytes as they are.
    fn new(source: &'t str, same: usize) -> Self {
        let mut text = String::with_capacity(source.len());
        text.push_str(source.get(..same).unwrap_or_default());
        let stretches =
            if same == 0 { Vec::new() } else { vec![Stretch { view: 0, source: 0, view_step: 1, source_step: 1 }] };
        Self { source, text, stretches, source_next: same }
    }

    fn run(mut self) -> View<'t> {
        let rest = self.source.get(self.source_next..).unwrap_or_default();
        let base = self.source_next;
        for (offset, character) in rest.char_indices() {
            let at = base + offset;
            if character.is_ascii() {
                self.append(at, character.len_utf8(), 1, 1);
                self.text.push(character);
                continue;
            }
            match fold::fold(character) {
                Folded::Same => {
                    self.append(at, character.len_utf8(), 1, 1);
                    self.text.push(character);
                }
                Folded::Nothing => {}
                Folded::Mark => {
                    // An accent on an ASCII letter or digit goes; elsewhere it is part of the script.
                    if !self.text.as_bytes().last().is_some_and(u8::is_ascii_alphanumeric) {
                        self.append(at, character.len_utf8(), 1, 1);
                        self.text.push(character);
                    }
                }
                Folded::To(letters) => {
                    let letters = letters.as_str();
                    self.append(at, character.len_utf8(), letters.len(), character.len_utf8());
                    self.text.push_str(letters);
                }
            }
        }
        View { source: self.source, text: Cow::Owned(self.text), stretches: self.stretches }
    }

    /// Notes that the next bytes of the view come from the `source_bytes` at `source`.
    fn append(&mut self, source: usize, source_bytes: usize, view_step: usize, source_step: usize) {
        let view = self.text.len();
        let (view_step, source_step) = (u8::try_from(view_step).unwrap_or(1), u8::try_from(source_step).unwrap_or(1));
        let goes_on = source == self.source_next
            && self.stretches.last().is_some_and(|last| last.view_step == view_step && last.source_step == source_step);
        if !goes_on {
            self.stretches.push(Stretch { view, source, view_step, source_step });
        }
        self.source_next = source + source_bytes;
    }
}

/// Whether a character shows nothing: zero-width characters, direction marks, variation selectors, tags.
pub(crate) fn is_unseen(character: char) -> bool {
    fold::is_invisible(character)
}

/// Whether a character is a mark that stands on the one before it, of the blocks that are put on Latin letters.
pub(crate) fn is_mark(character: char) -> bool {
    fold::is_mark(character)
}

/// The plain dash, space or line end that an odd one stands for.
pub(crate) fn dash_or_space(character: char) -> Option<u8> {
    fold::dash_or_space(character)
}

/// The ASCII digit of the same value as a digit of another script.
pub(crate) fn digit(character: char) -> Option<u8> {
    fold::digit(character)
}

/// Whether a character belongs to a script that is written without spaces between words: Han, kana, Thai, Lao,
/// Myanmar, Khmer (Unicode 15, Blocks.txt).
pub(crate) fn is_unspaced(character: char) -> bool {
    matches!(character,
        '\u{0E01}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}' | '\u{3041}'..='\u{30FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}')
}

#[cfg(test)]
mod tests;

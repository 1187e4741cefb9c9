//! The plain reading: what a person sees.
//!
//! Compatibility forms become what they stand for (NFKC: full-width, mathematical and enclosed letters, ligatures), digits
//! of all scripts ASCII ones, odd spaces a space, odd hyphens `-`. What is invisible goes. Accents stay where they make a
//! letter of a language, and go where they are piled up. A look-alike of another script becomes the Latin letter where the
//! word is otherwise Latin, or where the text is: a Russian text stays Russian.

use std::borrow::Cow;

use unicode_normalization::char::{compose, decompose_compatible};

use super::{Map, Reading, Way, Writer, confusable};
use crate::view;

/// How many marks one letter may carry: Vietnamese has two.
const MARKS_MAX: usize = 2;

/// What becomes of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plain {
    /// It stays.
    Same,
    /// It goes.
    Nothing,
    /// It is a mark on the letter before it.
    Mark,
    /// It looks like a Latin letter.
    LooksLike(char),
    /// It is another form of others.
    Other,
}

fn plain(character: char) -> Plain {
    if is_settled(character) {
        return Plain::Same;
    }
    if view::is_unseen(character) {
        return Plain::Nothing;
    }
    if view::is_mark(character) {
        return Plain::Mark;
    }
    if confusable::is_candidate(character)
        && let Some(latin) = confusable::latin(character)
    {
        return Plain::LooksLike(latin);
    }
    if simple(character).is_some() {
        return Plain::Other;
    }
    let mut parts = 0;
    let mut first = character;
    decompose_compatible(character, |part| {
        if parts == 0 {
            first = part;
        }
        parts += 1;
    });
    if parts == 1 && first == character { Plain::Same } else { Plain::Other }
}

/// The ASCII sign or digit that a character stands for. Dashes between words stay: they are typography.
fn simple(character: char) -> Option<u8> {
    view::dash_or_space(character).or_else(|| view::digit(character))
}

/// Blocks of letters that neither have other forms nor look like Latin ones: a short cut for texts in those scripts.
fn is_settled(character: char) -> bool {
    matches!(character,
        '\0'..='\u{7F}' | '\u{00C0}'..='\u{0130}' | '\u{0134}'..='\u{013E}' | '\u{0141}'..='\u{0148}' | '\u{014A}'..='\u{017E}'
        | '\u{05D0}'..='\u{05EA}' | '\u{0621}'..='\u{0652}' | '\u{0904}'..='\u{0939}' | '\u{093E}'..='\u{094D}'
        | '\u{0E01}'..='\u{0E32}' | '\u{0E34}'..='\u{0E4E}' | '\u{2013}'..='\u{2014}' | '\u{2018}'..='\u{201E}' | '\u{3001}' | '\u{3002}'
        | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FA}' | '\u{30FC}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7A3}' | '\u{1F300}'..='\u{1FAFF}')
}

pub(super) fn read(source: &str) -> Reading<'_> {
    let same = || Reading::found(Cow::Borrowed(source), Map::default(), Way::Plain);
    if source.is_ascii() {
        return same();
    }
    let is_latin = Script::of(source).is_latin();
    let Some(first) = first_change(source, is_latin) else { return same() };
    let mut writer = Writer::new(source, first);
    let mut word = Word::default();
    let mut marks = 0;
    for (offset, character) in source.get(first..).unwrap_or_default().char_indices() {
        let at = first + offset;
        if character.is_ascii() {
            writer.copy(character, at);
            marks = 0;
            continue;
        }
        let end = at + character.len_utf8();
        match plain(character) {
            Plain::Same => {
                writer.copy(character, at);
                marks = 0;
            }
            Plain::Nothing => {}
            Plain::Mark => {
                marks += 1;
                mark(&mut writer, character, at, marks);
            }
            Plain::LooksLike(latin) => {
                marks = 0;
                if word.folds(source, at, is_latin) {
                    writer.put(latin, at..end);
                } else {
                    writer.copy(character, at);
                }
            }
            Plain::Other => {
                marks = 0;
                match simple(character) {
                    Some(letter) => writer.put(char::from(letter), at..end),
                    None => other(&mut writer, character, at..end),
                }
            }
        }
    }
    writer.done(Way::Plain)
}

/// Where the first character stands that does not stay; whole words at once, since a word folds as a whole.
fn first_change(source: &str, is_latin: bool) -> Option<usize> {
    let mut word = Word::default();
    for (at, character) in source.char_indices() {
        if character.is_ascii() {
            continue;
        }
        match plain(character) {
            Plain::Same => {}
            Plain::LooksLike(_) if !word.folds(source, at, is_latin) => {}
            // A mark may join the letter before it.
            Plain::Mark => return Some(source.floor_char_boundary(at.saturating_sub(1))),
            Plain::Nothing | Plain::LooksLike(_) | Plain::Other => return Some(at),
        }
    }
    None
}

/// Puts a mark on the letter before it if the two make one, leaves it if its script wants it, and drops it elsewhere.
fn mark(writer: &mut Writer, mark: char, at: usize, marks: usize) {
    let Some(before) = writer.text.chars().next_back() else { return };
    if marks > MARKS_MAX {
        return;
    }
    if let Some(both) = compose(before, mark) {
        let Some((_, from)) = writer.take() else { return };
        writer.put(both, from..at + mark.len_utf8());
    } else if !before.is_ascii() && marks == 1 {
        writer.copy(mark, at);
    }
}

/// Writes what a compatibility form stands for, composed again.
fn other(writer: &mut Writer, character: char, source: std::ops::Range<usize>) {
    let mut held: Option<char> = None;
    decompose_compatible(character, |part| {
        held = Some(match held {
            None => part,
            Some(before) => compose(before, part).unwrap_or_else(|| {
                writer.put(before, source.clone());
                part
            }),
        });
    });
    if let Some(last) = held {
        writer.put(last, source);
    }
}

/// How many letters of a text are of which kind.
#[derive(Default)]
struct Script {
    latin: usize,
    other: usize,
}

impl Script {
    fn of(text: &str) -> Self {
        let mut script = Self::default();
        for character in text.chars() {
            if character.is_ascii() {
                script.latin += usize::from(character.is_ascii_alphabetic());
            } else if is_foreign(character) {
                script.other += 1;
            }
        }
        script
    }

    /// Whether it is a Latin text, apart from letters that only look so.
    fn is_latin(&self) -> bool {
        self.latin > 0 && self.other * 4 <= self.latin
    }
}

/// Whether a character is a letter that does not look like a Latin one.
fn is_foreign(character: char) -> bool {
    if confusable::is_candidate(character) {
        return confusable::latin(character).is_none();
    }
    character > '\u{24F}' && character.is_alphabetic()
}

/// The last word that was looked at, so that each is looked at once.
#[derive(Default)]
struct Word {
    start: usize,
    end: usize,
    folds: bool,
}

impl Word {
    /// Whether the look-alikes of the word that holds the character at `at` become Latin: if all its other letters are
    /// Latin and there is one, or if the whole text is.
    fn folds(&mut self, source: &str, at: usize, is_latin: bool) -> bool {
        if (self.start..self.end).contains(&at) {
            return self.folds;
        }
        // A word starts after the last one that was looked at, so that no byte is read twice.
        let behind = source.get(self.end.min(at)..at).unwrap_or_default();
        let start = at - behind.chars().rev().take_while(|c| is_part(*c)).map(char::len_utf8).sum::<usize>();
        let mut end = start;
        let (mut latin, mut other) = (0, 0);
        for character in source.get(start..).unwrap_or_default().chars().take_while(|c| is_part(*c)) {
            end += character.len_utf8();
            if character.is_ascii_alphabetic() {
                latin += 1;
            } else if is_foreign(character) {
                other += 1;
            }
        }
        let folds = other == 0 && (latin > 0 || is_latin);
        *self = Self { start, end: end.max(at + 1), folds };
        folds
    }
}

fn is_part(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(character, '\u{0386}'..='\u{0481}' | '\u{048A}'..='\u{0556}')
        || !character.is_ascii() && is_part_of_word(character)
}

fn is_part_of_word(character: char) -> bool {
    character.is_alphanumeric() || view::is_unseen(character) || view::is_mark(character)
}

//! Letters in the form that the vocabulary knows: one code point becomes none, one or several.
//!
//! The table is the model's own (NFKC with the changes of SentencePiece's `nmt_nfkc`: control characters vanish, every kind of
//! space is a space). Code points are looked up one at a time, in pages of 256; nothing is composed over several.

use crate::error::ModelError;
use crate::file::TensorFile;

/// The most code points that change. Source: our choice; `nmt_nfkc` changes 4,837.
const CHANGES_MAX: usize = 1 << 16;
/// What a code point becomes at most. Source: Unicode, whose longest compatibility mapping (U+FDFA) has 18.
const LETTERS_MAX: usize = 32;
const PAGE: usize = 256;
const PAGES: usize = 0x11_0000 / PAGE;

/// The table of replacements.
#[derive(Debug)]
pub(super) struct Normaliser {
    /// For each 256 code points, which page of `entries` is theirs. Page 0 changes nothing.
    pages: Vec<u16>,
    /// For each code point of a page, 0 for no change, else one more than its index in `spans`.
    entries: Vec<u32>,
    spans: Vec<(u32, u32)>,
    letters: Vec<char>,
}

impl Normaliser {
    pub(super) fn read(file: &TensorFile) -> Result<Normaliser, ModelError> {
        let changes = file.length("normaliser.from", CHANGES_MAX)?;
        let from = file.counts("normaliser.from", &[changes])?;
        let offsets = file.counts("normaliser.offsets", &[changes + 1])?;
        let letters = file.length("normaliser.to", CHANGES_MAX * LETTERS_MAX)?;
        let letters: Option<Vec<char>> =
            file.counts("normaliser.to", &[letters])?.into_iter().map(char::from_u32).collect();
        let letters =
            letters.ok_or_else(|| ModelError::tensor("normaliser.to", "has a number that is no character"))?;

        let mut table =
            Normaliser { pages: vec![0; PAGES], entries: vec![0; PAGE], spans: Vec::with_capacity(changes), letters };
        let mut before = None;
        for (index, (code, place)) in (1_u32..).zip(from.into_iter().zip(offsets.windows(2))) {
            let rises = before.is_none_or(|before| before < code);
            let letter = char::from_u32(code).filter(|_| rises);
            let letter =
                letter.ok_or_else(|| ModelError::tensor("normaliser.from", "is no rising list of characters"))?;
            before = Some(code);
            let &[start, end] = place else { continue };
            let places = table.letters.get(start as usize..end as usize);
            if places.is_none_or(|letters| letters.len() > LETTERS_MAX) {
                return Err(ModelError::tensor("normaliser.offsets", "has a place outside the letters or too long"));
            }
            table.spans.push((start, end));
            table.set(letter, index);
        }
        Ok(table)
    }

    /// What `letter` becomes, if it changes.
    pub(super) fn replacement(&self, letter: char) -> Option<&[char]> {
        let code = letter as usize;
        let page = usize::from(*self.pages.get(code / PAGE)?);
        let entry = *self.entries.get(page * PAGE + code % PAGE)?;
        let (start, end) = *self.spans.get((entry as usize).checked_sub(1)?)?;
        self.letters.get(start as usize..end as usize)
    }

    fn set(&mut self, letter: char, index: u32) {
        let code = letter as usize;
        let Some(page) = self.pages.get_mut(code / PAGE) else { return };
        if *page == 0 {
            // 4,352 pages at most: there are no more to point to.
            *page = u16::try_from(self.entries.len() / PAGE).unwrap_or(0);
            self.entries.resize(self.entries.len() + PAGE, 0);
        }
        if let Some(entry) = self.entries.get_mut(usize::from(*page) * PAGE + code % PAGE) {
            *entry = index;
        }
    }
}

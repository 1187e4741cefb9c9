//! A text as the encoder reads it.

use std::ops::Range;

/// The pieces of a text, in their order.
///
/// The two lists are of the same length. Ranges lie on character boundaries; their starts never fall and neither do their
/// ends. They cover the text: what the tokenizer drops (control characters, spaces beyond the first) belongs to the
/// piece after it, or to the last one. A range may be empty (the mark before a word that stands at the very start), and two
/// may share a character that turned into several (`㎏`). A text of nothing but spaces has no tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// The number of each piece in the model's vocabulary.
    pub ids: Vec<u32>,
    /// The bytes of the text that each piece stands for.
    pub ranges: Vec<Range<usize>>,
}

impl Tokens {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

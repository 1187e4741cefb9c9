//! D7: an answer that says the same again and again.
//!
//! **What it finds.** A piece of [`PIECE_CHARS`] characters that comes as often as the policy says, each time within
//! [`NEAR_CHARS`] characters of the last and without overlap.
//!
//! **Theory of operation.** A rolling hash stands for the last [`PIECE_CHARS`] characters; the hashes of the last
//! [`NEAR_CHARS`] places are kept. Code, tables, lists, headings, quotations and rules repeat for good reasons: a line that
//! begins like one is not looked at and begins counting anew, and so does a code fence, until it closes. How an answer is cut
//! into chunks makes no difference.
//!
//! **What it misses.** Chants within lists and code; chants with a longer period; chants that count every
//! few words.
//!
//! **Bounds.** Some 10 KB for an answer; constant time for a character.
//!
//! **Source.** gemini-cli's loop detection (`packages/core/src/services/loopDetectionService.ts`): pieces of 50 characters,
//! 10 times, reset by the same kinds of lines; as told in `spec/budgets-and-loops.md`.

use std::collections::{HashMap, VecDeque};

use super::keys::{Fingerprint, LoopKeys};

/// How long a piece is, in characters. Source: gemini-cli.
pub const PIECE_CHARS: usize = 50;
/// How near the same pieces stand, in characters. Source: our choice, five pieces; a sentence is shorter.
pub const NEAR_CHARS: usize = 250;
/// The fewest repeats that are a chant, whatever the policy says.
const REPEATS_MIN: u32 = 3;
/// How many characters at the start of a line say what it is: three digits, a dot and a space. Source: CommonMark 0.31.
const LEAD_CHARS_MAX: usize = 5;
/// The odd multiplier of the rolling hash. Source: Knuth's MMIX generator.
const FACTOR: u64 = 6_364_136_223_846_793_005;
/// What the character that leaves the piece was multiplied with.
const OLDEST: u64 = power(PIECE_CHARS);

/// Watches one answer.
#[derive(Debug, Clone)]
pub struct Chant {
    repeats: u32,
    line: Line,
    in_fence: bool,
    /// The characters of the piece, oldest first.
    piece: VecDeque<char>,
    hash: u64,
    /// How many characters were looked at.
    place: usize,
    /// The hashes of the last places, oldest first.
    recent: VecDeque<u64>,
    seen: HashMap<u64, Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Where it ended last.
    last: usize,
    /// Where it ended when it last counted.
    counted: usize,
    count: u32,
}

/// Where in a line we are.
#[derive(Debug, Clone)]
enum Line {
    /// At its start: these characters do not say yet what it is.
    Lead(String),
    Prose,
    /// A line of structure.
    Structure,
}

/// An answer chants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chanting {
    /// How often the piece came.
    pub count: u32,
    /// How many characters of prose there were until then, since the last structure.
    pub chars: usize,
}

impl Chanting {
    /// What to call it in an alert: chants of one key and model are of one kind, because no two have the same text.
    pub fn fingerprint(keys: &LoopKeys, key: wardbell_core::id::KeyId, model: &str) -> Fingerprint {
        keys.seal(&[b"chanting", key.as_bytes(), model.as_bytes()])
    }
}

impl Chant {
    /// Watches for a piece that comes so often; at least three times.
    pub fn new(repeats: u32) -> Self {
        Self {
            repeats: repeats.max(REPEATS_MIN),
            line: Line::Lead(String::new()),
            in_fence: false,
            piece: VecDeque::with_capacity(PIECE_CHARS),
            hash: 0,
            place: 0,
            recent: VecDeque::new(),
            seen: HashMap::new(),
        }
    }

    /// Goes on with the next text of the answer. Gives a chant as soon as there is one; the rest of the text is not looked
    /// at then.
    pub fn push(&mut self, text: &str) -> Option<Chanting> {
        text.chars().find_map(|letter| self.letter(letter))
    }

    fn letter(&mut self, letter: char) -> Option<Chanting> {
        if letter == '\n' {
            let line = std::mem::replace(&mut self.line, Line::Lead(String::new()));
            return match line {
                Line::Lead(lead) => lead.chars().chain([' ']).find_map(|letter| self.look(letter)),
                Line::Prose => self.look(' '),
                Line::Structure => None,
            };
        }
        match &mut self.line {
            Line::Structure => None,
            Line::Prose => self.look(letter),
            Line::Lead(lead) => {
                if lead.is_empty() && letter.is_whitespace() {
                    return None;
                }
                lead.push(letter);
                match kind(lead) {
                    Some(Lead::Fence) => {
                        self.in_fence = !self.in_fence;
                        self.structure();
                        None
                    }
                    Some(Lead::Structure) => {
                        self.structure();
                        None
                    }
                    Some(Lead::Prose) => {
                        let lead = std::mem::take(lead);
                        self.line = Line::Prose;
                        lead.chars().find_map(|letter| self.look(letter))
                    }
                    None => None,
                }
            }
        }
    }

    fn structure(&mut self) {
        self.line = Line::Structure;
        self.piece.clear();
        self.recent.clear();
        self.seen.clear();
        (self.hash, self.place) = (0, 0);
    }

    fn look(&mut self, letter: char) -> Option<Chanting> {
        if self.in_fence {
            return None;
        }
        self.place += 1;
        self.hash = self.hash.wrapping_mul(FACTOR).wrapping_add(u64::from(letter) + 1);
        self.piece.push_back(letter);
        if self.piece.len() > PIECE_CHARS {
            let oldest = self.piece.pop_front().map_or(0, |oldest| u64::from(oldest) + 1);
            self.hash = self.hash.wrapping_sub(oldest.wrapping_mul(OLDEST));
        }
        if self.piece.len() < PIECE_CHARS {
            return None;
        }
        self.recent.push_back(self.hash);
        if self.recent.len() > NEAR_CHARS
            && let Some(old) = self.recent.pop_front()
            && self.seen.get(&old).is_some_and(|seen| seen.last + NEAR_CHARS <= self.place)
        {
            self.seen.remove(&old);
        }
        let place = self.place;
        let seen = self.seen.entry(self.hash).or_insert(Seen { last: place, counted: place, count: 1 });
        seen.last = place;
        if place - seen.counted >= PIECE_CHARS {
            (seen.counted, seen.count) = (place, seen.count.saturating_add(1));
        }
        (seen.count >= self.repeats).then_some(Chanting { count: seen.count, chars: place })
    }
}

enum Lead {
    Fence,
    Structure,
    Prose,
}

/// What a line is that begins so; `None` where more must be seen.
fn kind(lead: &str) -> Option<Lead> {
    let mut letters = lead.chars();
    match letters.next()? {
        '|' | '#' | '>' | '=' => Some(Lead::Structure),
        mark @ ('`' | '~') => match (letters.next(), letters.next()) {
            (None, _) => None,
            (Some(second), None) if second == mark => None,
            (Some(second), Some(third)) if second == mark && third == mark => Some(Lead::Fence),
            _ => Some(Lead::Prose),
        },
        mark @ ('-' | '*' | '+' | '_') => match letters.next() {
            None => None,
            Some(' ' | '\t') => Some(Lead::Structure),
            Some(second) if second == mark => match letters.next() {
                None => None,
                Some(third) if third == mark => Some(Lead::Structure),
                Some(_) => Some(Lead::Prose),
            },
            Some(_) => Some(Lead::Prose),
        },
        '0'..='9' => {
            let rest = lead.trim_start_matches(|digit: char| digit.is_ascii_digit());
            match rest {
                "" | "." | ")" if lead.len() < LEAD_CHARS_MAX => None,
                ". " | ") " => Some(Lead::Structure),
                _ => Some(Lead::Prose),
            }
        }
        _ => Some(Lead::Prose),
    }
}

const fn power(exponent: usize) -> u64 {
    let mut power = 1_u64;
    let mut at = 0;
    while at < exponent {
        power = power.wrapping_mul(FACTOR);
        at += 1;
    }
    power
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chants(text: &str) -> bool {
        Chant::new(10).push(text).is_some()
    }

    #[test]
    fn an_answer_that_repeats_itself_is_found() {
        for text in [
            "I will check the file again. ".repeat(40),
            "Let me think about this problem one more time, because it is hard and I want to be right. ".repeat(15),
            "ha".repeat(300),
            "a".repeat(600),
            "Let me try again.\n".repeat(60),
            "Let me try again.\n\n".repeat(60),
            format!("A good start.\n\n```\nx = 1\n```\n{}", "And then the end came. ".repeat(40)),
            "再试一次，看看结果如何。".repeat(60),
            "**Note** this. ".repeat(60),
        ] {
            assert!(chants(&text), "{text}");
        }
    }

    #[test]
    fn an_answer_that_has_structure_or_variety_is_not() {
        let numbered = |start: &str, end: &str| (0..100).map(|n| format!("{start}{n}{end}")).collect::<String>();
        for text in [
            "I will check the file again. ".repeat(8),
            "- [ ] an item of a list that is always the same\n".repeat(60),
            "1. an item of a list that is always the same\n".repeat(60),
            "| a | b | c | the same row of a table again |\n".repeat(60),
            format!("```rust\n{}```\n", "    assert_eq!(value, expected, \"the same line\");\n".repeat(60)),
            "---\n".repeat(200),
            "========================================\n".repeat(60),
            "> quoted words that are always the same, over and over\n".repeat(60),
            "# The same heading, over and over, because it is a template\n".repeat(60),
            numbered("Chapter ", " tells of the king and his people. "),
            numbered("", "\n"),
            "0".repeat(200),
        ] {
            assert!(!chants(&text), "{text}");
        }
    }

    #[test]
    fn what_comes_again_far_away_is_no_chant() {
        let filler: Vec<String> =
            (0..12).map(|part| (0..80).map(|word| format!("w{part}x{word} ")).collect()).collect();
        let text: String = filler
            .iter()
            .map(|filler| format!("The refrain of the song is sung by all who are there. {filler}"))
            .collect();
        assert!(!chants(&text));
    }

    #[test]
    fn memory_is_bounded_however_long_an_answer_is() {
        let mut chant = Chant::new(10);
        for number in 0..20_000 {
            assert_eq!(chant.push(&format!("word{number} ")), None);
            assert!(chant.seen.len() <= NEAR_CHARS + 1 && chant.recent.len() <= NEAR_CHARS, "{}", chant.seen.len());
        }
    }

    proptest! {
        #[test]
        fn how_an_answer_is_cut_makes_no_difference(
            pieces in proptest::collection::vec("[a-b` \n|-]{0,12}|the same words again and again, my friend. ", 0..60),
            cuts in proptest::collection::vec(0_usize..2000, 0..20),
        ) {
            let text = pieces.concat();
            let whole = Chant::new(4).push(&text);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut % (text.len() + 1))).collect();
            cuts.sort_unstable();
            let mut chant = Chant::new(4);
            let mut found = None;
            let mut from = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                found = found.or_else(|| chant.push(text.get(from..cut).unwrap()));
                from = cut;
            }
            prop_assert_eq!(found, whole);
        }
    }
}

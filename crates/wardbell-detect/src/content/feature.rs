//! The features of a word: itself, and its runs of three to five letters.
//!
//! The runs weigh more in sum, so that two forms of one word are much alike. A function word has a small weight and no runs. A character of a script without spaces counts little on its own and much
//! together with its neighbour. Hashes are the same in every process: nothing random goes in.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use crate::view;

/// The letters of a word that features are made of; the rest of a longer word is left out.
const LETTERS_MAX: usize = 32;

/// The weight of a telling word itself.
const WORD_WEIGHT: f32 = 0.7;

/// The squares of the weights of all runs of a word's letters, in sum: more than the word's own, so that two forms of one
/// word are more alike than not.
const RUNS_ENERGY: f32 = 1.5;

/// The weight of a function word, where a telling one has 1.
const STOP_WEIGHT: f32 = 0.25;

/// The weight of one character of a script without spaces.
const CHARACTER_WEIGHT: f32 = 0.3;

/// The weight of a pair of telling words, in either order.
const PAIR_WEIGHT: f32 = 0.5;

/// The weight of a pair of characters of a script without spaces, in this order.
const CHARACTERS_WEIGHT: f32 = 1.0;

/// Function words of English, German, French, Spanish, Italian, Portuguese and Dutch, and the words of asking, which
/// say nothing about what is asked for. Accents are off and letters in lower case, as in the folded view.
const STOP: &str = "a about an and any are as at be been being but by can could did do does for from get give had has \
    have help how i if in into is it its just know let like may me might must my no not of on one or our out please \
    shall she should so some such tell than that the their them then there these they this those to us want was we \
    were what when where which who why will with without would you your he her him his i'm all also am because there's explain explained describe need i'd show say said want wants really also every \
    der die das den dem des ein eine einen einem einer und oder nicht ist sind war wie was wer wo ich du er sie es wir \
    ihr mich mir dich dir sich mit von zu zum zur auf fur im am an bei nach aus um als kann konnen man bitte \
    le la les un une des du de et ou est sont ce cette ces je tu il elle nous vous ils que qui quoi comment pour par \
    dans sur avec sans ne pas mon ma mes ton ta votre peux peut \
    el los las una unos unas y o es son que como para por con sin en de del al me te se mi tu su lo puedo puede \
    il lo gli i uno di da in con su per tra fra che chi cosa e sono mi ti si posso \
    os as um uma do dos das no na nos nas em com sem meu minha eu voce posso \
    het een van en of niet zijn hoe wat ik je jij hij zij wij met voor naar op te kan";

static STOP_HASHES: LazyLock<Hashes> = LazyLock::new(|| STOP.split_whitespace().map(hash).collect());

type Hashes = HashSet<u64, BuildHasherDefault<Plain>>;

/// A hasher for keys that are hashes already.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word that tells something.
    Telling,
    /// A function word.
    Stop,
    /// A character of a script without spaces.
    Character,
}

/// Where a token stands in the folded view, and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) hash: u64,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_character: bool,
}

impl Token {
    /// What the token is: the set of function words is asked once for each different word.
    pub(super) fn kind(&self) -> Kind {
        if self.is_character {
            Kind::Character
        } else if STOP_HASHES.contains(&self.hash) {
            Kind::Stop
        } else {
            Kind::Telling
        }
    }
}

/// FNV-1a's start value and prime (RFC 9923 section 5).
const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;
const HASH_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Spreads a hash over all its bits (the finisher of MurmurHash3, public domain).
fn mix(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash
}

fn step(hash: u64, character: char) -> u64 {
    (hash ^ u64::from(u32::from(character))).wrapping_mul(HASH_PRIME)
}

fn hash(word: &str) -> u64 {
    mix(word.chars().fold(HASH_START, step))
}

/// Calls `each` with every token of a folded text, in order.
pub(super) fn for_each(text: &str, mut each: impl FnMut(Token)) {
    let mut word: Option<(u64, usize)> = None;
    for (at, character) in text.char_indices() {
        let is_word = if character.is_ascii() {
            character.is_ascii_alphanumeric() || (character == '\'' && word.is_some())
        } else {
            character.is_alphanumeric()
        };
        let is_character = is_word && !character.is_ascii() && view::is_unspaced(character);
        if is_word && !is_character {
            let (hash, start) = word.unwrap_or((HASH_START, at));
            word = Some((step(hash, character), start));
            continue;
        }
        if let Some((hash, start)) = word.take() {
            each(Token { hash: mix(hash), start, end: at, is_character: false });
        }
        if is_character {
            let hash = mix(step(HASH_START, character));
            each(Token { hash, start: at, end: at + character.len_utf8(), is_character: true });
        }
    }
    if let Some((hash, start)) = word {
        each(Token { hash: mix(hash), start, end: text.len(), is_character: false });
    }
}

/// Calls `each` with the features of a word and their weights: first the word itself, then its runs of letters.
pub(super) fn of_word(kind: Kind, hash: u64, word: &str, mut each: impl FnMut(u64, f32)) {
    match kind {
        Kind::Stop => return each(hash, STOP_WEIGHT),
        Kind::Character => return each(hash, CHARACTER_WEIGHT),
        Kind::Telling => each(hash, WORD_WEIGHT),
    }
    let mut letters = ['\0'; LETTERS_MAX + 2];
    let mut count = 1;
    for (slot, letter) in letters.iter_mut().skip(1).zip(word.chars().take(LETTERS_MAX)) {
        *slot = letter;
        count += 1;
    }
    // The zero at either end marks where the word starts and ends.
    let letters = letters.get(..=count).unwrap_or_default();
    let runs: usize = (3..=5).map(|length| (letters.len() + 1).saturating_sub(length)).sum();
    let weight = (RUNS_ENERGY / runs.max(1) as f32).sqrt();
    for length in 3_usize..=5 {
        for run in letters.windows(length) {
            let hash = run.iter().fold(HASH_START ^ length as u64, |hash, letter| step(hash, *letter));
            // The lowest bit keeps runs and words apart.
            each(mix(hash) ^ 0x5bd1_e995, weight);
        }
    }
}

/// The feature of two neighbours, if they make one, and its weight.
pub(super) fn of_pair(before: (Kind, u64), now: (Kind, u64)) -> Option<(u64, f32)> {
    match (before.0, now.0) {
        (Kind::Telling, Kind::Telling) => {
            let (low, high) = (before.1.min(now.1), before.1.max(now.1));
            Some((mix(low.rotate_left(17) ^ high), PAIR_WEIGHT))
        }
        (Kind::Character, Kind::Character) => {
            Some((mix(before.1.rotate_left(17).wrapping_add(now.1)), CHARACTERS_WEIGHT))
        }
        (Kind::Telling | Kind::Stop, Kind::Character)
        | (Kind::Character | Kind::Stop, _)
        | (Kind::Telling, Kind::Stop) => None,
    }
}

/// What the features of a word add up to: the square of the word's length as a vector.
pub(super) fn energy(kind: Kind) -> f32 {
    match kind {
        Kind::Telling => WORD_WEIGHT * WORD_WEIGHT + RUNS_ENERGY,
        Kind::Stop => STOP_WEIGHT * STOP_WEIGHT,
        Kind::Character => CHARACTER_WEIGHT * CHARACTER_WEIGHT,
    }
}

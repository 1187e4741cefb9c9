//! The features of a text: a bucket for each run of three to five symbols, each word, and each pair of words.
//!
//! Hashes are the same in every process and on every machine: the weights were fitted to them.

use std::sync::LazyLock;

use crate::linear::symbol::{self, STRIDE, Symbols};
use crate::view;

/// The number of buckets, as a power of two. Source: ours; a byte a bucket keeps the table at 1 MiB, near the size of the
/// second cache of a core.
pub const BUCKETS_LOG2: u32 = 20;

/// How many buckets there are.
pub const BUCKETS: usize = 1 << BUCKETS_LOG2;

/// How many symbols a block has; a window is two blocks. Source: ours; a window of 512 letters is about what 128 tokens of
/// the encoder are.
pub const BLOCK_SYMBOLS: usize = 256;

/// The multiplier of the rolling hashes: Knuth's for 64 bits (MMIX, The Art of Computer Programming 3.3.4).
const ROLL: u64 = 6_364_136_223_846_793_005;

/// One odd multiplier for each kind of feature, so that kinds do not share their collisions (the fractions of the golden
/// ratio and of the square roots of 2, 3, 5 and 7 in 64 bits).
const RUN_OF_3: u64 = 0x9e37_79b9_7f4a_7c15;
const RUN_OF_4: u64 = 0x6a09_e667_f3bc_c909;
const RUN_OF_5: u64 = 0xbb67_ae85_84ca_a73b;
const WORD: u64 = 0x3c6e_f372_fe94_f82b;
const PAIR: u64 = 0xa54f_f53a_5f1d_36f1;

/// Takes the features of a text.
pub trait Sink {
    /// Features of the block that is being read, each below [`BUCKETS`]; a block's come in one piece.
    fn features(&mut self, buckets: &[u32]);
    /// So many words, and how many of them are English function words.
    fn words(&mut self, _words: u64, _stops: u64) {}
    /// The block that is being read ends before the byte at `end`.
    fn block(&mut self, end: usize);
}

/// Reads a text. Every text has one block at least; a feature belongs to the block in which it ends.
pub fn read(text: &str, sink: &mut impl Sink) {
    let mut reader = Reader { page: Page::new(), words: Words::default(), last: 0, sink };
    symbol::read(text, &mut reader);
    let Reader { mut page, mut words, last: _, sink } = reader;
    // A space before the text and one after it mark where its words start and end.
    page.push(symbol::SPACE);
    page.turn(&mut words, sink);
    sink.block(text.len());
}

/// Gathers symbols into blocks.
struct Reader<'s, S> {
    page: Page,
    words: Words,
    /// The offset of the byte after the last symbol.
    last: usize,
    sink: &'s mut S,
}

impl<S: Sink> Symbols for Reader<'_, S> {
    #[inline]
    fn one(&mut self, symbol: u32, end: usize) {
        if self.page.room() == 0 {
            self.page.turn(&mut self.words, self.sink);
            self.sink.block(self.last);
        }
        self.last = end;
        self.page.push(symbol);
    }

    #[inline]
    fn takes_stride(&self) -> bool {
        self.page.room() >= STRIDE
    }

    #[inline]
    fn stride(&mut self, symbols: &[u8; STRIDE], end: usize) {
        self.last = end;
        self.page.push_stride(symbols);
    }
}

/// How many symbols before a block the longest run needs.
const BEFORE: usize = 4;

/// How many features a symbol can end: three runs, a word and the sign after it, and their pairs.
const FEATURES_EACH: usize = 7;

/// The symbols of a block, after the last ones of the block before. Symbols are gathered first and hashed in one loop without
/// branches: that is twice as fast as hashing each as it comes.
struct Page {
    symbols: [u32; BEFORE + BLOCK_SYMBOLS + 1],
    /// How many stand there, and how many of those belong to the block before.
    filled: usize,
    carried: usize,
    buckets: [u32; FEATURES_EACH * (BLOCK_SYMBOLS + 1)],
}

impl Page {
    fn new() -> Self {
        let mut page = Self {
            symbols: [symbol::SPACE; BEFORE + BLOCK_SYMBOLS + 1],
            filled: 0,
            carried: 0,
            buckets: [0; FEATURES_EACH * (BLOCK_SYMBOLS + 1)],
        };
        page.push(symbol::SPACE);
        page.carried = 1;
        page
    }

    /// How many symbols of the block are still to come.
    #[inline]
    fn room(&self) -> usize {
        (self.carried + BLOCK_SYMBOLS).saturating_sub(self.filled)
    }

    #[inline]
    fn push(&mut self, symbol: u32) {
        if let Some(place) = self.symbols.get_mut(self.filled) {
            *place = symbol;
            self.filled += 1;
        }
    }

    #[inline]
    fn push_stride(&mut self, symbols: &[u8; STRIDE]) {
        let places = self.symbols.get_mut(self.filled..).and_then(|rest| rest.first_chunk_mut::<STRIDE>());
        if let Some(places) = places {
            *places = symbols.map(u32::from);
            self.filled += STRIDE;
        }
    }

    /// Tells the features of the block and makes room for the next.
    fn turn(&mut self, words: &mut Words, sink: &mut impl Sink) {
        let symbols = self.symbols.get(..self.filled).unwrap_or_default();
        let runs = runs(symbols, self.carried, &mut self.buckets);
        let fresh = symbols.get(self.carried..).unwrap_or_default();
        let rest = self.buckets.get_mut(runs..).unwrap_or_default();
        let Said { features, words, stops } = words.read(fresh, rest);
        sink.features(self.buckets.get(..runs + features).unwrap_or_default());
        sink.words(words, stops);
        let kept = self.filled.min(BEFORE);
        self.symbols.copy_within(self.filled - kept..self.filled, 0);
        (self.filled, self.carried) = (kept, kept);
    }
}

/// Hashes the runs of three to five symbols that end at `first` or later, and returns how many there are.
fn runs(symbols: &[u32], first: usize, buckets: &mut [u32]) -> usize {
    let (before, fresh) = symbols.split_at(first.min(symbols.len()));
    let mut rolling = Rolling::default();
    for symbol in before {
        rolling.push(*symbol);
    }
    // The first symbols of a text have less before them than the longest run.
    let early = BEFORE.saturating_sub(first).min(fresh.len());
    let (early, fresh) = fresh.split_at(early);
    let mut count = 0;
    for (symbol, place) in early.iter().zip(first..) {
        let [three, four, _] = rolling.push(*symbol);
        for bucket in [(place >= 2).then_some(three), (place >= 3).then_some(four)].into_iter().flatten() {
            if let Some(slot) = buckets.get_mut(count) {
                *slot = bucket;
                count += 1;
            }
        }
    }
    let (slots, _) = buckets.get_mut(count..).unwrap_or_default().as_chunks_mut::<3>();
    for (slot, symbol) in slots.iter_mut().zip(fresh) {
        *slot = rolling.push(*symbol);
    }
    count + 3 * fresh.len()
}

/// The hashes of the runs that end at the last symbol: of one symbol to four.
#[derive(Default)]
struct Rolling([u64; 4]);

impl Rolling {
    /// Goes on with a symbol and returns the buckets of the runs of three, four and five that end with it.
    #[inline]
    fn push(&mut self, symbol: u32) -> [u32; 3] {
        let symbol = u64::from(symbol) + 1;
        let longer = |run: u64| run.wrapping_mul(ROLL).wrapping_add(symbol);
        let [one, two, three, four] = self.0;
        let five = longer(four);
        self.0 = [symbol, longer(one), longer(two), longer(three)];
        let [_, _, three, four] = self.0;
        [bucket(three, RUN_OF_3), bucket(four, RUN_OF_4), bucket(five, RUN_OF_5)]
    }
}

/// The word that is being read and the one before it.
#[derive(Default)]
struct Words {
    word: u64,
    before: u64,
}

/// What [`Words::read`] found.
#[derive(Default)]
struct Said {
    /// How many buckets it wrote.
    features: usize,
    words: u64,
    stops: u64,
}

impl Words {
    /// Goes on with these symbols and writes the buckets of the words that end in them.
    fn read(&mut self, symbols: &[u32], buckets: &mut [u32]) -> Said {
        let mut said = Said::default();
        for &symbol in symbols {
            match kind(symbol) {
                Kind::Letter => self.word = self.word.wrapping_mul(ROLL).wrapping_add(u64::from(symbol) + 1),
                Kind::Between => self.end(buckets, &mut said),
                Kind::Alone => {
                    self.end(buckets, &mut said);
                    self.word = u64::from(symbol) + 1;
                    self.end(buckets, &mut said);
                }
            }
        }
        said
    }

    #[inline]
    fn end(&mut self, buckets: &mut [u32], said: &mut Said) {
        if self.word == 0 {
            return;
        }
        let pair = bucket(self.before.rotate_left(23) ^ self.word.wrapping_mul(ROLL), PAIR);
        for bucket in [Some(bucket(self.word, WORD)), (self.before != 0).then_some(pair)].into_iter().flatten() {
            if let Some(slot) = buckets.get_mut(said.features) {
                *slot = bucket;
                said.features += 1;
            }
        }
        said.words += 1;
        said.stops += u64::from(STOPS.contains(self.word));
        (self.before, self.word) = (self.word, 0);
    }
}

/// The commonest English function words. Source: ours, after any list of word frequencies.
const STOP_WORDS: &str = "the of and to in is that for it as was with be by on not he his but at are this have from or had an \
    they which you were all we when there can her has been if more will would who so no my your i a me do what how please";

static STOPS: LazyLock<Stops> = LazyLock::new(Stops::new);

/// Hashes of words, each in the place that its last bits name or in one of the next.
struct Stops([u64; 256]);

impl Stops {
    fn new() -> Self {
        let mut table = [0; 256];
        for word in STOP_WORDS.split_whitespace() {
            let hash = word.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(ROLL).wrapping_add(u64::from(byte) + 1));
            let free = places(hash).find(|place| table.get(*place) == Some(&0));
            if let Some(slot) = free.and_then(|place| table.get_mut(place)) {
                *slot = hash;
            }
        }
        Self(table)
    }

    #[inline]
    fn contains(&self, word: u64) -> bool {
        places(word).map_while(|place| self.0.get(place).filter(|known| **known != 0)).any(|known| *known == word)
    }
}

#[inline]
fn places(hash: u64) -> impl Iterator<Item = usize> {
    let [.., first] = (hash ^ (hash >> 32)).to_be_bytes();
    (0..8).map(move |step| (usize::from(first) + step) & 0xff)
}

enum Kind {
    /// Part of a word.
    Letter,
    /// Between words.
    Between,
    /// A word of one character.
    Alone,
}

#[inline]
fn kind(symbol: u32) -> Kind {
    if symbol < 0x80 {
        return if matches!(symbol, 0x30 | 0x61..=0x7a) { Kind::Letter } else { Kind::Between };
    }
    match char::from_u32(symbol) {
        Some(character) if view::is_unspaced(character) => Kind::Alone,
        Some(character) if character.is_alphanumeric() => Kind::Letter,
        _ => Kind::Between,
    }
}

#[inline]
fn bucket(hash: u64, spread: u64) -> u32 {
    // 20 bits fit in 32.
    ((hash ^ (hash >> 29)).wrapping_mul(spread) >> (64 - BUCKETS_LOG2)) as u32
}

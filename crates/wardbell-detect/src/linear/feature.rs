//! The features of a text: a bucket for each run of three to five symbols, each word, and each pair of words.
//!
//! Hashes are the same in every process and on every machine: the weights were fitted to them.

use std::sync::LazyLock;

use crate::linear::symbol;
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
    /// A feature of the block that is being read, below [`BUCKETS`].
    fn feature(&mut self, bucket: u32);
    /// A word, and whether it is an English function word.
    fn word(&mut self, _is_stop: bool) {}
    /// The block that is being read ends before the byte at `end`.
    fn block(&mut self, end: usize);
}

/// Reads a text. Every text has one block at least; a feature belongs to the block in which it ends.
pub fn read(text: &str, sink: &mut impl Sink) {
    let mut rolling = Rolling::default();
    let mut words = Words::default();
    let mut symbols = 0;
    let mut last = 0;
    // A space before the text and one after it mark where its words start and end.
    rolling.push(symbol::SPACE, sink);
    symbol::read(text, |symbol, end| {
        if symbols == BLOCK_SYMBOLS {
            sink.block(last);
            symbols = 0;
        }
        symbols += 1;
        last = end;
        rolling.push(symbol, sink);
        words.push(symbol, sink);
    });
    rolling.push(symbol::SPACE, sink);
    words.push(symbol::SPACE, sink);
    sink.block(text.len());
}

/// The hashes of the runs that end at the last symbol.
#[derive(Default)]
struct Rolling {
    /// Of one symbol to four.
    runs: [u64; 4],
    /// How many symbols came, up to five.
    seen: u8,
}

impl Rolling {
    #[inline]
    fn push(&mut self, symbol: u32, sink: &mut impl Sink) {
        let symbol = u64::from(symbol) + 1;
        let [one, two, three, four] = self.runs;
        let longer = |run: u64| run.wrapping_mul(ROLL).wrapping_add(symbol);
        let five = longer(four);
        self.runs = [symbol, longer(one), longer(two), longer(three)];
        if self.seen < 5 {
            self.seen += 1;
        }
        if self.seen >= 3 {
            sink.feature(bucket(self.runs[2], RUN_OF_3));
        }
        if self.seen >= 4 {
            sink.feature(bucket(self.runs[3], RUN_OF_4));
        }
        if self.seen >= 5 {
            sink.feature(bucket(five, RUN_OF_5));
        }
    }
}

/// The word that is being read and the one before it.
#[derive(Default)]
struct Words {
    word: u64,
    before: u64,
}

impl Words {
    #[inline]
    fn push(&mut self, symbol: u32, sink: &mut impl Sink) {
        match kind(symbol) {
            Kind::Letter => self.word = self.word.wrapping_mul(ROLL).wrapping_add(u64::from(symbol) + 1),
            Kind::Between => self.end(sink),
            Kind::Alone => {
                self.end(sink);
                self.word = u64::from(symbol) + 1;
                self.end(sink);
            }
        }
    }

    #[inline]
    fn end(&mut self, sink: &mut impl Sink) {
        if self.word == 0 {
            return;
        }
        sink.feature(bucket(self.word, WORD));
        sink.word(STOPS.contains(self.word));
        if self.before != 0 {
            sink.feature(bucket(self.before.rotate_left(23) ^ self.word.wrapping_mul(ROLL), PAIR));
        }
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

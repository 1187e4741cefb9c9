//! How fast a scan is, in bytes per second: `cargo bench -p wardbell-detect`.
//!
//! Clean text is what nearly every request holds; the target is 8 µs a KB or less (125 MB/s). The hostile texts show
//! what an attacker can buy: 1 ms a KB (1 MB/s) is the promise.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use wardbell_detect::engine::{Engine, EngineSettings};

/// One paragraph of ordinary prose, a little over 1 KB.
const PROSE: &str = "The committee met on Tuesday 14 March to look at the plans for the new reading room. Everyone agreed that \
the light is better on the north side, but the budget of 240,000 leaves little for shelves. Could you write a short summary \
of the main arguments and list what is still open? Please keep the tone friendly; the readers are volunteers who give their \
evenings to the library. One of them asked whether the old card catalogue could stay in the hall. Nobody had a good answer. \
The architect will show three drafts by the end of the month, and the group can vote by show of hands, as it always does. \
If the first draft is too expensive, we return to the plan of 2019, which needed only two rooms and a ramp. Remember that \
the instructions for the fire doors changed last year; the previous ones no longer hold. In the end it is a question of \
what people want from a library now: a quiet place to read, or a loud place to meet. Both, said the chair, and everybody \
laughed. Then the meeting closed at half past nine and the lights went out one by one along the corridor.";

/// The size of the long texts.
const LONG_BYTES: usize = 100_000;

fn main() {
    divan::main();
}

/// A named text and how to make it.
struct Sample {
    name: &'static str,
    text: fn() -> String,
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const SAMPLES: &[Sample] = &[
    Sample { name: "clean prose 1 KB", text: || PROSE.chars().take(1024).collect() },
    Sample { name: "clean prose 100 KB", text: || fill(PROSE) },
    Sample {
        name: "non-ASCII prose",
        text: || fill("Die Straße über den Fluß — schön – ist länger als „geplant“, sagte Zoë. "),
    },
    Sample {
        name: "Chinese prose",
        text: || fill("委员会于星期二开会，讨论新阅览室的计划。大家都同意北面的光线更好。"),
    },
    Sample {
        name: "PII-dense",
        text: || {
            fill("Bob Gray, bob.gray@example.com, 536-22-8726, card 4111 1111 1111 1111, DE89370400440532013000; ")
        },
    },
    Sample { name: "random digits", text: || random(b"0123456789") },
    Sample { name: "random digits and separators", text: || random(b"0123456789 -.") },
    Sample { name: "random hex", text: || random(b"0123456789abcdef") },
    Sample {
        name: "random base64",
        text: || random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
    },
    Sample { name: "flood `sk-`", text: || fill("sk-") },
    Sample { name: "flood `ignore `", text: || fill("ignore ") },
    Sample { name: "flood `ignore all of the `", text: || fill("ignore all of the ") },
    Sample { name: "flood `you have no `", text: || fill("you have no ") },
    Sample { name: "flood `rules `", text: || fill("rules ") },
    Sample { name: "flood `repeat all of the `", text: || fill("repeat all of the ") },
    Sample { name: "flood `developer mode `", text: || fill("developer mode ") },
    Sample { name: "flood `a@b.co `", text: || fill("a@b.co ") },
    Sample { name: "flood `-----BEGIN PRIVATE KEY-----`", text: || fill("-----BEGIN PRIVATE KEY-----") },
    Sample { name: "flood full-width digits", text: || fill("４") },
];

#[divan::bench(args = SAMPLES)]
fn scan(bencher: Bencher<'_, '_>, sample: &Sample) {
    let engine = Engine::new(&EngineSettings::default()).unwrap_or_else(|error| unreachable!("{error}"));
    let text = (sample.text)();
    bencher.counter(BytesCount::of_str(&text)).bench(|| engine.scan(black_box(&text)).len());
}

#[divan::bench]
fn build() -> Option<Engine> {
    Engine::new(&EngineSettings::default()).ok()
}

fn fill(piece: &str) -> String {
    piece.repeat(LONG_BYTES / piece.len() + 1)
}

/// Letters drawn by a xorshift generator with a fixed seed, so that runs compare.
fn random(letters: &[u8]) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..LONG_BYTES)
        .filter_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            letters.get(usize::try_from(state).unwrap_or(0) % letters.len()).map(|letter| char::from(*letter))
        })
        .collect()
}

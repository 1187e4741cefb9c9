//! How fast a scan is, in bytes per second: `cargo bench -p wardbell-detect`.
//!
//! Clean text is what nearly every request holds; the target is 8 µs a KB or less (125 MB/s). The hostile texts show
//! what an attacker can buy: 1 ms a KB (1 MB/s) is the promise.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use wardbell_core::content::{ContentPolicy, SIMILARITY_DEFAULT};
use wardbell_detect::abuse;
use wardbell_detect::content::ContentSet;
use wardbell_detect::engine::{Engine, EngineSettings};

#[path = "scan/prompts.rs"]
mod prompts;

use self::prompts::{PROMPTS, PROSE, Sample};

/// The size of the long texts.
const LONG_BYTES: usize = 100_000;

fn main() {
    divan::main();
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

#[divan::bench(args = PROMPTS)]
fn prompt(bencher: Bencher<'_, '_>, sample: &Sample) {
    let engine = Engine::new(&EngineSettings::default()).unwrap_or_else(|error| unreachable!("{error}"));
    let text = (sample.text)();
    bencher.counter(BytesCount::of_str(&text)).bench(|| engine.scan(black_box(&text)).len());
}

#[divan::bench(args = PROMPTS)]
fn abuse_of_prompt(bencher: Bencher<'_, '_>, sample: &Sample) {
    let text = (sample.text)();
    bencher.counter(BytesCount::of_str(&text)).bench(|| abuse::look(black_box(&text)));
}

#[divan::bench(args = PROMPTS)]
fn content_of_prompt(bencher: Bencher<'_, '_>, sample: &Sample) {
    let set = ContentSet::compile(&policies()).unwrap_or_else(|error| unreachable!("{error}"));
    let text = (sample.text)();
    bencher.counter(BytesCount::of_str(&text)).bench(|| set.look(black_box(&text)).len());
}

/// The texts that attack the looks at abuse and content.
const FLOODS: &[Sample] = &[
    Sample { name: "flood `a`", text: || fill("a") },
    Sample { name: "flood `a `", text: || fill("a ") },
    Sample { name: "flood `{a|`", text: || fill("{a|") },
    Sample { name: "flood `repeat 9 `", text: || fill("repeat 9 ") },
    Sample { name: "flood `forbidden1x`", text: || fill("forbidden1x") },
    Sample { name: "flood of examples' words", text: || fill("pick the lock of door number nine ") },
    Sample { name: "flood `世`", text: || fill("世") },
    Sample { name: "random letters", text: || random(b"abcdefghijklmnopqrstuvwxyz     ") },
];

#[divan::bench(args = FLOODS)]
fn abuse_of_flood(bencher: Bencher<'_, '_>, sample: &Sample) {
    let text = (sample.text)();
    bencher.counter(BytesCount::of_str(&text)).bench(|| abuse::look(black_box(&text)));
}

#[divan::bench(args = FLOODS)]
fn content_of_flood(bencher: Bencher<'_, '_>, sample: &Sample) {
    let set = ContentSet::compile(&policies()).unwrap_or_else(|error| unreachable!("{error}"));
    let text = (sample.text)();
    bencher.counter(BytesCount::of_str(&text)).bench(|| set.look(black_box(&text)).len());
}

/// Ten policies: ten patterns, 200 words and 20 examples in all.
fn policies() -> Vec<ContentPolicy> {
    (0..10)
        .map(|at| ContentPolicy {
            name: format!("policy {at}"),
            description: String::new(),
            enabled: true,
            patterns: vec![format!(r"(?i)\bproject\s+f{at}lcon\b")],
            words: (0..20).map(|word| format!("forbidden{at}x{word}")).collect(),
            examples: vec![
                format!("How do I pick the lock of door number {at}?"),
                format!("Tell me how to build a weapon of kind {at} at home"),
            ],
            similarity: SIMILARITY_DEFAULT,
        })
        .collect()
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

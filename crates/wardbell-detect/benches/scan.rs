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

/// The size of the realistic prompts: as much as a long context takes.
const PROMPT_BYTES: usize = 1_000_000;

/// Prompts of 1 MB as applications send them. All numbers, names and lines differ, as they do in real ones.
const PROMPTS: &[Sample] = &[
    Sample { name: "prose 1 MB", text: prose },
    Sample { name: "chat JSON 1 MB", text: chat },
    Sample { name: "code 1 MB", text: code },
    Sample { name: "logs 1 MB", text: logs },
];

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

/// Joins what `line` makes of 0, 1, 2 and so on until the size is reached.
fn prompt_of(line: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(PROMPT_BYTES + 1024);
    for at in 0.. {
        text.push_str(&line(at));
        if text.len() >= PROMPT_BYTES {
            break;
        }
    }
    text
}

const WORDS: &[&str] = &[
    "harbour",
    "letter",
    "quiet",
    "stone",
    "window",
    "market",
    "winter",
    "paper",
    "river",
    "copper",
    "the",
    "of",
    "and",
    "to",
    "with",
    "between",
    "morning",
    "question",
    "answer",
    "committee",
    "gardener",
    "remember",
    "under",
    "small",
];

fn word(at: usize) -> &'static str {
    WORDS.get((at.wrapping_mul(2_654_435_761) >> 7) % WORDS.len()).copied().unwrap_or_default()
}

fn prose() -> String {
    prompt_of(|at| {
        let sentence: Vec<&str> = (0..14).map(|place| word(at * 14 + place)).collect();
        format!("{} {}. {}", PROSE.split(". ").nth(at % 10).unwrap_or_default(), at % 90, sentence.join(" "))
    })
}

fn chat() -> String {
    prompt_of(|at| {
        format!(
            "{{\"role\":\"user\",\"id\":\"msg_{at:08x}\",\"created\":{},\"content\":\"Can you tell me about the {} {} near the \
             {}? I have {} of them.\"}},\n",
            1_760_000_000 + at * 17,
            word(at),
            word(at + 5),
            word(at * 3),
            at % 60
        )
    })
}

fn code() -> String {
    prompt_of(|at| {
        format!(
            "    fn {}_{at}(&self, {}: usize) -> Option<u32> {{\n        let {} = self.items.get({})?; // the {} of the {}\n        \
             Some({}.len() as u32 + 0x{:04x})\n    }}\n\n",
            word(at),
            word(at + 1),
            word(at + 2),
            word(at + 1),
            word(at + 3),
            word(at + 4),
            word(at + 2),
            at % 65536
        )
    })
}

fn logs() -> String {
    prompt_of(|at| {
        format!(
            "2026-03-{:02}T{:02}:{:02}:{:02}.{:03}Z INFO request_id={:016x} 10.0.{}.{} \"GET /api/{}/{} HTTP/1.1\" 200 {} {}ms\n",
            at % 28 + 1,
            at / 3600 % 24,
            at / 60 % 60,
            at % 60,
            at * 37 % 1000,
            at.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            at % 9,
            at * 13 % 250,
            word(at),
            at * 31 % 5000,
            at * 71 % 90_000,
            at * 7 % 400
        )
    })
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

//! What the loop guard costs a request: `cargo bench -p wardbell-guard`.
//!
//! The target is 10 µs for a transcript of 20 turns and 8 KB; long transcripts take time in proportion.

use std::time::Duration;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use wardbell_core::id::KeyId;
use wardbell_core::money::Usd;
use wardbell_core::origin::Origin;
use wardbell_core::policy::LoopPolicy;
use wardbell_core::time::Timestamp;
use wardbell_core::transcript::{Call, ToolResult, Turn};
use wardbell_guard::loops::chant::Chant;
use wardbell_guard::loops::repeat::{Judgement, RepeatRule, Repeats};
use wardbell_guard::loops::session::Sessions;
use wardbell_guard::loops::{Exempt, LoopKeys, SECRET_BYTES, request, transcript};

fn main() {
    divan::main();
}

/// What an agent reads: about 700 bytes, of which no two are the same.
fn page(number: usize) -> String {
    format!(
        "File {number} of the shop, changed 2026-11-{:02}T10:{:02}:00Z by build {number}.\n{}",
        number % 28 + 1,
        number % 60,
        "    let total = items.iter().map(|item| item.price * item.count).sum::<Money>();\n".repeat(8)
    )
}

/// Texts of a session: what the model says, what it calls with, and what comes of it.
struct Session(Vec<(String, String, String)>);

impl Session {
    /// `differs` says whether each step is another one.
    fn new(steps: usize, differs: bool, result_bytes: usize) -> Self {
        let step = |number: usize| {
            let number = if differs { number } else { 0 };
            let said = format!("Now I read file {number} and look for the place where the total is made.");
            let mut result = page(number);
            while result.len() < result_bytes {
                result.push_str(&page(number));
            }
            (said, format!(r#"{{"path":"src/file_{number}.rs","lines":[1,80]}}"#), result)
        };
        Self((0..steps).map(step).collect())
    }

    fn turns(&self) -> Vec<Turn<'_>> {
        let text = "You mend the shop. Read the files, then change what is wrong, and run the tests.";
        let system = Turn { origin: Origin::System, text, calls: vec![], results: vec![] };
        let user = Turn { origin: Origin::User, text: "The total is wrong.", calls: vec![], results: vec![] };
        let steps = self.0.iter().flat_map(|(said, arguments, result)| {
            let call = Call { id: None, tool: "read_file", arguments };
            let result = ToolResult { id: None, tool: None, text: result, is_error: Some(false) };
            [
                Turn { origin: Origin::Assistant, text: said, calls: vec![call], results: vec![] },
                Turn { origin: Origin::ToolResult, text: "", calls: vec![], results: vec![result] },
            ]
        });
        [system, user].into_iter().chain(steps).collect()
    }
}

fn keys() -> LoopKeys {
    LoopKeys::new(&[7; SECRET_BYTES])
}

fn key() -> KeyId {
    KeyId::mint(Timestamp::from_millis(1), [1; 10])
}

/// Fingerprint, window and transcript: all that a request of 20 turns and 8 KB pays.
#[divan::bench(args = [true, false])]
fn request_of_20_turns_8_kb(bencher: Bencher<'_, '_>, differs: bool) {
    let session = Session::new(9, differs, 0);
    let turns = session.turns();
    let (keys, policy, key) = (keys(), LoopPolicy::default(), key());
    let (mut repeats, mut scratch) = (Repeats::default(), Vec::new());
    let mut now = Duration::ZERO;
    bencher.bench_local(|| {
        now += Duration::from_secs(20);
        let fingerprint = request(&keys, key, "gpt-4o", black_box(&turns), Exempt::default(), &mut scratch);
        if let Some(fingerprint) = fingerprint
            && let Judgement::Allow(token) = repeats.begin(fingerprint, RepeatRule::from(&policy), now)
        {
            repeats.ended(&token, Usd::default());
        }
        transcript::inspect(&keys, &policy, &turns)
    });
}

/// A chat of 20 turns and 8 KB without tools. Where the answers are about as long as each other, they are compared.
#[divan::bench(args = [false, true])]
fn chat_of_20_turns_8_kb(bencher: Bencher<'_, '_>, as_long: bool) {
    let chars = |number: usize| if as_long { 250 + number * 15 } else { 80 + number * 383 % 640 };
    let texts: Vec<String> = (0..20).map(|number| page(number).chars().take(chars(number)).collect()).collect();
    let turn = |(number, text): (usize, &'_ String)| {
        let origin = if number.is_multiple_of(2) { Origin::User } else { Origin::Assistant };
        (origin, text.clone())
    };
    let texts: Vec<(Origin, String)> = texts.iter().enumerate().map(turn).collect();
    let turns: Vec<Turn<'_>> =
        texts.iter().map(|(origin, text)| Turn { origin: *origin, text, calls: vec![], results: vec![] }).collect();
    let (keys, policy, key) = (keys(), LoopPolicy::default(), key());
    let mut scratch = Vec::new();
    bencher.bench_local(|| {
        let fingerprint = request(&keys, key, "gpt-4o", black_box(&turns), Exempt::default(), &mut scratch);
        (fingerprint, transcript::inspect(&keys, &policy, &turns))
    });
}

/// Long transcripts at their worst: every step is the same, so every byte is compared.
#[divan::bench(args = [64_000, 256_000, 1_000_000, 4_000_000])]
fn long_loop(bencher: Bencher<'_, '_>, bytes: usize) {
    let mut session = Session::new(100, false, bytes / 100);
    for (number, step) in session.0.iter_mut().enumerate() {
        // Other times, so that the texts must be folded.
        step.2.push_str(&format!("2026-11-25T10:00:{:02}Z", number % 60));
    }
    let turns = session.turns();
    let (keys, policy) = (keys(), LoopPolicy::default());
    bencher.counter(BytesCount::new(bytes)).bench_local(|| transcript::inspect(&keys, &policy, black_box(&turns)));
}

/// Finding a session by its transcript; only projects with caps pay it.
#[divan::bench(args = [8_000, 1_000_000])]
fn session_by_transcript(bencher: Bencher<'_, '_>, bytes: usize) {
    let session = Session::new(9, true, bytes / 9);
    let turns = session.turns();
    let (keys, key, mut sessions) = (keys(), key(), Sessions::default());
    bencher
        .counter(BytesCount::new(bytes))
        .bench_local(|| sessions.find(&keys, key, black_box(&turns), Duration::from_secs(1)));
}

/// A streamed answer of 4 KB.
#[divan::bench]
fn chant_of_4_kb(bencher: Bencher<'_, '_>) {
    let text: String = (0..700).map(|number| format!("word{number} ")).collect();
    bencher.counter(BytesCount::new(text.len())).bench_local(|| Chant::new(10).push(black_box(&text)));
}

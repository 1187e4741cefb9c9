//! How fast a long request is read, segmented and scanned, with every rule: `cargo bench -p wardbell-llm --bench look`.
//!
//! The target is 100 MB/s for bodies of 1 MB. The same texts are in one message, or in a message for each 800 bytes.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use wardbell_detect::engine::{Engine, EngineSettings};
use wardbell_llm::dialect::Dialect;
use wardbell_llm::request::{self, Limits};

#[path = "../../wardbell-detect/benches/scan/prompts.rs"]
mod prompts;

use self::prompts::{PROMPTS, Sample};

/// A turn of a conversation is about this long, in bytes.
const TURN_BYTES: usize = 800;

fn main() {
    divan::main();
}

#[divan::bench(args = PROMPTS)]
fn one_message(bencher: Bencher<'_, '_>, sample: &Sample) {
    look(bencher, &body(&[&(sample.text)()]));
}

#[divan::bench(args = PROMPTS)]
fn many_messages(bencher: Bencher<'_, '_>, sample: &Sample) {
    let text = (sample.text)();
    let turns: Vec<String> =
        text.as_bytes().chunks(TURN_BYTES).map(|turn| String::from_utf8_lossy(turn).into()).collect();
    look(bencher, &body(&turns.iter().map(String::as_str).collect::<Vec<_>>()));
}

fn look(bencher: Bencher<'_, '_>, body: &str) {
    let engine = Engine::new(&EngineSettings::default()).unwrap_or_else(|error| unreachable!("{error}"));
    let limits = Limits::default();
    bencher.counter(BytesCount::of_str(body)).bench_local(|| {
        let request = request::read(Dialect::ChatCompletions, black_box(body.as_bytes()), &limits)
            .unwrap_or_else(|error| unreachable!("{error}"));
        request.segments.iter().map(|segment| engine.scan(&segment.text).len()).sum::<usize>()
    });
}

/// A chat with these texts.
fn body(texts: &[&str]) -> String {
    let messages: Vec<String> =
        texts.iter().map(|text| format!(r#"{{"role":"user","content":{}}}"#, json(text))).collect();
    format!(r#"{{"model":"gpt-4o","messages":[{}]}}"#, messages.join(","))
}

/// A text as JSON spells it: the samples have quotes, backslashes and line ends to escape.
fn json(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n"))
}

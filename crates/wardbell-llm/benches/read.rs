//! How fast a request is read: `cargo bench -p wardbell-llm`.
//!
//! The targets: a chat of 1 KB in 4 µs or less; 300 MB/s or more on long ones. The hostile bodies show what an attacker can
//! buy.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use wardbell_llm::dialect::Dialect;
use wardbell_llm::request::{self, Limits};

/// An ordinary sentence, with the escapes that ordinary text has.
const SENTENCE: &str =
    r#"The committee met on Tuesday to look at the plans for the new reading room.\nEveryone agreed, \"mostly\". "#;
/// A turn of a conversation is about this long, in bytes.
const TURN_BYTES: usize = 800;

fn main() {
    divan::main();
}

/// A named body and how to make it.
struct Sample {
    name: &'static str,
    body: fn() -> String,
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const SAMPLES: &[Sample] = &[
    Sample { name: "chat 1 KB", body: || chat(1_000) },
    Sample { name: "chat 1 MB", body: || chat(1_000_000) },
    Sample { name: "one text 1 MB", body: || one(&SENTENCE.repeat(1_000_000 / SENTENCE.len())) },
    Sample { name: "one plain text 1 MB", body: || one(&"plain words ".repeat(1_000_000 / 12)) },
    Sample { name: "an image 1 MB", body: || image(1_000_000) },
    Sample { name: "escapes 1 MB", body: || one(&r"\n".repeat(500_000)) },
    Sample { name: "surrogates 1 MB", body: || one(&r"\ud83d\ude00".repeat(83_333)) },
    Sample { name: "tiny texts 1 MB", body: || list(&r#""a","#.repeat(240_000)) },
    Sample { name: "tiny objects 1 MB", body: || list(&r#"{"a":1},"#.repeat(125_000)) },
    Sample { name: "digits 1 MB", body: || list(&"1,".repeat(500_000)) },
];

fn one(text: &str) -> String {
    format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":"{text}"}}]}}"#)
}

fn list(values: &str) -> String {
    format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":"hi"}}],"x":[{values}0]}}"#)
}

fn image(bytes: usize) -> String {
    let data = "iVBORw0K".repeat(bytes / 8);
    format!(
        r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}]}}]}}"#
    )
}

fn chat(bytes: usize) -> String {
    let text = SENTENCE.repeat(TURN_BYTES / SENTENCE.len());
    let turns: Vec<_> = (0..(bytes / TURN_BYTES).max(1))
        .map(|turn| format!(r#"{{"role":"{}","content":"{text}"}}"#, ["user", "assistant"][turn % 2]))
        .collect();
    format!(
        r#"{{"model":"gpt-4o","stream":true,"temperature":0.7,"max_tokens":512,"messages":[{{"role":"system","content":"You are helpful."}},{}]}}"#,
        turns.join(",")
    )
}

#[divan::bench(args = SAMPLES)]
fn read(bencher: Bencher<'_, '_>, sample: &Sample) {
    let body = (sample.body)();
    let limits = Limits::default();
    bencher.counter(BytesCount::of_str(&body)).bench_local(|| {
        request::read(Dialect::ChatCompletions, black_box(body.as_bytes()), &limits)
            .map(|request| request.segments.len())
    });
}

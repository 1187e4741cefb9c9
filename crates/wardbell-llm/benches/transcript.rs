//! How fast the turns of a request are read: `cargo bench -p wardbell-llm --bench transcript`.
//!
//! The target: 5 µs or less for 20 turns of an agent in 8 KB.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use wardbell_llm::dialect::Dialect;
use wardbell_llm::transcript;

fn main() {
    divan::main();
}

/// A named body and how to make it.
struct Sample {
    name: &'static str,
    dialect: Dialect,
    body: fn() -> String,
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const SAMPLES: &[Sample] = &[
    Sample { name: "chat agent 8 KB", dialect: Dialect::ChatCompletions, body: || chat(20, 560) },
    Sample { name: "messages agent 8 KB", dialect: Dialect::Messages, body: || messages(20, 600) },
    Sample { name: "chat agent 400 KB", dialect: Dialect::ChatCompletions, body: || chat(400, 1700) },
    Sample { name: "an image 1 MB", dialect: Dialect::ChatCompletions, body: || image(1_000_000) },
    Sample { name: "tiny turns 1 MB", dialect: Dialect::ChatCompletions, body: || tiny(100_000) },
];

/// A line as a tool prints it.
const LINE: &str = r#"src/main.rs: let total = items.iter().map(|item| item.price).sum::<u64>(); // \"as billed\"\n"#;

fn result(bytes: usize) -> String {
    LINE.repeat(bytes / LINE.len())
}

fn chat(turns: usize, bytes: usize) -> String {
    let mut body = r#"{"model":"gpt-4o","stream":true,"max_tokens":512,"messages":[{"role":"system","content":"You are a coding agent."},{"role":"user","content":"The total is wrong."}"#.to_owned();
    for turn in 0..turns.saturating_sub(2) / 2 {
        body += &format!(
            r#",{{"role":"assistant","content":"I look at the next file.","tool_calls":[{{"id":"call_{turn}","type":"function","function":{{"name":"read_file","arguments":"{{\"path\": \"src/part_{turn}.rs\"}}"}}}}]}},{{"role":"tool","tool_call_id":"call_{turn}","content":"{}"}}"#,
            result(bytes)
        );
    }
    body + "]}"
}

fn messages(turns: usize, bytes: usize) -> String {
    let mut body = r#"{"model":"claude-sonnet-4-5","stream":true,"max_tokens":512,"system":"You are a coding agent.","messages":[{"role":"user","content":"The total is wrong."}"#.to_owned();
    for turn in 0..turns.saturating_sub(2) / 2 {
        body += &format!(
            r#",{{"role":"assistant","content":[{{"type":"text","text":"I look at the next file."}},{{"type":"tool_use","id":"toolu_{turn}","name":"read_file","input":{{"path":"src/part_{turn}.rs"}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_{turn}","content":"{}"}}]}}"#,
            result(bytes)
        );
    }
    body + "]}"
}

fn image(bytes: usize) -> String {
    let data = "iVBORw0K".repeat(bytes / 8);
    format!(
        r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}]}}]}}"#
    )
}

fn tiny(turns: usize) -> String {
    format!(r#"{{"messages":[{}]}}"#, vec!["{\"role\":\"\"}"; turns].join(","))
}

#[divan::bench(args = SAMPLES)]
fn read(bencher: Bencher<'_, '_>, sample: &Sample) {
    let body = (sample.body)();
    bencher.counter(BytesCount::of_str(&body)).bench_local(|| {
        transcript::read(sample.dialect, black_box(body.as_bytes())).map(|transcript| transcript.turns().len())
    });
}

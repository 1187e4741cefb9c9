//! How fast a stream is guarded: `cargo bench -p wardbell-llm --bench stream`.
//!
//! The scan is one that only looks for a byte, so that the guard itself is measured: MB of stream for each second, and the
//! time for each event.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use wardbell_core::entity::EntityType;
use wardbell_core::finding::Finding;
use wardbell_llm::dialect::Dialect;
use wardbell_llm::stream::{Guarding, StreamGuard, StreamObserver};

/// How many events a stream has.
const EVENTS: usize = 2_000;
/// How much comes at a time, in bytes: a packet.
const PIECE_BYTES: usize = 1_400;

fn main() {
    divan::main();
}

/// A named stream and how to make it.
struct Sample {
    name: &'static str,
    dialect: Dialect,
    event: fn(usize) -> String,
    how: Guarding,
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const SAMPLES: &[Sample] = &[
    Sample { name: "chat, detect", dialect: Dialect::ChatCompletions, event: chat, how: Guarding::Detect },
    Sample { name: "chat, redact", dialect: Dialect::ChatCompletions, event: chat, how: Guarding::Redact },
    Sample { name: "chat, redact, found", dialect: Dialect::ChatCompletions, event: found, how: Guarding::Redact },
    Sample { name: "chat, block", dialect: Dialect::ChatCompletions, event: chat, how: Guarding::Block },
    Sample { name: "responses, redact", dialect: Dialect::Responses, event: responses, how: Guarding::Redact },
    Sample { name: "messages, redact", dialect: Dialect::Messages, event: messages, how: Guarding::Redact },
    Sample { name: "gemini, redact", dialect: Dialect::Gemini, event: gemini, how: Guarding::Redact },
    Sample { name: "other JSON, redact", dialect: Dialect::Generic, event: chat, how: Guarding::Redact },
    Sample {
        name: "comments",
        dialect: Dialect::ChatCompletions,
        event: |_| ": x\n".repeat(50),
        how: Guarding::Redact,
    },
];

fn chat(number: usize) -> String {
    let word = ["The ", "committee ", "met\\n", "on ", "Tuesday "][number % 5];
    format!(
        r#"data: {{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","system_fingerprint":"fp_44709d6fcb","choices":[{{"index":0,"delta":{{"content":"{word}"}},"logprobs":null,"finish_reason":null}}]}}

"#
    )
}

fn found(number: usize) -> String {
    chat(number).replace("Tuesday", "~~~~~~~")
}

fn responses(number: usize) -> String {
    format!(
        "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"sequence_number\":{number},\
         \"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"word \",\"logprobs\":[]}}\n\n"
    )
}

fn messages(_: usize) -> String {
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\
     \"text\":\"word \"}}\n\n"
        .to_owned()
}

fn gemini(_: usize) -> String {
    let text = "A sentence that is somewhat longer, as they come. ".repeat(3);
    format!(
        "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}],\"role\":\"model\"}},\"index\":0}}],\
         \"usageMetadata\":{{\"promptTokenCount\":8}},\"modelVersion\":\"gemini-2.5-flash\"}}\r\n\r\n"
    )
}

fn stream(sample: &Sample) -> Vec<u8> {
    (0..EVENTS).map(sample.event).collect::<String>().into_bytes()
}

fn scan(text: &str) -> Vec<Finding> {
    let find = |(start, found): (usize, &str)| Finding {
        entity: EntityType::ApiKey,
        rule: "bench",
        span: start..start + found.len(),
        score: 1.0,
    };
    text.match_indices("~~~~~~~").map(find).collect()
}

#[divan::bench(args = SAMPLES)]
fn guard(bencher: Bencher<'_, '_>, sample: &Sample) {
    let stream = stream(sample);
    bencher.counter(BytesCount::of_slice(&stream)).counter(ItemsCount::new(EVENTS)).bench_local(|| {
        let mut guard = StreamGuard::new(sample.dialect, sample.how);
        let mut left = 0;
        for piece in black_box(&stream).chunks(PIECE_BYTES) {
            left += guard.push(piece, &mut scan).bytes.len();
        }
        left + guard.finish(&mut scan).bytes.len()
    });
}

#[divan::bench(args = SAMPLES)]
fn observe(bencher: Bencher<'_, '_>, sample: &Sample) {
    let stream = stream(sample);
    bencher.counter(BytesCount::of_slice(&stream)).counter(ItemsCount::new(EVENTS)).bench_local(|| {
        let mut observer = StreamObserver::new(sample.dialect);
        for piece in black_box(&stream).chunks(PIECE_BYTES) {
            observer.push(piece);
        }
        observer.is_done()
    });
}

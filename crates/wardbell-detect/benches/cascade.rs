//! How long the injection model takes: `cargo bench -p wardbell-detect --bench cascade`.
//!
//! Promises (issue 7): a clean chat message of 1 KB 60 µs where the encoder is not needed; a window of the encoder 9 ms; in a
//! conversation of 20 turns only what is new is scored.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use divan::{Bencher, black_box};
use wardbell_detect::cascade::{Cascade, Effort, Look, Space};

#[path = "scan/prompts.rs"]
#[expect(dead_code, reason = "another bench uses the rest")]
mod prompts;

use self::prompts::PROSE;

static CASCADE: LazyLock<Cascade> =
    LazyLock::new(|| Cascade::read(wardbell_model::INJECTION).unwrap_or_else(|error| unreachable!("{error}")));

fn main() {
    LazyLock::force(&CASCADE);
    divan::main();
}

/// 1 KB of prose with a number in it, so that no two are alike and nothing is remembered.
fn message(number: usize) -> String {
    format!("Message {number}. {}", PROSE.chars().take(1000).collect::<String>())
}

/// What the linear tier does with a new message; the encoder is not asked.
#[divan::bench]
fn look_at_a_new_message_of_1_kb(bencher: Bencher<'_, '_>) {
    let number = AtomicUsize::new(1);
    bencher
        .with_inputs(|| message(number.fetch_add(1, Ordering::Relaxed)))
        .bench_refs(|text| matches!(CASCADE.look(black_box(text), Effort::Lenient), Look::Judged(_)));
}

/// The same message again.
#[divan::bench]
fn look_at_a_known_message_of_1_kb(bencher: Bencher<'_, '_>) {
    let text = message(0);
    let _ = CASCADE.judge_now(&text, Effort::Strict, &mut Space::default());
    bencher.bench(|| matches!(CASCADE.look(black_box(&text), Effort::Strict), Look::Judged(_)));
}

/// A new text, read in full: about three windows. The layers for third parties take no longer than those for users; where nobody says who
/// speaks, both read.
#[divan::bench(args = [Effort::Strict, Effort::ThirdParty, Effort::Unknown], sample_count = 20)]
fn read_a_new_message_of_1_kb(bencher: Bencher<'_, '_>, effort: Effort) {
    // One for all efforts: what one of them read, another would remember.
    static NUMBER: AtomicUsize = AtomicUsize::new(1_000_000);
    let mut space = Space::default();
    bencher
        .with_inputs(|| message(NUMBER.fetch_add(1, Ordering::Relaxed)))
        .bench_local_refs(|text| CASCADE.judge_now(black_box(text), effort, &mut space).map(|judged| judged.windows));
}

/// The twentieth turn of a conversation: nineteen messages that are known, and a new one.
#[divan::bench(sample_count = 20)]
fn read_the_twentieth_turn(bencher: Bencher<'_, '_>) {
    let (mut number, mut space) = (2_000_000, Space::default());
    let known: Vec<String> = (0..19).map(message).collect();
    for text in &known {
        let _ = CASCADE.judge_now(text, Effort::Strict, &mut space);
    }
    bencher
        .with_inputs(|| {
            number += 1;
            message(number)
        })
        .bench_local_refs(|new| {
            let turns = known.iter().chain([&*new]);
            turns.filter(|text| CASCADE.judge_now(black_box(text), Effort::Strict, &mut space).is_ok()).count()
        });
}

/// What the start of the process takes for it.
#[divan::bench(sample_count = 5)]
fn read_the_model_file(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Cascade::read(wardbell_model::INJECTION).is_ok());
}

//! Abuse of a model by the content of one text: floods, templates filled by machines, and demands without measure.
//!
//! **What it finds.** Four indicators from 0 to 1, in LockLLM's words (`spec/wire-lockllm.md` 2.4 and 2.7): *repetition*
//! of characters, words and phrases; *bot*-like templates whose blanks nobody filled, and sentences that differ in a
//! counter only; *resource* exhaustion by size, nesting, invisible characters, lists of numbers, and orders such as
//! `repeat this 10000 times`. The fourth, *pattern*, is about behaviour over time: the caller measures the rate of a
//! key and puts it in. Each indicator is a ramp that reaches [`ABUSE_SCORE_MIN`](wardbell_core::abuse::ABUSE_SCORE_MIN)
//! where the curated texts of `abuse/tests.rs` part: no benign text of theirs passes it, every abusive one does.
//!
//! **Why it matters.** A flood costs money and time, and is the carrier of many attacks that wear a model down.
//!
//! **What it misses.** Repetition with a period of more than 4,096 words; machine-made prose that reads like prose;
//! demands without measure in other languages than English. **What it may take for abuse.** A file of one line copied
//! hundreds of times; base64 of an uncompressed blank picture.
//!
//! **Bounds.** Time is linear in the text and nothing is sampled: words pass through a ring and two tables of fixed
//! size, so that memory stays below 256 KB for any text.

mod bot;
mod repetition;
mod resource;
mod words;

use wardbell_core::abuse::Abuse;

/// Looks at one text, in time linear in its length.
pub fn look(text: &str) -> Abuse {
    let repetition = repetition::look(text);
    Abuse {
        bot: bot::look(text),
        repetition: repetition.score,
        resource: resource::look(text, &repetition),
        pattern: 0.0,
    }
}

/// Where `value` stands between `none` (0) and `certain` (1).
fn ramp(value: f32, none: f32, certain: f32) -> f32 {
    ((value - none) / (certain - none)).clamp(0.0, 1.0)
}

/// `part` of `whole`, from 0 to 1; zero of nothing.
fn share(part: usize, whole: usize) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

#[cfg(test)]
mod tests;

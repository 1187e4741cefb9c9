//! How many tokens a text has for models whose tokenizer is published: OpenAI's.
//!
//! **Source.** The encodings `o200k_base` and `cl100k_base` of OpenAI's tiktoken, and which model has which, by way of the
//! crate `tiktoken-rs` (MIT).
//!
//! **Guarantees.** Time is linear in the text: it is cut into pieces of [`PIECE_BYTES_MAX`], which adds a token or so for
//! each. An encoding is loaded when it is first asked for, which takes some 100 ms and 50 MB, once.
//!
//! **What it does not know.** How the provider lays out messages and tools: who wants a bound counts the JSON, whose keys
//! and signs are more than what the provider adds.

use tiktoken_rs::CoreBPE;
use tiktoken_rs::tokenizer::{Tokenizer, get_tokenizer};
use wardbell_core::provider::ProviderKind;

/// How long a piece is that is counted at once. Source: our choice; the crate's time for one grows faster than its length.
pub const PIECE_BYTES_MAX: usize = 16 * 1024;

/// How many tokens a text has for a model; `None` where its tokenizer is not known. Bytes that are no UTF-8 count as they
/// are read with replacement characters.
pub fn count(kind: ProviderKind, model: &str, text: &[u8]) -> Option<u64> {
    if !matches!(kind, ProviderKind::OpenAi | ProviderKind::Azure) {
        return None;
    }
    let encoding = encoding(model)?;
    let mut tokens = 0_u64;
    for piece in text.chunks(PIECE_BYTES_MAX) {
        tokens = tokens.saturating_add(encoding.encode_ordinary(&String::from_utf8_lossy(piece)).len() as u64);
    }
    Some(tokens)
}

fn encoding(model: &str) -> Option<&'static CoreBPE> {
    match get_tokenizer(model)? {
        // The two differ in special words, which nobody is charged for in a text.
        Tokenizer::O200kBase | Tokenizer::O200kHarmony => Some(tiktoken_rs::o200k_base_singleton()),
        Tokenizer::Cl100kBase => Some(tiktoken_rs::cl100k_base_singleton()),
        // Models that are no longer offered.
        Tokenizer::P50kBase | Tokenizer::R50kBase | Tokenizer::P50kEdit | Tokenizer::Gpt2 => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_the_models_own_encoding() {
        let text = "Wardbell rings the bell: ünïcödé, 12345, 你好.";
        // Counted with tiktoken 0.12 (PyPI) on 2026-11-25.
        for (model, tokens) in [("gpt-4o", Some(18)), ("gpt-5-mini", Some(18)), ("gpt-4", Some(23)), ("mine", None)] {
            assert_eq!(count(ProviderKind::OpenAi, model, text.as_bytes()), tokens, "{model}");
        }
        assert_eq!(count(ProviderKind::Anthropic, "gpt-4o", text.as_bytes()), None);
    }

    #[test]
    fn never_more_tokens_than_bytes_however_odd_the_text() {
        for text in ["a".repeat(40_000), "你".repeat(9_000), " \n".repeat(20_000), "\u{200b}x".repeat(9_000)] {
            let tokens = count(ProviderKind::OpenAi, "gpt-4o", text.as_bytes()).unwrap();
            assert!(tokens <= text.len() as u64, "{tokens} of {}", text.len());
        }
    }
}

//! What an answer or an event says about the call itself: usage, failure, the end.
//!
//! **Tolerance.** Counts may be spelled as `12` or `12.0` (Cohere does). A count that is negative or no number makes the
//! usage unknown rather than wrong.
//!
//! **Source.** OpenAI: <https://platform.openai.com/docs/api-reference>; Anthropic: <https://docs.anthropic.com/en/api/messages>
//! (`input_tokens` leaves cached tokens out; they are added here); Gemini: <https://ai.google.dev/api/generate-content>
//! (`thoughtsTokenCount` is not in `candidatesTokenCount`); Cohere: <https://docs.cohere.com/reference/chat>; all read
//! 2026-11-23.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use wardbell_core::usage::{ServiceTier, Usage};

use crate::dialect::Dialect;

/// A count of tokens.
#[derive(Debug, Deserialize)]
struct Count(serde_json::Number);

/// The largest count that is believed. Source: `f64` holds every whole number up to 2⁵³; no call comes near.
const COUNT_MAX: f64 = 9_007_199_254_740_992.0;

impl Count {
    fn get(&self) -> Option<u64> {
        if let Some(count) = self.0.as_u64() {
            return Some(count);
        }
        let count = self.0.as_f64().filter(|count| (0.0..=COUNT_MAX).contains(count))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range just checked")]
        let count = count.ceil() as u64;
        Some(count)
    }
}

/// The sum of counts; one that is not there is 0, one that is none makes no sum.
fn sum(counts: &[&Option<Count>]) -> Option<u64> {
    counts.iter().try_fold(0u64, |sum, count| match count {
        Some(count) => Some(sum.saturating_add(count.get()?)),
        None => Some(sum),
    })
}

/// `usage` of the OpenAI dialects, of Anthropic and of Cohere's version 2.
#[derive(Debug, Default, Deserialize)]
struct Reported {
    prompt_tokens: Option<Count>,
    completion_tokens: Option<Count>,
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    prompt_tokens_details: Option<Details>,
    completion_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
    output_tokens_details: Option<Details>,
    cache_creation_input_tokens: Option<Count>,
    cache_read_input_tokens: Option<Count>,
    cache_creation: Option<CacheCreation>,
    tokens: Option<Tokens>,
    billed_units: Option<Tokens>,
    service_tier: Option<Tier>,
}

/// The name of a service tier; a value of another type names none.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Tier {
    Name(String),
    Other(IgnoredAny),
}

impl Tier {
    fn service(told: Option<&Self>) -> ServiceTier {
        match told {
            Some(Self::Name(name)) => ServiceTier::from_word(name),
            Some(Self::Other(_)) | None => ServiceTier::Standard,
        }
    }
}

/// The parts of a sum, as OpenAI tells them.
#[derive(Debug, Deserialize)]
struct Details {
    cached_tokens: Option<Count>,
    reasoning_tokens: Option<Count>,
}

/// What of the written cache is to last an hour, as Anthropic tells it.
#[derive(Debug, Deserialize)]
struct CacheCreation {
    ephemeral_1h_input_tokens: Option<Count>,
}

/// A part that is told, or 0.
fn cached(details: Option<&Details>) -> Option<u64> {
    details.map_or(Some(0), |details| sum(&[&details.cached_tokens]))
}

/// The same of what was thought.
fn reasoning(details: Option<&Details>) -> Option<u64> {
    details.map_or(Some(0), |details| sum(&[&details.reasoning_tokens]))
}

#[derive(Debug, Deserialize)]
struct Tokens {
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
}

impl Tokens {
    fn usage(&self) -> Option<Usage> {
        Some(Usage {
            input_tokens: sum(&[&self.input_tokens])?,
            output_tokens: sum(&[&self.output_tokens])?,
            ..Usage::default()
        })
    }
}

impl Reported {
    fn prompt_and_completion(&self) -> Option<Usage> {
        Some(Usage {
            input_tokens: sum(&[&self.prompt_tokens])?,
            output_tokens: sum(&[&self.completion_tokens])?,
            cached_tokens: cached(self.prompt_tokens_details.as_ref())?,
            reasoning_tokens: reasoning(self.completion_tokens_details.as_ref())?,
            ..Usage::default()
        })
    }

    fn input_and_output(&self) -> Option<Usage> {
        Some(Usage {
            input_tokens: sum(&[&self.input_tokens])?,
            output_tokens: sum(&[&self.output_tokens])?,
            cached_tokens: cached(self.input_tokens_details.as_ref())?,
            reasoning_tokens: reasoning(self.output_tokens_details.as_ref())?,
            ..Usage::default()
        })
    }

    fn with_cache(&self) -> Option<Usage> {
        let input = [&self.input_tokens, &self.cache_creation_input_tokens, &self.cache_read_input_tokens];
        let written = sum(&[&self.cache_creation_input_tokens])?;
        let for_an_hour =
            self.cache_creation.as_ref().map_or(Some(0), |made| sum(&[&made.ephemeral_1h_input_tokens]))?.min(written);
        Some(Usage {
            input_tokens: sum(&input)?,
            output_tokens: sum(&[&self.output_tokens])?,
            cached_tokens: sum(&[&self.cache_read_input_tokens])?,
            cache_write_tokens: written - for_an_hour,
            cache_write_1h_tokens: for_an_hour,
            reasoning_tokens: 0,
            // Anthropic's `priority` is capacity that was paid for before, at prices of its own; it counts as standard.
            service: match Tier::service(self.service_tier.as_ref()) {
                ServiceTier::Batch => ServiceTier::Batch,
                ServiceTier::Standard | ServiceTier::Flex | ServiceTier::Priority => ServiceTier::Standard,
            },
        })
    }

    /// The tokens that the model read and wrote, or what is billed where those are not told.
    fn tokens(&self) -> Option<Usage> {
        self.tokens.as_ref().or(self.billed_units.as_ref())?.usage()
    }

    /// Whichever names are used.
    fn either(&self) -> Option<Usage> {
        let (one, other) = (self.prompt_and_completion()?, self.with_cache()?);
        let usage = if one == Usage::default() { other } else { one };
        if usage == Usage::default() { self.tokens().or(Some(usage)) } else { Some(usage) }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    prompt_token_count: Option<Count>,
    tool_use_prompt_token_count: Option<Count>,
    candidates_token_count: Option<Count>,
    thoughts_token_count: Option<Count>,
    cached_content_token_count: Option<Count>,
}

impl Metadata {
    fn usage(&self) -> Option<Usage> {
        Some(Usage {
            input_tokens: sum(&[&self.prompt_token_count, &self.tool_use_prompt_token_count])?,
            output_tokens: sum(&[&self.candidates_token_count, &self.thoughts_token_count])?,
            cached_tokens: sum(&[&self.cached_content_token_count])?,
            reasoning_tokens: sum(&[&self.thoughts_token_count])?,
            ..Usage::default()
        })
    }
}

/// The fields of any dialect where usage stands.
#[derive(Debug, Deserialize)]
struct WithUsage {
    usage: Option<Reported>,
    x_groq: Option<Inner>,
    response: Option<Inner>,
    message: Option<Inner>,
    delta: Option<Inner>,
    meta: Option<Reported>,
    #[serde(rename = "usageMetadata")]
    usage_metadata: Option<Metadata>,
    service_tier: Option<Tier>,
}

/// An object that has usage in it; a value of another type has none.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Inner {
    Object { usage: Option<Box<Reported>>, meta: Option<Box<Reported>>, service_tier: Option<Tier> },
    Other(IgnoredAny),
}

impl Inner {
    fn tier(&self) -> Option<&Tier> {
        match self {
            Self::Object { service_tier, .. } => service_tier.as_ref(),
            Self::Other(_) => None,
        }
    }

    fn usage(&self) -> Option<&Reported> {
        match self {
            Self::Object { usage, .. } => usage.as_deref(),
            Self::Other(_) => None,
        }
    }

    fn meta(&self) -> Option<&Reported> {
        match self {
            Self::Object { meta, .. } => meta.as_deref(),
            Self::Other(_) => None,
        }
    }
}

/// See [`super::usage`].
pub(super) fn usage(dialect: Dialect, body: &[u8]) -> Option<Usage> {
    let told: WithUsage = last_object(dialect, body)?;
    let top = told.usage.as_ref();
    match dialect {
        Dialect::ChatCompletions | Dialect::Completions | Dialect::Embeddings => {
            let usage = top.or_else(|| told.x_groq.as_ref()?.usage())?.prompt_and_completion()?;
            Some(Usage { service: Tier::service(told.service_tier.as_ref()), ..usage })
        }
        Dialect::Responses => {
            let usage = top.or_else(|| told.response.as_ref()?.usage())?.input_and_output()?;
            let tier = told.service_tier.as_ref().or_else(|| told.response.as_ref()?.tier());
            Some(Usage { service: Tier::service(tier), ..usage })
        }
        Dialect::Messages => top.or_else(|| told.message.as_ref()?.usage())?.with_cache(),
        Dialect::Gemini => told.usage_metadata?.usage(),
        Dialect::CohereChat => {
            let delta = || told.delta.as_ref()?.usage();
            let response = || told.response.as_ref()?.meta();
            top.or_else(delta).or(told.meta.as_ref()).or_else(response)?.tokens()
        }
        Dialect::Generic => match &told.usage_metadata {
            Some(metadata) => metadata.usage(),
            None => top.or_else(|| told.message.as_ref()?.usage())?.either(),
        },
    }
}

/// The fields of any dialect that tell of a failure or of the end.
#[derive(Debug, Deserialize)]
struct WithState<'a> {
    error: Option<IgnoredAny>,
    #[serde(borrow, rename = "type")]
    kind: Option<Word<'a>>,
    #[serde(borrow)]
    event_type: Option<Word<'a>>,
    #[serde(borrow)]
    status: Option<Word<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Word<'a>>,
    #[serde(borrow)]
    delta: Option<Ended<'a>>,
    candidates: Option<Vec<Candidate>>,
}

/// A string; a value of another type is none.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Word<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(IgnoredAny),
}

fn word<'w>(word: Option<&'w Word<'_>>) -> &'w str {
    match word {
        Some(Word::Text(text)) => text,
        Some(Word::Other(_)) | None => "",
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Ended<'a> {
    Object {
        #[serde(borrow)]
        finish_reason: Option<Word<'a>>,
        error: Option<IgnoredAny>,
    },
    Other(IgnoredAny),
}

#[derive(Debug, Deserialize)]
struct Candidate {
    #[serde(rename = "finishReason")]
    finish_reason: Option<IgnoredAny>,
}

/// See [`super::is_error`].
pub(super) fn is_error(dialect: Dialect, body: &[u8]) -> bool {
    let Some(told) = last_object::<WithState<'_>>(dialect, body) else { return false };
    let kind = word(told.kind.as_ref());
    match dialect {
        Dialect::ChatCompletions | Dialect::Completions | Dialect::Embeddings | Dialect::Gemini | Dialect::Generic => {
            told.error.is_some()
        }
        Dialect::Responses => {
            told.error.is_some()
                || matches!(kind, "error" | "response.failed")
                || word(told.status.as_ref()) == "failed"
        }
        Dialect::Messages => told.error.is_some() || kind == "error",
        Dialect::CohereChat => {
            let (nested, error) = match &told.delta {
                Some(Ended::Object { finish_reason, error }) => (word(finish_reason.as_ref()), error.is_some()),
                Some(Ended::Other(_)) | None => ("", false),
            };
            // Version 1 has `ERROR_TOXIC` and `ERROR_LIMIT` too.
            let failed = |reason: &str| reason.to_ascii_uppercase().starts_with("ERROR");
            told.error.is_some() || error || failed(nested) || failed(word(told.finish_reason.as_ref()))
        }
    }
}

/// See [`super::is_last`].
pub(super) fn is_last(dialect: Dialect, data: &[u8]) -> bool {
    if data.trim_ascii() == b"[DONE]" {
        return true;
    }
    // Looking is cheaper than reading, and most events are none of these.
    let has = |word: &[u8]| memchr::memmem::find(data, word).is_some();
    let last = |kinds: &[&str]| {
        kinds.iter().any(|kind| has(kind.as_bytes()))
            && last_object::<WithState<'_>>(dialect, data).is_some_and(|told| {
                kinds.contains(&word(told.kind.as_ref())) || kinds.contains(&word(told.event_type.as_ref()))
            })
    };
    match dialect {
        Dialect::ChatCompletions | Dialect::Completions | Dialect::Embeddings | Dialect::Generic => false,
        Dialect::Responses => last(&["response.completed", "response.incomplete", "response.failed"]),
        Dialect::Messages => last(&["message_stop"]),
        Dialect::CohereChat => last(&["message-end", "stream-end"]),
        Dialect::Gemini => {
            let told = if has(b"finishReason") { last_object::<WithState<'_>>(dialect, data) } else { None };
            told.and_then(|told| told.candidates)
                .is_some_and(|candidates| candidates.iter().any(|candidate| candidate.finish_reason.is_some()))
        }
    }
}

/// Reads an object; of Gemini's list of them, the last one. A list would be taken for an object too, field after field.
fn last_object<'b, T: Deserialize<'b>>(dialect: Dialect, body: &'b [u8]) -> Option<T> {
    match body.trim_ascii_start().first()? {
        b'{' => serde_json::from_slice(body).ok(),
        b'[' if dialect == Dialect::Gemini => {
            let mut entries: Vec<&'b serde_json::value::RawValue> = serde_json::from_slice(body).ok()?;
            let last = entries.pop()?.get();
            if last.starts_with('{') { serde_json::from_str(last).ok() } else { None }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_read_where_it_is_told() {
        use Dialect::{ChatCompletions, CohereChat, Generic, Messages, Responses};
        for (dialect, body, expect) in [
            (ChatCompletions, r#"{"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#, Some((3, 4))),
            (ChatCompletions, r#"{"usage":{"prompt_tokens":3.0}}"#, Some((3, 0))),
            (ChatCompletions, r#"{"usage":null}"#, None),
            (ChatCompletions, r#"{"usage":{"prompt_tokens":-1}}"#, None),
            (ChatCompletions, r#"{"usage":{"prompt_tokens":"3"}}"#, None),
            (ChatCompletions, r#"{"usage":{"input_tokens":3}}"#, Some((0, 0))),
            (ChatCompletions, "[1]", None),
            (ChatCompletions, "junk", None),
            (Responses, r#"{"response":{"usage":{"input_tokens":3,"output_tokens":4}}}"#, Some((3, 4))),
            (Responses, r#"{"response":"x"}"#, None),
            (Messages, r#"{"usage":{"input_tokens":1,"cache_read_input_tokens":2,"output_tokens":4}}"#, Some((3, 4))),
            (CohereChat, r#"{"meta":{"billed_units":{"input_tokens":3,"output_tokens":4}}}"#, Some((3, 4))),
            (Generic, r#"{"usageMetadata":{"promptTokenCount":3,"thoughtsTokenCount":4}}"#, Some((3, 4))),
            (Generic, r#"{"usage":{"input_tokens":3,"output_tokens":4}}"#, Some((3, 4))),
        ] {
            let told = usage(dialect, body.as_bytes()).map(|told| (told.input_tokens, told.output_tokens));
            assert_eq!(told, expect, "{dialect:?} {body}");
        }
    }

    #[test]
    fn the_parts_that_have_prices_of_their_own_lie_within_the_sums() {
        use Dialect::{ChatCompletions, Gemini, Messages, Responses};
        // Input, of it cached, written to the cache, written for an hour; output, of it thought.
        for (dialect, body, expect) in [
            (
                ChatCompletions,
                r#"{"usage":{"prompt_tokens":9,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":4},
                    "completion_tokens_details":{"reasoning_tokens":5}}}"#,
                [9, 4, 0, 0, 7, 5],
            ),
            (
                Responses,
                r#"{"usage":{"input_tokens":9,"output_tokens":7,"input_tokens_details":{"cached_tokens":4},
                    "output_tokens_details":{"reasoning_tokens":5}}}"#,
                [9, 4, 0, 0, 7, 5],
            ),
            (
                Messages,
                r#"{"usage":{"input_tokens":1,"cache_read_input_tokens":2,"cache_creation_input_tokens":7,
                    "cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3},"output_tokens":6}}"#,
                [10, 2, 4, 3, 6, 0],
            ),
            (
                Gemini,
                r#"{"usageMetadata":{"promptTokenCount":9,"cachedContentTokenCount":4,"candidatesTokenCount":2,
                    "thoughtsTokenCount":5}}"#,
                [9, 4, 0, 0, 7, 5],
            ),
        ] {
            let told = usage(dialect, body.as_bytes()).unwrap();
            let parts = [
                told.input_tokens,
                told.cached_tokens,
                told.cache_write_tokens,
                told.cache_write_1h_tokens,
                told.output_tokens,
                told.reasoning_tokens,
            ];
            assert_eq!(parts, expect, "{dialect:?}");
        }
    }

    #[test]
    fn an_error_is_told_in_each_dialect_its_own_way() {
        use Dialect::{ChatCompletions, CohereChat, Gemini, Messages, Responses};
        for (dialect, body, expect) in [
            (ChatCompletions, r#"{"error":{"message":"overloaded","type":"server_error"}}"#, true),
            (ChatCompletions, r#"{"error":"overloaded"}"#, true),
            (ChatCompletions, r#"{"error":null,"choices":[]}"#, false),
            (ChatCompletions, r#"{"choices":[{"delta":{"error":1}}]}"#, false),
            (ChatCompletions, "[1]", false),
            (ChatCompletions, "junk", false),
            (Responses, r#"{"status":"failed","error":null}"#, true),
            (Responses, r#"{"status":"completed","error":null}"#, false),
            (Messages, r#"{"type":"error"}"#, true),
            (Gemini, r#"[{"candidates":[]},{"error":{"code":503}}]"#, true),
            (CohereChat, r#"{"type":"message-end","delta":{"finish_reason":"ERROR"}}"#, true),
            (CohereChat, r#"{"event_type":"stream-end","finish_reason":"ERROR_LIMIT"}"#, true),
            (CohereChat, r#"{"event_type":"stream-end","finish_reason":"COMPLETE"}"#, false),
        ] {
            assert_eq!(is_error(dialect, body.as_bytes()), expect, "{dialect:?} {body}");
        }
    }

    #[test]
    fn a_deep_answer_says_nothing() {
        let deep = format!("{{\"a\":{}}}", "[".repeat(1_000_000));
        assert_eq!(usage(Dialect::ChatCompletions, deep.as_bytes()), None);
        assert!(!is_error(Dialect::ChatCompletions, deep.as_bytes()));
        assert_eq!(super::super::texts(Dialect::ChatCompletions, deep.as_bytes()), None);
    }

    #[test]
    fn the_end_is_told_in_each_dialect_its_own_way() {
        for data in ["[DONE]", " [DONE] ", "[DONE]\r"] {
            assert!(is_last(Dialect::ChatCompletions, data.as_bytes()), "{data:?}");
        }
        for data in ["", "[done]", "\"[DONE]\"", r#"{"choices":[{"delta":{"content":"[DONE]"}}]}"#] {
            assert!(!is_last(Dialect::ChatCompletions, data.as_bytes()), "{data:?}");
        }
        assert!(!is_last(Dialect::Messages, br#"{"type":"content_block_delta","delta":{"text":"message_stop"}}"#));
    }
}

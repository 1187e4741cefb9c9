//! What a request asks for, as far as it costs, and how its answer is capped.

use std::ops::Range;

use wardbell_core::usage::ServiceTier;

use super::cursor::{Cursor, Read, Value};
use crate::dialect::Dialect;
use crate::edit::Edit;

/// What a request asks for, as far as it costs. Where a field comes twice, the dearer one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    answers: u64,
    output_tokens_max: Option<u64>,
    thinking_tokens: Option<u64>,
    is_priority: bool,
    /// Where the caps stand.
    caps: Vec<Range<usize>>,
    /// Where the first field of `generationConfig` may be put.
    config: Option<usize>,
    /// Something stands where a configuration should.
    is_odd: bool,
}

/// The most caps whose place is remembered: each API has one or two. A body with more cannot be capped.
const CAPS_MAX: usize = 16;

impl Asked {
    /// How many answers are asked for: `n`, `best_of`, `candidateCount`, whichever is most; at least 1.
    pub fn answers(&self) -> u64 {
        self.answers.max(1)
    }

    /// The most tokens that the answer may have, where the request says so: `max_tokens`, `max_completion_tokens`,
    /// `max_output_tokens`, `generationConfig.maxOutputTokens`. Of several the greatest.
    pub fn output_tokens_max(&self) -> Option<u64> {
        self.output_tokens_max
    }

    /// The tokens that the model may think, where the request says so; the cap must be above them.
    pub fn thinking_tokens(&self) -> Option<u64> {
        self.thinking_tokens
    }

    /// The service tier that may be charged beside the standard one.
    pub fn service(&self) -> ServiceTier {
        if self.is_priority { ServiceTier::Priority } else { ServiceTier::Standard }
    }

    /// The edits that cap the answer of this request at `tokens`: every cap that it has, or one that is put in. `field` is
    /// the name of a cap in the body itself. `None` where it cannot be capped: the dialect has no answer of text, or there
    /// are more caps than any API has.
    pub fn cap(&self, dialect: Dialect, body: &[u8], field: &str, tokens: u64) -> Option<Vec<Edit>> {
        let has_text = !matches!(dialect, Dialect::Embeddings | Dialect::Generic);
        if self.caps.len() >= CAPS_MAX || self.is_odd || !has_text {
            return None;
        }
        if !self.caps.is_empty() {
            return Some(self.caps.iter().map(|cap| Edit { range: cap.clone(), with: tokens.to_string() }).collect());
        }
        // The body was read as an object, so this is its brace. What is put in is a first field of one that has more.
        let start = memchr::memchr(b'{', body)? + 1;
        let edit = |at: usize, field: String| {
            let is_last = body.get(at..).is_none_or(|rest| rest.trim_ascii_start().starts_with(b"}"));
            vec![Edit { range: at..at, with: if is_last { field } else { field + "," } }]
        };
        Some(match (dialect, self.config) {
            (Dialect::Gemini, Some(config)) => edit(config, format!("\"maxOutputTokens\":{tokens}")),
            (Dialect::Gemini, None) => edit(start, format!("\"generationConfig\":{{\"maxOutputTokens\":{tokens}}}")),
            _ => edit(start, format!("\"{field}\":{tokens}")),
        })
    }

    pub(super) fn sampled(&mut self, cursor: &mut Cursor<'_>) -> Read<()> {
        let (answers, _) = cursor.whole()?;
        self.answers = self.answers.max(answers.unwrap_or(1));
        Ok(())
    }

    pub(super) fn capped(&mut self, cursor: &mut Cursor<'_>) -> Read<()> {
        let (tokens, place) = cursor.whole()?;
        self.output_tokens_max = self.output_tokens_max.max(tokens);
        if self.caps.len() < CAPS_MAX {
            self.caps.push(place);
        }
        Ok(())
    }

    pub(super) fn tier(&mut self, cursor: &mut Cursor<'_>) -> Read<()> {
        let word = cursor.word()?;
        self.is_priority |= word.is_some_and(|word| ServiceTier::from_word(&word) == ServiceTier::Priority);
        Ok(())
    }

    /// Anthropic's `thinking`.
    pub(super) fn thinking(&mut self, cursor: &mut Cursor<'_>) -> Read<()> {
        cursor.object(|cursor, key| match key {
            "budget_tokens" => {
                let (tokens, _) = cursor.whole()?;
                self.thinking_tokens = self.thinking_tokens.max(tokens);
                Ok(())
            }
            _ => cursor.pass(),
        })
    }

    /// Gemini's `generationConfig`.
    pub(super) fn configured(&mut self, cursor: &mut Cursor<'_>) -> Read<()> {
        let value = cursor.value()?;
        let Value::Object(start) = value else {
            self.is_odd = true;
            return cursor.skip(&value);
        };
        self.config = Some(start + 1);
        cursor.fields(|cursor, key| match key {
            "candidateCount" | "candidate_count" => self.sampled(cursor),
            "maxOutputTokens" | "max_output_tokens" => self.capped(cursor),
            _ => cursor.pass(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::read_asked;
    use super::*;
    use crate::edit;

    fn capped(dialect: Dialect, body: &str, field: &str) -> Option<String> {
        let edits = read_asked(body.as_bytes())?.cap(dialect, body.as_bytes(), field, 7)?;
        let body = String::from_utf8(edit::splice(body.as_bytes(), &edits)).unwrap();
        serde_json::from_str::<serde_json::Value>(&body).unwrap();
        Some(body)
    }

    #[test]
    fn an_answer_is_capped_wherever_the_cap_stands() {
        let chat = Dialect::ChatCompletions;
        for (dialect, body, expect) in [
            (chat, r#"{"max_tokens":100,"n":2}"#, Some(r#"{"max_tokens":7,"n":2}"#)),
            (chat, r#"{"max_tokens": null , "m":1}"#, Some(r#"{"max_tokens": 7 , "m":1}"#)),
            (chat, r#"{"max_tokens":"100"}"#, Some(r#"{"max_tokens":7}"#)),
            (chat, r#"{"max_tokens":[1,2]}"#, Some(r#"{"max_tokens":7}"#)),
            (
                chat,
                r#"{"max_tokens":true,"max_completion_tokens":1e3}"#,
                Some(r#"{"max_tokens":7,"max_completion_tokens":7}"#),
            ),
            (chat, r#"{"max\u005ftokens":9,"max_tokens":8}"#, Some(r#"{"max\u005ftokens":7,"max_tokens":7}"#)),
            (chat, r#" {"model":"m"}"#, Some(r#" {"cap":7,"model":"m"}"#)),
            (chat, "{ }", Some(r#"{"cap":7 }"#)),
            (Dialect::Gemini, r#"{"a":1}"#, Some(r#"{"generationConfig":{"maxOutputTokens":7},"a":1}"#)),
            (
                Dialect::Gemini,
                r#"{"generationConfig":{},"a":1}"#,
                Some(r#"{"generationConfig":{"maxOutputTokens":7},"a":1}"#),
            ),
            (
                Dialect::Gemini,
                r#"{"generation_config": {"top_k":1}}"#,
                Some(r#"{"generation_config": {"maxOutputTokens":7,"top_k":1}}"#),
            ),
            (Dialect::Gemini, r#"{"generationConfig":null}"#, None),
            (Dialect::Embeddings, r#"{"input":"x"}"#, None),
            (Dialect::Generic, r#"{"prompt":"x"}"#, None),
        ] {
            assert_eq!(capped(dialect, body, "cap").as_deref(), expect, "{body}");
        }
        let many = format!("{{{}\"m\":1}}", r#""max_tokens":1,"#.repeat(CAPS_MAX));
        assert_eq!(capped(chat, &many, "cap"), None);
    }

    #[test]
    fn the_dearer_of_what_is_asked_counts() {
        let asked = |body: &str| {
            let asked = read_asked(body.as_bytes()).unwrap();
            (asked.answers(), asked.output_tokens_max(), asked.thinking_tokens(), asked.service())
        };
        let standard = ServiceTier::Standard;
        assert_eq!(asked("{}"), (1, None, None, standard));
        assert_eq!(asked(r#"{"n":3,"best_of":5,"max_tokens":1,"max_tokens":9}"#), (5, Some(9), None, standard));
        assert_eq!(asked(r#"{"max_tokens":"12","n":2.0}"#), (2, Some(12), None, standard));
        assert_eq!(asked(r#"{"max_tokens":1e300,"n":-1}"#), (1, None, None, standard));
        let thinking = r#"{"max_tokens":9,"thinking":{"type":"enabled","budget_tokens":5},"service_tier":"auto"}"#;
        assert_eq!(asked(thinking), (1, Some(9), Some(5), standard));
        assert_eq!(asked(r#"{"service_tier":"priority","service_tier":"flex"}"#).3, ServiceTier::Priority);
    }
}

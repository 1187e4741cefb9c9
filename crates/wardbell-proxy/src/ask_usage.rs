//! Usage of a stream that its caller did not ask for: it is asked for, since a budget settles by it, and taken out again.
//!
//! OpenAI's chat completions and completions tell the usage of a stream only where `stream_options` asks for it, in a last
//! event without choices (<https://platform.openai.com/docs/api-reference/chat/create>); all other dialects always do.
//! Where the caller says anything about `stream_options` itself, nothing is changed.

use wardbell_llm::dialect::Dialect;
use wardbell_llm::edit::Edit;
use wardbell_llm::sse::{self, Frame, SseSplitter};

/// What is put before the first field of the body.
const ASK: &str = "\"stream_options\":{\"include_usage\":true},";

/// The edit that asks for the usage; `None` where nothing has to be asked, or the caller asks itself.
pub(crate) fn ask(dialect: Dialect, stream: bool, body: &[u8]) -> Option<Edit> {
    let knows = matches!(dialect, Dialect::ChatCompletions | Dialect::Completions);
    if !knows || !stream || memchr::memmem::find(body, b"stream_options").is_some() {
        return None;
    }
    // The body was read as an object with fields, so this is its brace.
    let at = memchr::memchr(b'{', body)? + 1;
    Some(Edit { range: at..at, with: ASK.to_owned() })
}

/// Takes the event out that tells the usage. Every other byte passes, an event at a time.
#[derive(Debug, Default)]
pub(crate) struct Strip {
    splitter: SseSplitter,
}

impl Strip {
    /// Takes the next bytes of the stream.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut passed = Vec::with_capacity(piece.len());
        self.splitter.push(piece, |frame| take(frame, &mut passed));
        passed
    }

    /// The stream is over: what was held leaves.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut passed = Vec::new();
        self.splitter.finish(|frame| take(frame, &mut passed));
        passed
    }
}

fn take(frame: Frame<'_>, passed: &mut Vec<u8>) {
    match frame {
        Frame::Filler(raw) | Frame::TooLong(raw) => passed.extend_from_slice(raw),
        Frame::Event { raw, data, .. } => {
            if !is_usage(&sse::join(raw, data)) {
                passed.extend_from_slice(raw);
            }
        }
    }
}

#[derive(serde::Deserialize)]
struct Chunk {
    choices: Vec<serde::de::IgnoredAny>,
    usage: Option<serde::de::IgnoredAny>,
}

/// Whether an event tells the usage and nothing else.
fn is_usage(data: &[u8]) -> bool {
    memchr::memmem::find(data, b"\"usage\"").is_some()
        && serde_json::from_slice::<Chunk>(data).is_ok_and(|chunk| chunk.choices.is_empty() && chunk.usage.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_asked_for_where_nobody_says_anything_about_it() {
        let asked = |dialect, stream, body: &str| {
            ask(dialect, stream, body.as_bytes())
                .map(|edit| String::from_utf8(wardbell_llm::edit::splice(body.as_bytes(), &[edit])).unwrap())
        };
        let body = " {\"model\":\"m\",\"stream\":true}";
        let expect = " {\"stream_options\":{\"include_usage\":true},\"model\":\"m\",\"stream\":true}";
        assert_eq!(asked(Dialect::ChatCompletions, true, body).as_deref(), Some(expect));
        assert_eq!(asked(Dialect::ChatCompletions, false, body), None);
        assert_eq!(asked(Dialect::Messages, true, body), None);
        assert_eq!(asked(Dialect::ChatCompletions, true, "{\"stream_options\":null,\"stream\":true}"), None);
    }

    #[test]
    fn only_the_event_with_the_usage_is_taken_out_however_the_stream_is_cut() {
        let before =
            "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\"\"}}],\"usage\":null}\r\n\r\n: note\n\n";
        let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n";
        let after = "data: [DONE]\n\ndata: cut";
        let whole = [before, usage, after].concat();
        for size in [1, 7, 1000] {
            let mut strip = Strip::default();
            let mut passed: Vec<u8> = whole.as_bytes().chunks(size).flat_map(|piece| strip.push(piece)).collect();
            passed.extend(strip.finish());
            assert_eq!(String::from_utf8(passed).unwrap(), [before, after].concat(), "in pieces of {size}");
        }
    }
}

//! The dialects: which API a request is written for.

/// The API that a request is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's chat completions, and whoever speaks them.
    ChatCompletions,
    /// OpenAI's responses.
    Responses,
    /// OpenAI's older completions.
    Completions,
    /// OpenAI's embeddings.
    Embeddings,
    /// Anthropic's messages.
    Messages,
    /// Gemini's `generateContent` and `streamGenerateContent`.
    Gemini,
    /// Cohere's chat, version 1 and 2.
    CohereChat,
    /// Any other JSON, read by the generic walker: every string is a text, whose it is nobody knows.
    Generic,
}

impl Dialect {
    /// The name in records: `chat.completions`, `responses`, `completions`, `embeddings`, `messages`, `gemini`, `cohere`,
    /// `json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatCompletions => "chat.completions",
            Self::Responses => "responses",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Messages => "messages",
            Self::Gemini => "gemini",
            Self::CohereChat => "cohere",
            Self::Generic => "json",
        }
    }
}

/// What a path says of the call that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// How its body is read.
    pub dialect: Dialect,
    /// The model, where the path names it: Gemini's, and Azure's deployments.
    pub model: Option<String>,
    /// Whether the answer is a stream, where the path says so: Gemini's.
    pub stream: Option<bool>,
}

/// Tells what a path below a provider, or on the gateway surface, calls. It has no query; a slash at its start, a prefix
/// such as `v1` or `openai/v1` and percent-escapes make no difference. What it does not know is [`Dialect::Generic`].
pub fn call(path: &str) -> Call {
    let path = unescape(path);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let plain = |dialect| Call { dialect, model: None, stream: None };
    let Some((last, before)) = parts.split_last() else { return plain(Dialect::Generic) };
    if let (Some((model, method)), Some(&"models" | &"tunedModels")) = (last.rsplit_once(':'), before.last()) {
        let stream = match method {
            "generateContent" => false,
            "streamGenerateContent" => true,
            _ => return plain(Dialect::Generic),
        };
        return Call { dialect: Dialect::Gemini, model: Some(model.to_owned()), stream: Some(stream) };
    }
    let (dialect, before) = match (*last, before) {
        ("completions", [before @ .., "chat"]) => (Dialect::ChatCompletions, before),
        ("completions", _) => (Dialect::Completions, before),
        ("responses", _) => (Dialect::Responses, before),
        ("embeddings", _) => (Dialect::Embeddings, before),
        ("messages", _) => (Dialect::Messages, before),
        ("chat", [] | [.., "v1" | "v2"]) => (Dialect::CohereChat, before),
        _ => return plain(Dialect::Generic),
    };
    match before {
        [.., "deployments", model] => Call { model: Some((*model).to_owned()), ..plain(dialect) },
        [] | [.., "openai"] => plain(dialect),
        [.., version] if is_version(version) => plain(dialect),
        // Nothing else ends in these two.
        _ if dialect == Dialect::ChatCompletions => plain(dialect),
        // Another API's, as `threads/…/messages`.
        _ => plain(Dialect::Generic),
    }
}

/// `v1`, `v1beta` and the like.
fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// Decodes percent-escapes, as a provider does; a malformed one stays.
fn unescape(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        rest = after;
        let mut byte = *first;
        if let (b'%', Some(high), Some(low)) = (first, digit(0), digit(1)) {
            byte = u8::try_from(high * 16 + low).unwrap_or(b'%');
            rest = after.get(2..).unwrap_or_default();
        }
        bytes.push(byte);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_what_it_calls() {
        for (path, expect) in [
            ("chat/completions", Dialect::ChatCompletions),
            ("/v1/chat/completions", Dialect::ChatCompletions),
            ("openai/v1/chat/completions", Dialect::ChatCompletions),
            ("v1/projects/p/endpoints/openapi/chat/completions", Dialect::ChatCompletions),
            ("v1//chat/./completions/", Dialect::ChatCompletions),
            ("v1/chat%2Fcompletion%73", Dialect::ChatCompletions),
            ("/v1/responses", Dialect::Responses),
            ("v1/responses/resp_1/cancel", Dialect::Generic),
            ("v1/completions", Dialect::Completions),
            ("embeddings", Dialect::Embeddings),
            ("v1/messages", Dialect::Messages),
            ("v1/messages/batches", Dialect::Generic),
            ("v1/threads/t/messages", Dialect::Generic),
            ("v2/chat", Dialect::CohereChat),
            ("v1/chat", Dialect::CohereChat),
            ("chat", Dialect::CohereChat),
            ("api/chat", Dialect::Generic),
            ("models/m/converse", Dialect::Generic),
            ("v1beta/models/m:countTokens", Dialect::Generic),
            ("m:generateContent", Dialect::Generic),
            ("v1/embeddings%", Dialect::Generic),
            ("", Dialect::Generic),
            ("/", Dialect::Generic),
        ] {
            assert_eq!(call(path), Call { dialect: expect, model: None, stream: None }, "{path}");
        }
        for (path, dialect, model, stream) in [
            ("v1beta/models/gemini-x:streamGenerateContent", Dialect::Gemini, "gemini-x", Some(true)),
            ("/v1beta/models/gemini-x%3AgenerateContent", Dialect::Gemini, "gemini-x", Some(false)),
            ("v1/projects/p/locations/l/publishers/google/models/g:generateContent", Dialect::Gemini, "g", Some(false)),
            ("openai/deployments/d/chat/completions", Dialect::ChatCompletions, "d", None),
            ("openai/deployments/d/embeddings", Dialect::Embeddings, "d", None),
        ] {
            assert_eq!(call(path), Call { dialect, model: Some(model.to_owned()), stream }, "{path}");
        }
    }
}

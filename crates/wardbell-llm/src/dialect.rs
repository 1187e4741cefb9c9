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

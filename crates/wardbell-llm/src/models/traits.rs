//! What a model's name tells of it: its family and what it can do.
//!
//! **Source.** The providers' own lists of models, as far as a family has one answer: OpenAI
//! <https://platform.openai.com/docs/models>, Anthropic <https://docs.anthropic.com/en/docs/about-claude/models>, Google
//! <https://ai.google.dev/gemini-api/docs/models>, Mistral <https://docs.mistral.ai/getting-started/models>, Cohere
//! <https://docs.cohere.com/docs/models>, xAI <https://docs.x.ai/docs/models>, DeepSeek <https://api-docs.deepseek.com>,
//! and the model cards of the open ones. Where models of a family differ, the row says what all of them can do.

/// What a name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four abilities that any mix of may hold")]
pub(super) struct Traits {
    pub(super) family: Option<&'static str>,
    pub(super) vision: bool,
    pub(super) tools: bool,
    pub(super) json_mode: bool,
    pub(super) reasoning: bool,
}

/// (what stands at the start of a word of the name, the family, what it can do: v vision, t tools, j JSON mode, r
/// reasoning). The first that fits counts, so the narrow stand before the wide.
const ROWS: &[(&str, &str, &str)] = &[
    // OpenAI.
    ("gpt-oss", "gpt-oss", "tjr"),
    ("gpt-3.5", "gpt", "tj"),
    ("gpt-4-turbo", "gpt", "vtj"),
    ("gpt-4-vision", "gpt", "v"),
    ("gpt-4-32k", "gpt", "t"),
    ("gpt-4o", "gpt", "vtj"),
    ("gpt-4.1", "gpt", "vtj"),
    ("gpt-4.5", "gpt", "vtj"),
    ("gpt-4", "gpt", "t"),
    ("gpt-5-chat", "gpt", "vj"),
    ("gpt-5", "gpt", "vtjr"),
    ("gpt-6", "gpt", "vtjr"),
    ("chatgpt-4o", "gpt", "v"),
    ("codex", "gpt", "vtjr"),
    ("gpt", "gpt", ""),
    ("o1-mini", "o", "r"),
    ("o1-preview", "o", "r"),
    ("o1", "o", "vtjr"),
    ("o3-mini", "o", "tjr"),
    ("o3", "o", "vtjr"),
    ("o4-mini", "o", "vtjr"),
    // Anthropic has no JSON mode of the name; its models can be held to JSON by a tool.
    ("claude-2", "claude", ""),
    ("claude-v", "claude", ""),
    ("claude-instant", "claude", ""),
    ("claude-3-7", "claude", "vtr"),
    ("claude-3.7", "claude", "vtr"),
    ("claude-3", "claude", "vt"),
    ("claude", "claude", "vtr"),
    // Google.
    ("gemini-1", "gemini", "vtj"),
    ("gemini-2.0", "gemini", "vtj"),
    ("gemini-flash-1.5", "gemini", "vtj"),
    ("gemini-pro-1.5", "gemini", "vtj"),
    ("gemini-pro", "gemini", ""),
    ("gemini", "gemini", "vtjr"),
    ("gemma-3", "gemma", "v"),
    ("gemma", "gemma", ""),
    // Meta.
    ("llama-4", "llama", "vtj"),
    ("llama4", "llama", "vtj"),
    ("llama-3.2-11b", "llama", "vt"),
    ("llama-3.2-90b", "llama", "vt"),
    ("llama3-2-11b", "llama", "vt"),
    ("llama3-2-90b", "llama", "vt"),
    ("llama-3.1", "llama", "t"),
    ("llama-3.2", "llama", "t"),
    ("llama-3.3", "llama", "t"),
    ("llama3-1", "llama", "t"),
    ("llama3-2", "llama", "t"),
    ("llama3-3", "llama", "t"),
    ("llama", "llama", ""),
    ("meta-llama", "llama", ""),
    // Mistral.
    ("magistral", "mistral", "tjr"),
    ("pixtral", "mistral", "vtj"),
    ("mistral-medium-3", "mistral", "vtj"),
    ("mistral-small-3.1", "mistral", "vtj"),
    ("mistral-small-3.2", "mistral", "vtj"),
    ("mistral-7b", "mistral", ""),
    ("mistral-tiny", "mistral", ""),
    ("mistral", "mistral", "tj"),
    ("ministral", "mistral", "tj"),
    ("mixtral", "mistral", "tj"),
    ("codestral", "mistral", "tj"),
    ("devstral", "mistral", "tj"),
    ("voxtral", "mistral", "tj"),
    // Cohere.
    ("command-a-vision", "command", "vj"),
    ("command-a", "command", "tj"),
    ("command-r", "command", "tj"),
    ("command", "command", ""),
    ("c4ai", "aya", ""),
    // xAI.
    ("grok-2-vision", "grok", "vtj"),
    ("grok-2", "grok", "tj"),
    ("grok-3-mini", "grok", "tjr"),
    ("grok-3", "grok", "tj"),
    ("grok-4-fast-non-reasoning", "grok", "vtj"),
    ("grok-4-1-fast-non-reasoning", "grok", "vtj"),
    ("grok-4", "grok", "vtjr"),
    ("grok-code", "grok", "tjr"),
    ("grok", "grok", ""),
    // DeepSeek.
    ("deepseek-reasoner", "deepseek", "jr"),
    ("deepseek-r1", "deepseek", "r"),
    ("deepseek.r1", "deepseek", "r"),
    ("r1-1776", "deepseek", "r"),
    ("deepseek-chat", "deepseek", "tj"),
    ("deepseek-v3", "deepseek", "tj"),
    ("deepseek", "deepseek", ""),
    // Qwen, Kimi, GLM and others.
    ("qwen3-vl", "qwen", "vtj"),
    ("qwen2.5-vl", "qwen", "v"),
    ("qwen2p5-vl", "qwen", "v"),
    ("qwq", "qwen", "r"),
    ("qwen3", "qwen", "tj"),
    ("qwen", "qwen", ""),
    ("kimi-k2-thinking", "kimi", "tjr"),
    ("kimi", "kimi", "tj"),
    ("glm-4.5", "glm", "tjr"),
    ("glm-4.6", "glm", "tjr"),
    ("glm-5", "glm", "tjr"),
    ("glm", "glm", ""),
    ("sonar-reasoning", "sonar", "jr"),
    ("sonar-deep-research", "sonar", "jr"),
    ("sonar", "sonar", "j"),
    ("nova-micro", "nova", "t"),
    ("nova-lite", "nova", "vt"),
    ("nova-pro", "nova", "vt"),
    ("nova-premier", "nova", "vt"),
    ("nova", "nova", ""),
    ("minimax", "minimax", ""),
    ("nemotron", "nemotron", ""),
    ("jamba", "jamba", ""),
    ("phi", "phi", ""),
    ("hermes", "hermes", ""),
];

/// Words of models that answer no chat: what their family can do is not theirs.
const NO_CHAT: &[&str] = &[
    "embed",
    "embedding",
    "whisper",
    "tts",
    "transcribe",
    "moderation",
    "guard",
    "rerank",
    "ocr",
    "image",
    "realtime",
    "audio",
    "voice",
    "live",
];

/// What the name of a model tells of it.
pub(super) fn trait_of(name: &str) -> Traits {
    let name = name.to_ascii_lowercase();
    let Some((_, family, can)) = ROWS.iter().find(|(word, ..)| has_word_from(&name, word)) else {
        return Traits::default();
    };
    let can = if name.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| NO_CHAT.contains(&word)) {
        ""
    } else {
        can
    };
    Traits {
        family: Some(family),
        vision: can.contains('v'),
        tools: can.contains('t'),
        json_mode: can.contains('j'),
        reasoning: can.contains('r'),
    }
}

/// Whether `word` stands in `name` where a word begins.
fn has_word_from(name: &str, word: &str) -> bool {
    name.match_indices(word).any(|(at, _)| {
        let before = name.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|letter| !letter.is_ascii_alphanumeric())
    })
}

//! The kinds of providers that a project can forward to: where each is, how it wants its key, how its paths are built.
//!
//! **Cast.** A [`ProviderKind`] is one vendor's API; a stored base URL says where a project's account of it is;
//! [`ProviderKind::url`] joins the path of a call to it; [`KeyHeader`] says how the key travels.
//!
//! **Source.** `spec/wire-lockllm.md` 2.1 for the kinds, the hosts and the paths that clients send. Paths and key headers
//! are from each provider's own API reference; the pages that the code cannot be read without are named beside it.
//!
//! **What it does not do.** It does not look whether a provider has the path that is asked for: the provider says so.

mod url;

/// What `anthropic-version` a call to Anthropic carries when the caller sent none
/// (<https://docs.anthropic.com/en/api/versioning>: the header is required; this is its only stable value).
pub const ANTHROPIC_VERSION_DEFAULT: &str = "2023-06-01";

/// A kind of provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderKind {
    /// OpenAI's API.
    OpenAi,
    /// Anthropic's API: messages, and chat completions beside them.
    Anthropic,
    /// Google's Gemini API with an API key: `generateContent`, and chat completions beside it.
    Gemini,
    /// Cohere's API: chat in two versions, and chat completions beside them.
    Cohere,
    /// OpenRouter.
    OpenRouter,
    /// Perplexity.
    Perplexity,
    /// Mistral.
    Mistral,
    /// Groq.
    Groq,
    /// DeepSeek.
    DeepSeek,
    /// Together.
    Together,
    /// xAI.
    XAi,
    /// Fireworks.
    Fireworks,
    /// Anyscale's endpoints, or a service of one's own on it.
    Anyscale,
    /// Hugging Face's router.
    HuggingFace,
    /// Azure `OpenAI`: each customer has an address of their own.
    Azure,
    /// Amazon Bedrock: each region has an address.
    Bedrock,
    /// Google's Vertex AI: the address names region and project.
    VertexAi,
    /// `DeepInfra`.
    DeepInfra,
    /// Any server that speaks OpenAI's API.
    Custom,
}

/// The header that carries a provider's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyHeader {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// `x-api-key: KEY`, Anthropic's.
    XApiKey,
    /// `x-goog-api-key: KEY`, Gemini's.
    XGoogApiKey,
    /// `api-key: KEY`, Azure's.
    ApiKey,
}

impl KeyHeader {
    /// The header's name, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "authorization",
            Self::XApiKey => "x-api-key",
            Self::XGoogApiKey => "x-goog-api-key",
            Self::ApiKey => "api-key",
        }
    }

    /// What stands before the key in the header's value.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer ",
            Self::XApiKey | Self::XGoogApiKey | Self::ApiKey => "",
        }
    }
}

impl ProviderKind {
    /// Every kind, in the order of `spec/wire-lockllm.md` 2.1, then Wardbell's own.
    pub const ALL: &'static [Self] = &[
        Self::OpenAi,
        Self::Anthropic,
        Self::Gemini,
        Self::Cohere,
        Self::OpenRouter,
        Self::Perplexity,
        Self::Mistral,
        Self::Groq,
        Self::DeepSeek,
        Self::Together,
        Self::XAi,
        Self::Fireworks,
        Self::Anyscale,
        Self::HuggingFace,
        Self::Azure,
        Self::Bedrock,
        Self::VertexAi,
        Self::DeepInfra,
        Self::Custom,
    ];

    /// The name on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Cohere => "cohere",
            Self::OpenRouter => "openrouter",
            Self::Perplexity => "perplexity",
            Self::Mistral => "mistral",
            Self::Groq => "groq",
            Self::DeepSeek => "deepseek",
            Self::Together => "together",
            Self::XAi => "xai",
            Self::Fireworks => "fireworks",
            Self::Anyscale => "anyscale",
            Self::HuggingFace => "huggingface",
            Self::Azure => "azure",
            Self::Bedrock => "bedrock",
            Self::VertexAi => "vertex-ai",
            Self::DeepInfra => "deepinfra",
            Self::Custom => "custom",
        }
    }

    /// Finds a kind by its name; `vertex` is `vertex-ai` too, as `spec/api.md` and AISG call it.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "vertex" {
            return Some(Self::VertexAi);
        }
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// Where the provider's own service is; `None` where every customer has an address of their own, which must be
    /// configured. It ends with [`prefix`](Self::prefix).
    pub const fn default_base_url(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com/v1"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com/v1beta/openai"),
            Self::Cohere => Some("https://api.cohere.com/compatibility/v1"),
            Self::OpenRouter => Some("https://openrouter.ai/api/v1"),
            Self::Perplexity => Some("https://api.perplexity.ai"),
            Self::Mistral => Some("https://api.mistral.ai/v1"),
            Self::Groq => Some("https://api.groq.com/openai/v1"),
            Self::DeepSeek => Some("https://api.deepseek.com/v1"),
            Self::Together => Some("https://api.together.xyz/v1"),
            Self::XAi => Some("https://api.x.ai/v1"),
            Self::Fireworks => Some("https://api.fireworks.ai/inference/v1"),
            Self::Anyscale => Some("https://api.endpoints.anyscale.com/v1"),
            Self::HuggingFace => Some("https://router.huggingface.co/v1"),
            Self::DeepInfra => Some("https://api.deepinfra.com/v1/openai"),
            Self::Azure | Self::Bedrock | Self::VertexAi | Self::Custom => None,
        }
    }

    /// The path before `chat/completions`: a base URL without a path gets it. Vertex AI's names a project, so it has none
    /// of its own.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::OpenAi
            | Self::Anthropic
            | Self::Mistral
            | Self::DeepSeek
            | Self::Together
            | Self::XAi
            | Self::Anyscale
            | Self::HuggingFace
            | Self::Custom => "/v1",
            Self::Gemini => "/v1beta/openai",
            Self::Cohere => "/compatibility/v1",
            Self::OpenRouter => "/api/v1",
            Self::Groq | Self::Azure | Self::Bedrock => "/openai/v1",
            Self::Fireworks => "/inference/v1",
            Self::DeepInfra => "/v1/openai",
            Self::Perplexity | Self::VertexAi => "",
        }
    }

    /// The path under which versions lie: of `api/v1/messages` it is `/api`. A call's `v1/messages` is joined to it.
    const fn versions_under(self) -> &'static str {
        match self {
            Self::OpenRouter => "/api",
            Self::Groq => "/openai",
            Self::Fireworks => "/inference",
            Self::OpenAi
            | Self::Anthropic
            | Self::Gemini
            | Self::Cohere
            | Self::Perplexity
            | Self::Mistral
            | Self::DeepSeek
            | Self::Together
            | Self::XAi
            | Self::Anyscale
            | Self::HuggingFace
            | Self::Azure
            | Self::Bedrock
            | Self::VertexAi
            | Self::DeepInfra
            | Self::Custom => "",
        }
    }

    /// The header that carries the key of a call to `path`. Anthropic and Gemini want a header of their own on their own
    /// calls, and take what OpenAI's clients send on those that are shaped like OpenAI's
    /// (<https://docs.anthropic.com/en/api/openai-sdk>, <https://ai.google.dev/gemini-api/docs/openai>).
    pub fn key_header(self, path: &str) -> KeyHeader {
        match self {
            Self::Anthropic if !url::is_openai_shaped(self, path) => KeyHeader::XApiKey,
            Self::Gemini if !url::is_openai_shaped(self, path) => KeyHeader::XGoogApiKey,
            Self::Azure => KeyHeader::ApiKey,
            Self::OpenAi
            | Self::Anthropic
            | Self::Gemini
            | Self::Cohere
            | Self::OpenRouter
            | Self::Perplexity
            | Self::Mistral
            | Self::Groq
            | Self::DeepSeek
            | Self::Together
            | Self::XAi
            | Self::Fireworks
            | Self::Anyscale
            | Self::HuggingFace
            | Self::Bedrock
            | Self::VertexAi
            | Self::DeepInfra
            | Self::Custom => KeyHeader::Bearer,
        }
    }

    /// Headers that a call must have, beside the key: those that the caller did not send are added.
    pub const fn required_headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Anthropic => &[("anthropic-version", ANTHROPIC_VERSION_DEFAULT)],
            Self::OpenAi
            | Self::Gemini
            | Self::Cohere
            | Self::OpenRouter
            | Self::Perplexity
            | Self::Mistral
            | Self::Groq
            | Self::DeepSeek
            | Self::Together
            | Self::XAi
            | Self::Fireworks
            | Self::Anyscale
            | Self::HuggingFace
            | Self::Azure
            | Self::Bedrock
            | Self::VertexAi
            | Self::DeepInfra
            | Self::Custom => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_vertex_by_two() {
        for kind in ProviderKind::ALL {
            assert_eq!(ProviderKind::from_name(kind.as_str()), Some(*kind));
        }
        assert_eq!(ProviderKind::from_name("vertex"), Some(ProviderKind::VertexAi));
        assert_eq!(ProviderKind::from_name("OpenAI"), None);
        assert_eq!(ProviderKind::ALL.len(), 19);
    }

    #[test]
    fn a_default_base_url_ends_with_the_prefix_and_has_no_slash_after_it() {
        for kind in ProviderKind::ALL {
            if let Some(base) = kind.default_base_url() {
                assert!(
                    base.starts_with("https://") && base.ends_with(kind.prefix()) && !base.ends_with('/'),
                    "{base}"
                );
            }
        }
    }

    #[test]
    fn a_key_travels_as_the_call_wants_it() {
        for (kind, path, name, scheme) in [
            ("openai", "chat/completions", "authorization", "Bearer "),
            ("anthropic", "v1/messages", "x-api-key", ""),
            ("anthropic", "messages", "x-api-key", ""),
            ("anthropic", "v1/messages/count_tokens", "x-api-key", ""),
            ("anthropic", "chat/completions", "authorization", "Bearer "),
            ("anthropic", "v1/chat/completions", "authorization", "Bearer "),
            ("gemini", "chat/completions", "authorization", "Bearer "),
            ("gemini", "models", "authorization", "Bearer "),
            ("gemini", "v1beta/openai/embeddings", "authorization", "Bearer "),
            ("gemini", "v1beta/models/m:generateContent", "x-goog-api-key", ""),
            ("gemini", "v1/models/m:streamGenerateContent?alt=sse", "x-goog-api-key", ""),
            ("azure", "openai/deployments/d/chat/completions", "api-key", ""),
            ("azure", "chat/completions", "api-key", ""),
            ("bedrock", "model/m/converse", "authorization", "Bearer "),
            (
                "vertex-ai",
                "v1/projects/p/locations/l/publishers/google/models/m:generateContent",
                "authorization",
                "Bearer ",
            ),
            ("cohere", "v2/chat", "authorization", "Bearer "),
            ("custom", "chat/completions", "authorization", "Bearer "),
        ] {
            let header = ProviderKind::from_name(kind).unwrap().key_header(path);
            assert_eq!((header.name(), header.scheme()), (name, scheme), "{kind} {path}");
        }
    }
}

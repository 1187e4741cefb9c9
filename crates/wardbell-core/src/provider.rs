//! The kinds of providers that a project can forward to: where each is, how it wants its key, which APIs it speaks.
//!
//! **Source.** `spec/wire-lockllm.md` 2.1 for the list and the hosts; the path prefixes and key headers are from each
//! provider's own API reference.

/// A kind of provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderKind {
    /// OpenAI's API, or a server that speaks it.
    OpenAi,
}

impl ProviderKind {
    /// The name on every wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
        }
    }

    /// Finds a kind by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "openai" => Some(Self::OpenAi),
            _ => None,
        }
    }

    /// Where the provider's own service is.
    pub const fn default_base_url(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1",
        }
    }
}

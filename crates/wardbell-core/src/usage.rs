//! What an upstream says a call used.

/// Token counts as the provider reports them. The parts that have prices of their own lie within the two sums, whatever
/// the provider's way of counting: who reads a report adds up what it counts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub output_tokens: u64,
    /// Of the input: read from the provider's cache.
    pub cached_tokens: u64,
    /// Of the input: written to the provider's cache.
    pub cache_write_tokens: u64,
    /// Of the input: written to the provider's cache for an hour.
    pub cache_write_1h_tokens: u64,
    /// Of the output: thought, not said.
    pub reasoning_tokens: u64,
    /// The service that the provider says it gave.
    pub service: ServiceTier,
}

/// How quickly, and so how dearly, a provider serves a call. Source: OpenAI's `service_tier`
/// (<https://platform.openai.com/docs/api-reference/chat/create>) and Anthropic's `usage.service_tier`
/// (<https://docs.anthropic.com/en/api/service-tiers>), as we know their APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ServiceTier {
    /// The usual one, and every one that has no name here.
    #[default]
    Standard,
    /// Slower and cheaper.
    Flex,
    /// Hours later, and cheaper.
    Batch,
    /// Quicker and dearer.
    Priority,
}

impl ServiceTier {
    /// The tier that a provider's word names.
    pub fn from_word(word: &str) -> Self {
        match word {
            "flex" => Self::Flex,
            "batch" => Self::Batch,
            "priority" => Self::Priority,
            _ => Self::Standard,
        }
    }
}

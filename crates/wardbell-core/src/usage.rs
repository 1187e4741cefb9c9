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
}

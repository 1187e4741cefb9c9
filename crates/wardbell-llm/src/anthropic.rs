//! Anthropic's dialect.

pub(crate) mod messages;

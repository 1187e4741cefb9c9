//! Anthropic's dialect.

pub(crate) mod answer;
pub(crate) mod messages;

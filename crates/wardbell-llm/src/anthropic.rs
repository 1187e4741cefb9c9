//! Anthropic's dialect.

pub mod answer;

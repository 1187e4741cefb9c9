//! Gemini's dialect.

pub(crate) mod answer;
pub(crate) mod generate;

//! Gemini's dialect.

pub(crate) mod generate;

//! Gemini's dialect.

pub mod answer;

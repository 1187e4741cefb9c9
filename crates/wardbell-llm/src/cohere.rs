//! Cohere's dialect.

pub mod answer;

//! Cohere's dialect.

pub(crate) mod answer;
pub(crate) mod chat;

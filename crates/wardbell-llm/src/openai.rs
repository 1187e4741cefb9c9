//! OpenAI's dialect.

pub mod answer;
pub(crate) mod chat;
pub(crate) mod completions;
pub(crate) mod embeddings;
pub(crate) mod responses;
pub(crate) mod word;

//! Cohere's dialect.

pub(crate) mod chat;

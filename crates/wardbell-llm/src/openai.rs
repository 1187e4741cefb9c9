//! OpenAI's dialect.

pub mod answer;
pub mod chat;

//! OpenAI's dialect.

pub mod answer;
pub mod chat;
mod media;
mod word;

//! LLM dialects: bytes of a request in, text segments with byte ranges out; span edits; events of a stream.
//!
//! **Cast.** [`json`] walks JSON and gives byte ranges. [`segment`] is a text in a request that knows where each of its
//! bytes stands in the body. [`openai`] knows OpenAI's requests and answers. [`edit`] splices. [`sse`] reads along a
//! stream of server-sent events.
//!
//! **Guarantees.** Everything is linear in its input and bounded in depth and memory; nothing recurses. An edit changes
//! no byte outside its span.
//!
//! **What it does not do.** It does not look into JSON within a string (a tool call's arguments): that text is one segment.

pub mod answer;
pub mod anthropic;
pub mod cohere;
pub mod dialect;
pub mod edit;
pub mod gemini;
pub mod json;
pub mod openai;
pub mod segment;
mod shape;
pub mod sse;
pub mod stream;

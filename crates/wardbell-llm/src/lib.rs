//! LLM dialects: bytes of a request in, text segments with byte ranges out; span edits; events of a stream.
//!
//! **Cast.** [`json`] walks JSON and gives byte ranges. [`segment`] is a text in a request or an answer that knows where
//! each of its bytes stands in the body. [`openai`], [`anthropic`], [`gemini`] and [`cohere`] know the providers' requests
//! and answers. [`answer`] reads a whole answer of any [`dialect`], [`stream`] reads and guards one that streams. [`edit`]
//! splices. [`sse`] tells the events of a stream apart.
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

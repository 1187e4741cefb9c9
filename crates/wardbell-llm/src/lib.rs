//! LLM dialects: bytes of a request in, text segments with byte ranges out; span edits; events of a stream.
//!
//! **Cast.** [`json`] walks JSON and gives byte ranges. [`segment`] is a text in a request or an answer that knows where
//! each of its bytes stands in the body. [`dialect`] tells from a path which API it is. [`request`] reads a request,
//! [`answer`] a whole answer; [`stream`] reads and guards one that streams. A folder for each provider says what its
//! fields mean. [`transcript`] gives the turns of a request. [`edit`] splices. [`sse`] tells the events of a stream apart. [`price`] and [`models`] know what models cost
//! and can do.
//!
//! **Guarantees.** Everything is linear in its input and bounded in depth and memory; nothing recurses. An edit changes
//! no byte outside its span.
//!
//! **What it does not do.** It does not look into JSON within a string (a tool call's arguments): that text is one segment.

pub mod answer;
pub mod dialect;
pub mod edit;
pub mod json;
pub mod models;
pub mod openai;
pub mod price;
pub mod request;
pub mod segment;
pub mod sse;
pub mod stream;
pub mod tokens;
pub mod transcript;

mod anthropic;
mod cohere;
mod gemini;
mod generic;
mod shape;

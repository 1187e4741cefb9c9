//! LLM dialects: bytes of a request in, text segments with byte ranges out; span edits; events of a stream.
//!
//! **Cast.** [`json`] walks JSON and gives byte ranges. [`segment`] is a text in a request that knows where each of its
//! bytes stands in the body. [`dialect`] tells from a path which API it is, [`request`] reads the body; a folder for each
//! provider says what its fields mean. [`edit`] splices. [`sse`] reads along a
//! stream of server-sent events.
//!
//! **Guarantees.** Everything is linear in its input and bounded in depth and memory; nothing recurses. An edit changes
//! no byte outside its span.
//!
//! **What it does not do.** It does not look into JSON within a string (a tool call's arguments): that text is one segment.

pub(crate) mod anthropic;
pub(crate) mod cohere;
pub mod dialect;
pub mod edit;
pub(crate) mod gemini;
pub(crate) mod generic;
pub mod json;
pub mod models;
pub mod openai;
pub mod price;
pub mod request;
pub mod segment;
pub mod sse;

//! Fakes and a real gateway for tests. Development only; no other crate of Wardbell is used here, so that what a test
//! sees was judged by a second pair of eyes.
//!
//! **Cast.** [`provider::FakeProvider`] plays the model provider and [`receiver::FakeReceiver`] plays whoever is told of
//! an alert; both keep every request exactly as it came. [`gateway::Gateway`] runs the real `wardbell` binary in a
//! temporary data folder and speaks to it over real sockets. [`canary`] holds text that may show up in no log.
//!
//! **How it works.** Every fake listens on a free port of 127.0.0.1 with plain threads and a small HTTP/1.1 reader of its
//! own. There is no runtime to share or to block: the fakes serve a test that is synchronous, one on tokio's
//! current-thread runtime, and one whose tokio clock is paused. A hand-written reader also keeps header case, header
//! order and body bytes, which an HTTP library would tidy up, and can break off in the middle of an answer.
//!
//! **Guarantees.** Nothing outlives its value: dropping a fake closes its sockets and ends its threads; dropping a
//! gateway kills the child process by its handle and removes the data folder. Every wait has a deadline.
//!
//! **Bounds.** A request head is at most 256 KiB, a body at most 128 MiB; past either the fake hangs up.
//!
//! **What it does not do.** HTTP/2 and compression. It checks no request: any path, header or body is answered as its path's ending says.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fixture that cannot be set up has only one answer: fail the test with the reason"
)]

pub mod authority;
pub mod canary;
pub mod gateway;
pub mod headers;
pub mod provider;
pub mod receiver;
pub mod reply;
pub mod request;
pub mod signature;

mod line;
mod server;

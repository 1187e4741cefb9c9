//! Detectors for personal data, secrets and prompt injection: text in, findings out, no effects.
//!
//! **Cast.** A [`view::View`] is the text as detectors read it: invisible characters out, digits, dashes and spaces in
//! their plain forms, with a map back to the bytes that were sent. A *rule* is one thing to look for: an id, what
//! wakes it, how it recognises a match, and the texts that it must and must not find, all in one file of the folder
//! of its family (`pii/`, `secret/`, `injection/`). The [`registry`] lists the rules. The [`engine::Engine`] compiles
//! the list once and then scans any text from any thread.
//!
//! **Theory of operation.** A scan makes the view, then reads it once with one automaton that knows the keywords and
//! context words of all rules, once for digits and once for `@`. A keyword opens a window for its rule; windows that
//! touch are merged, so that the windows of a rule never add up to more than the text. A rule's pattern runs inside
//! its windows only. Digit rules get groups of digits with the separators between them, the e-mail rule gets each `@`.
//! Findings of data (personal data and secrets) are then made free of overlap, findings of injection likewise and
//! apart from them, so that neither can hide the other.
//!
//! Beside the engine stand two families that look at a text as a whole: [`abuse`] (floods, templates, demands without
//! measure) and [`content`] (a project's own patterns, words and examples).
//!
//! **Guarantees.** Spans are byte offsets of the source on character boundaries, sorted, and cover the invisible
//! characters that stand inside a match. The time of a scan is linear in the length of the text, for any text. A
//! scan cannot fail: everything that can go wrong goes wrong in [`engine::Engine::new`].
//!
//! **What it does not do.** It does not decode (base64, percent escapes), fold look-alike letters of other scripts,
//! join findings over segments, or judge meaning. The injection rules know five families of English phrases and
//! nothing else.

pub mod abuse;
pub mod cascade;
pub mod content;
pub mod engine;
pub mod linear;
pub mod reading;
pub mod registry;
pub mod view;

mod context;
mod digits;
mod injection;
mod pii;
mod rule;
mod secret;

//! Reads along a stream for what it says about the call.

use wardbell_core::usage::{ServiceTier, Usage};

use super::framing::Splitter;
use crate::answer;
use crate::dialect::Dialect;
use crate::sse::{self, Frame};

/// Reads along a stream. What it tells is as if the stream ended with the last byte pushed.
#[derive(Debug)]
pub struct StreamObserver {
    dialect: Dialect,
    splitter: Splitter,
    seen: Seen,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    usage: Option<Usage>,
    done: bool,
    failed: bool,
}

impl Seen {
    fn take(&mut self, dialect: Dialect, data: &[u8]) {
        // Looking is cheaper than reading, and most events have neither.
        let has = |word: &[u8]| memchr::memmem::find(data, word).is_some();
        if has(b"usage") || has(b"\"meta\"") {
            self.used(answer::usage(dialect, data));
        }
        if has(b"error") || has(b"ERROR") || has(b"failed") {
            self.failed |= answer::is_error(dialect, data);
        }
        self.done |= answer::is_last(dialect, data);
    }

    /// Anthropic tells the input at the start and the output at the end: a later zero says nothing.
    fn used(&mut self, told: Option<Usage>) {
        let Some(told) = told else { return };
        let before = self.usage.unwrap_or_default();
        let later = |now, before| if now == 0 { before } else { now };
        self.usage = Some(Usage {
            input_tokens: later(told.input_tokens, before.input_tokens),
            output_tokens: later(told.output_tokens, before.output_tokens),
            cached_tokens: later(told.cached_tokens, before.cached_tokens),
            cache_write_tokens: later(told.cache_write_tokens, before.cache_write_tokens),
            cache_write_1h_tokens: later(told.cache_write_1h_tokens, before.cache_write_1h_tokens),
            reasoning_tokens: later(told.reasoning_tokens, before.reasoning_tokens),
            service: if told.service == ServiceTier::Standard { before.service } else { told.service },
        });
    }
}

impl StreamObserver {
    /// Starts at the beginning of a stream.
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, splitter: Splitter::default(), seen: Seen::default() }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        let (seen, dialect) = (&mut self.seen, self.dialect);
        self.splitter.push(piece, |frame| match frame {
            Frame::Event { raw, data, .. } => seen.take(dialect, &sse::join(raw, data)),
            Frame::Filler(_) | Frame::TooLong(_) => {}
        });
    }

    /// What the stream says that the call used: the last that it said, of input and of output.
    pub fn usage(&self) -> Option<Usage> {
        self.seen().usage
    }

    /// Whether the dialect's own end has come: `[DONE]`, `response.completed`, `message_stop`, a `finishReason`,
    /// `message-end` or `stream-end`.
    pub fn is_done(&self) -> bool {
        self.seen().done
    }

    /// Whether the provider has told of a failure amid the stream.
    pub fn has_failed(&self) -> bool {
        self.seen().failed
    }

    /// How many events were too long to be read.
    pub fn skipped(&self) -> u64 {
        self.splitter.skipped()
    }

    fn seen(&self) -> Seen {
        let mut seen = self.seen;
        if let Some(data) = self.splitter.rest() {
            seen.take(self.dialect, &data);
        }
        seen
    }
}

#[cfg(test)]
mod tests;

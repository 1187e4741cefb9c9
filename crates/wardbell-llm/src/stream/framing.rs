//! How a stream is cut into events: server-sent events, or JSON values one after the other.
//!
//! Cohere's version 1 sends a JSON object on each line; Gemini without `alt=sse` sends one JSON list, whose entries are the
//! events. Which it is shows in the first byte that is no line end.

use std::borrow::Cow;

use crate::sse::{EVENT_BYTES_MAX, Frame, SseSplitter};

/// Splits a stream of either form.
#[derive(Debug, Default)]
pub(super) enum Splitter {
    /// Nothing has come that tells.
    #[default]
    Open,
    Events(SseSplitter),
    Values(ValueSplitter),
}

/// The form of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Framing {
    #[default]
    Events,
    /// JSON values, one after the other.
    Values,
    /// Entries of a JSON list.
    List,
}

impl Splitter {
    /// Learns the form of the stream from its next piece, before it is pushed.
    pub(super) fn learn(&mut self, piece: &[u8]) -> Framing {
        if let Self::Open = self
            && let Some(first) = piece.iter().find(|byte| !is_line_end(**byte))
        {
            *self = match first {
                b'[' => Self::Values(ValueSplitter { list: true, ..ValueSplitter::default() }),
                b'{' => Self::Values(ValueSplitter::default()),
                _ => Self::Events(SseSplitter::default()),
            };
        }
        match self {
            Self::Open | Self::Events(_) => Framing::Events,
            Self::Values(ValueSplitter { list: true, .. }) => Framing::List,
            Self::Values(_) => Framing::Values,
        }
    }

    pub(super) fn push(&mut self, piece: &[u8], mut sink: impl FnMut(Frame<'_>)) {
        self.learn(piece);
        match self {
            Self::Open if piece.is_empty() => {}
            Self::Open => sink(Frame::Filler(piece)),
            Self::Events(splitter) => splitter.push(piece, sink),
            Self::Values(splitter) => splitter.push(piece, sink),
        }
    }

    pub(super) fn finish(&mut self, sink: impl FnMut(Frame<'_>)) {
        match self {
            Self::Open => {}
            Self::Events(splitter) => splitter.finish(sink),
            Self::Values(splitter) => splitter.finish(sink),
        }
    }

    /// The data of the event that has begun, as if the stream ended here.
    pub(super) fn rest(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Open => None,
            Self::Events(splitter) => splitter.rest(),
            Self::Values(splitter) => (!splitter.raw.is_empty()).then_some(Cow::Borrowed(&splitter.raw)),
        }
    }

    pub(super) fn skipped(&self) -> u64 {
        match self {
            Self::Open => 0,
            Self::Events(splitter) => splitter.skipped(),
            Self::Values(splitter) => splitter.skipped,
        }
    }
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Splits JSON values that follow each other, or the entries of one list, by their brackets alone.
#[derive(Debug, Default)]
pub(super) struct ValueSplitter {
    raw: Vec<u8>,
    at: At,
    /// The stream is one list.
    list: bool,
    /// The bracket that opens it has come.
    begun: bool,
    too_long: bool,
    skipped: u64,
}

/// Where in the stream the splitter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    /// Between two values.
    #[default]
    Between,
    /// In a value that is neither in brackets nor in quotes.
    Bare,
    /// In brackets, this many deep.
    Nested(u32),
    /// In a string within that many brackets.
    String(u32),
    /// After a backslash in such a string.
    Escape(u32),
}

impl At {
    /// Where the splitter stands after the next byte of a value.
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Between, b'{' | b'[') => Self::Nested(1),
            (Self::Between, b'"') => Self::String(0),
            (Self::Between | Self::Bare, _) => Self::Bare,
            (Self::Nested(depth), b'{' | b'[') => Self::Nested(depth.saturating_add(1)),
            (Self::Nested(1), b'}' | b']') | (Self::String(0), b'"') => Self::Between,
            (Self::Nested(depth), b'}' | b']') => Self::Nested(depth.saturating_sub(1)),
            (Self::Nested(depth), b'"') | (Self::Escape(depth), _) => Self::String(depth),
            (Self::String(depth), b'"') => Self::Nested(depth),
            (Self::String(depth), b'\\') => Self::Escape(depth),
            (Self::Nested(_) | Self::String(_), _) => self,
        }
    }
}

/// Whether a byte may stand between two values.
fn is_separator(byte: u8, list: bool) -> bool {
    byte.is_ascii_whitespace() || list && matches!(byte, b',' | b']')
}

impl ValueSplitter {
    fn push(&mut self, mut piece: &[u8], mut sink: impl FnMut(Frame<'_>)) {
        if self.list && !self.begun {
            let lead = piece.iter().position(|byte| *byte == b'[').map_or(piece.len(), |at| at + 1);
            let (opening, rest) = piece.split_at_checked(lead).unwrap_or_default();
            self.begun = opening.ends_with(b"[");
            if !opening.is_empty() {
                sink(Frame::Filler(opening));
            }
            piece = rest;
        }
        while !piece.is_empty() {
            let list = self.list;
            if self.at == At::Between {
                let fill = piece.iter().take_while(|byte| is_separator(**byte, list)).count();
                let (filler, rest) = piece.split_at_checked(fill).unwrap_or_default();
                if !filler.is_empty() {
                    sink(Frame::Filler(filler));
                }
                piece = rest;
            }
            let mut taken = 0;
            let mut over = false;
            for byte in piece {
                if self.at == At::Bare && is_separator(*byte, list) {
                    (self.at, over) = (At::Between, true);
                    break;
                }
                self.at = self.at.after(*byte);
                taken += 1;
                if self.at == At::Between {
                    over = true;
                    break;
                }
            }
            let (value, rest) = piece.split_at_checked(taken).unwrap_or_default();
            self.grow(value, &mut sink);
            if over {
                self.emit(&mut sink);
            }
            piece = rest;
        }
    }

    fn finish(&mut self, mut sink: impl FnMut(Frame<'_>)) {
        self.emit(&mut sink);
        *self = Self { skipped: self.skipped, list: self.list, begun: self.begun, ..Self::default() };
    }

    fn grow(&mut self, bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        if !self.too_long && self.raw.len() + bytes.len() > EVENT_BYTES_MAX {
            self.too_long = true;
            self.skipped += 1;
            sink(Frame::TooLong(&self.raw));
            self.raw = Vec::new();
        }
        if self.too_long {
            sink(Frame::TooLong(bytes));
        } else {
            self.raw.extend_from_slice(bytes);
        }
    }

    fn emit(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        if !self.raw.is_empty() {
            let whole = 0..self.raw.len();
            sink(Frame::Event { raw: &self.raw, data: std::slice::from_ref(&whole), odd: false });
        }
        self.raw.clear();
        self.too_long = false;
    }
}

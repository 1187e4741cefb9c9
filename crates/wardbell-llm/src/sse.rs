//! Server-sent events, told apart while their bytes pass (WHATWG HTML, section 9.2.6,
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>, read 2026-11-23).
//!
//! **Guarantee.** The bytes of all frames, in order, are the bytes of the stream.
//!
//! **What it differs in.** An event that the stream's end cuts off counts, where the standard drops it: providers leave the
//! last blank line out, and clients that read by lines act on it. See [`SseSplitter::rest`].
//!
//! **Bounds.** One event is kept up to [`EVENT_BYTES_MAX`], its comments and names included. Of a longer one nothing is
//! read, which is counted; its bytes pass, and reading goes on with the next.

use std::borrow::Cow;
use std::ops::Range;

/// The longest event that is read, in bytes. Source: our choice; it bounds the memory of an open stream.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// What a stream may begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A stretch of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Bytes without data: comments, blank lines, what stands between two values.
    Filler(&'a [u8]),
    /// An event, with all of its bytes.
    Event {
        /// Every byte, the blank line that ends it included.
        raw: &'a [u8],
        /// Where its data lines stand in `raw`. Joined by line feeds, they are its data.
        data: &'a [Range<usize>],
        /// Whether it has a line that the standard does not know: a reader of events skips it, who knows about others.
        odd: bool,
    },
    /// Bytes of an event that is too long to be read.
    TooLong(&'a [u8]),
}

/// The data of an event: its lines joined by line feeds.
pub fn join<'a>(raw: &'a [u8], data: &[Range<usize>]) -> Cow<'a, [u8]> {
    let line = |range: &Range<usize>| raw.get(range.clone()).unwrap_or_default();
    match data {
        [] => Cow::Borrowed(&[]),
        [only] => Cow::Borrowed(line(only)),
        lines => Cow::Owned(lines.iter().map(line).collect::<Vec<_>>().join(&b'\n')),
    }
}

/// Splits a stream into its events, whatever pieces it comes in.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact about the byte where a piece ended")]
pub struct SseSplitter {
    /// The event so far.
    raw: Vec<u8>,
    /// Where its last line begins.
    line_start: usize,
    data: Vec<Range<usize>>,
    /// It has a line that is more than a comment.
    named: bool,
    odd: bool,
    /// The event is too long: its bytes pass unread.
    too_long: bool,
    /// The last line of an event that is too long has something in it.
    line_has_bytes: bool,
    /// The last byte was a carriage return, so that a line feed now belongs to it.
    after_return: bool,
    /// The first line is over.
    begun: bool,
    skipped: u64,
}

impl SseSplitter {
    /// Takes the next piece and calls `sink` with every frame that it completes.
    pub fn push(&mut self, mut piece: &[u8], mut sink: impl FnMut(Frame<'_>)) {
        while !piece.is_empty() {
            if std::mem::take(&mut self.after_return)
                && let Some(rest) = piece.strip_prefix(b"\n")
            {
                self.second_half(&mut sink);
                piece = rest;
                continue;
            }
            let Some(at) = memchr::memchr2(b'\n', b'\r', piece) else { break };
            let (line, rest) = piece.split_at(at);
            self.grow(line, &mut sink);
            let (end, rest) = rest.split_at_checked(1).unwrap_or_default();
            self.after_return = end == b"\r";
            self.end_line(end, &mut sink);
            piece = rest;
        }
        self.grow(piece, &mut sink);
    }

    /// The stream is over: what it cut off is an event too.
    pub fn finish(&mut self, mut sink: impl FnMut(Frame<'_>)) {
        if !self.too_long {
            self.take_line();
            self.emit(&mut sink);
        }
        *self = Self { skipped: self.skipped, ..Self::default() };
    }

    /// The data of the event that has begun, as if the stream ended here.
    pub fn rest(&self) -> Option<Cow<'_, [u8]>> {
        let (last, has_last) = match data_of(self.line()) {
            Some(within) => (self.raw.len() - within..self.raw.len(), true),
            None => (0..0, false),
        };
        match (self.data.as_slice(), has_last) {
            ([], false) => None,
            ([], true) => Some(join(&self.raw, &[last])),
            (lines, false) => Some(join(&self.raw, lines)),
            (lines, true) => Some(join(&self.raw, &[lines, &[last]].concat())),
        }
    }

    /// How many events were too long to be read.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The line so far, without the mark that a stream may begin with.
    fn line(&self) -> &[u8] {
        let line = self.raw.get(self.line_start..).unwrap_or_default();
        match line.strip_prefix(BYTE_ORDER_MARK) {
            Some(line) if !self.begun => line,
            _ => line,
        }
    }

    fn grow(&mut self, bytes: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        if bytes.is_empty() {
            return;
        }
        if !self.too_long && self.raw.len() + bytes.len() > EVENT_BYTES_MAX {
            self.too_long = true;
            self.skipped += 1;
            sink(Frame::TooLong(&self.raw));
            self.raw = Vec::new();
            self.data = Vec::new();
            self.line_start = 0;
        }
        if self.too_long {
            self.line_has_bytes = true;
            sink(Frame::TooLong(bytes));
        } else {
            self.raw.extend_from_slice(bytes);
        }
    }

    /// Ends the line with its first byte of an end.
    fn end_line(&mut self, end: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        if self.too_long {
            sink(Frame::TooLong(end));
            if !std::mem::take(&mut self.line_has_bytes) {
                (self.too_long, self.named, self.odd) = (false, false, false);
            }
        } else {
            let blank = self.line().is_empty();
            let comment = self.line().starts_with(b":");
            if !blank && !comment {
                self.take_line();
            }
            self.raw.extend_from_slice(end);
            self.line_start = self.raw.len();
            // A comment before an event waits for nothing.
            if blank || !self.named {
                self.emit(sink);
            }
        }
        self.begun = true;
    }

    /// Reads the line that is over.
    fn take_line(&mut self) {
        let line = self.line();
        if line.is_empty() || line.starts_with(b":") {
            return;
        }
        let data = data_of(line);
        let known = ["event", "id", "retry"].iter().any(|name| {
            line.strip_prefix(name.as_bytes()).is_some_and(|rest| matches!(rest.first(), None | Some(b':')))
        });
        self.odd |= data.is_none() && !known;
        self.named = true;
        if let Some(within) = data {
            self.data.push(self.raw.len() - within..self.raw.len());
        }
    }

    fn emit(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        if self.raw.is_empty() {
            return;
        }
        if self.data.is_empty() && !self.odd {
            sink(Frame::Filler(&self.raw));
        } else {
            sink(Frame::Event { raw: &self.raw, data: &self.data, odd: self.odd });
        }
        self.raw.clear();
        self.data.clear();
        (self.line_start, self.named, self.odd) = (0, false, false);
    }

    /// The line feed of a carriage return and a line feed that came apart.
    fn second_half(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        if self.too_long {
            sink(Frame::TooLong(b"\n"));
        } else if self.raw.is_empty() {
            sink(Frame::Filler(b"\n"));
        } else {
            self.raw.push(b'\n');
            self.line_start = self.raw.len();
        }
    }
}

/// How long the value of a `data` line is, which is the end of the line; one without a colon is empty.
fn data_of(line: &[u8]) -> Option<usize> {
    match line.strip_prefix(b"data")? {
        [] => Some(0),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value.len()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn data(frame: Frame<'_>) -> Option<String> {
        match frame {
            Frame::Event { raw, data, .. } if !data.is_empty() => {
                Some(String::from_utf8_lossy(&join(raw, data)).into_owned())
            }
            Frame::Event { .. } | Frame::Filler(_) | Frame::TooLong(_) => None,
        }
    }

    fn events<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<String> {
        let mut splitter = SseSplitter::default();
        let mut events = Vec::new();
        for piece in pieces {
            splitter.push(piece, |frame| events.extend(data(frame)));
        }
        // What the end cut off stands in parentheses.
        events.extend(splitter.rest().map(|data| format!("({})", String::from_utf8_lossy(&data))));
        events
    }

    #[test]
    fn events_are_split_by_every_kind_of_line_end() {
        for end in ["\n", "\r", "\r\n"] {
            let stream = [
                "data: a",
                "",
                ": comment",
                "event: x",
                "data:b",
                "data:  c",
                "",
                "",
                "id: 1",
                "",
                "data",
                "",
                "data: open",
            ]
            .join(end);
            assert_eq!(events([stream.as_bytes()]), ["a", "b\n c", "", "(open)"], "{end:?}");
        }
    }

    #[test]
    fn a_line_is_data_only_under_that_name() {
        for (stream, expect) in [
            ("data:a\n\n", &["a"][..]),
            ("data: a\n\n", &["a"]),
            ("data:  a \n\n", &[" a "]),
            ("data:a:b\n\n", &["a:b"]),
            ("data\ndata\n\n", &["\n"]),
            ("database: a\n\n", &[]),
            (" data: a\n\n", &[]),
            ("Data: a\n\n", &[]),
            ("event: error\nid: 1\nretry: 5\n: data: a\n\n", &[]),
            ("\u{feff}data: a\n\ndata: b\n\n", &["a", "b"]),
            ("data: a\n\n\u{feff}data: b\n\n", &["a"]),
            ("\u{feff}\u{feff}data: a\n\n", &[]),
            ("\u{feff}\ndata: a\n\n", &["a"]),
            ("data: a\n", &["(a)"]),
            ("data: a\ndata: b", &["(a\nb)"]),
            ("data: a\ndat", &["(a)"]),
            ("", &[]),
        ] {
            assert_eq!(events([stream.as_bytes()]), expect, "{stream:?}");
        }
    }

    #[test]
    fn an_endless_event_is_dropped_and_the_next_one_read() {
        let mut splitter = SseSplitter::default();
        let mut seen = Vec::new();
        for _ in 0..40 {
            splitter.push(&vec![b'x'; 64 * 1024], |frame| seen.extend(data(frame)));
            assert!(splitter.raw.capacity() <= 2 * EVENT_BYTES_MAX);
        }
        splitter.push(b"\n\ndata: next\n\n", |frame| seen.extend(data(frame)));
        assert_eq!((seen.as_slice(), splitter.skipped()), (&["next".to_owned()][..], 1));
        splitter.push(b"data: a\ndata: ", |frame| seen.extend(data(frame)));
        splitter.push(&vec![b'x'; EVENT_BYTES_MAX], |frame| seen.extend(data(frame)));
        splitter.push(b"\ndata: b\n", |frame| seen.extend(data(frame)));
        assert_eq!((seen.len(), splitter.skipped(), splitter.rest()), (1, 2, None));
        splitter.push(b"\n", |frame| seen.extend(data(frame)));
        assert_eq!((seen.len(), splitter.skipped(), splitter.rest()), (1, 2, None));
    }

    #[test]
    fn comments_before_an_event_wait_for_nothing_and_cost_nothing() {
        let mut splitter = SseSplitter::default();
        let mut bytes = 0;
        for _ in 0..100_000 {
            splitter.push(b": still here, still thinking\n", |frame| {
                let Frame::Filler(raw) = frame else { panic!("{frame:?}") };
                bytes += raw.len();
            });
        }
        assert_eq!((bytes, splitter.skipped()), (29 * 100_000, 0));
        assert!(splitter.raw.capacity() < 1024);
    }

    #[test]
    fn the_longest_event_is_read_and_one_more_byte_is_too_long_however_it_is_cut() {
        for (over, expect) in [(0, 1), (1, 0)] {
            let stream = ["data: ", &"x".repeat(EVENT_BYTES_MAX - 6 + over), "\n\n"].concat();
            for cut in [1, 4096, stream.len()] {
                let seen = events(stream.as_bytes().chunks(cut));
                assert_eq!(seen.len(), expect, "{over} {cut}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_events(
            stream in "\u{feff}?(data: [ab]{0,3}|data:|data|:c|x|\r|\n|\r\n|\n\n){0,24}",
            cuts in prop::collection::vec(0usize..120, 0..8),
        ) {
            let bytes = stream.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(events(pieces.iter().copied()), events([bytes]));
            let mut splitter = SseSplitter::default();
            let mut passed = Vec::new();
            let mut take = |frame: Frame<'_>| match frame {
                Frame::Filler(raw) | Frame::Event { raw, .. } | Frame::TooLong(raw) => passed.extend_from_slice(raw),
            };
            for piece in pieces {
                splitter.push(piece, &mut take);
            }
            splitter.finish(&mut take);
            prop_assert_eq!(passed, bytes);
        }
    }
}

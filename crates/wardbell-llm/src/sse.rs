//! Server-sent events, read along while the bytes pass untouched (WHATWG HTML, section 9.2.6,
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>, read 2026-11-23).
//!
//! **What it differs in.** An event that the stream's end cuts off counts, where the standard drops it: providers leave the
//! last blank line out, and clients that read by lines act on it. See [`SseSplitter::rest`].
//!
//! **Bounds.** One event is kept up to [`EVENT_BYTES_MAX`]. Of a longer one nothing is read, which is counted; its bytes
//! pass, and reading goes on with the next.

use std::borrow::Cow;

use wardbell_core::usage::Usage;

use crate::openai::answer;

/// The longest event that is read, in bytes. Source: our choice; it bounds the memory of an open stream.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// What a stream may begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Splits a stream into the data of its events, whatever pieces it comes in.
#[derive(Debug, Default)]
pub struct SseSplitter {
    /// The line so far.
    line: Vec<u8>,
    /// The data lines of the event so far, joined by line feeds.
    data: Vec<u8>,
    data_lines: usize,
    /// The event is too long: drop it and go on with the next.
    too_long: bool,
    /// The last byte was a carriage return, so that a line feed now belongs to it.
    after_return: bool,
    /// The first line is over.
    begun: bool,
    skipped: u64,
}

impl SseSplitter {
    /// Takes the next piece and calls `event` with the data of every event that it completes.
    pub fn push(&mut self, mut piece: &[u8], mut event: impl FnMut(&[u8])) {
        if self.after_return && !piece.is_empty() {
            self.after_return = false;
            piece = piece.strip_prefix(b"\n").unwrap_or(piece);
        }
        while let Some(at) = memchr::memchr2(b'\n', b'\r', piece) {
            let (line, rest) = piece.split_at(at);
            self.grow(line);
            self.end_line(&mut event);
            let crlf = rest.starts_with(b"\r\n");
            self.after_return = rest == b"\r";
            piece = rest.get(if crlf { 2 } else { 1 }..).unwrap_or_default();
        }
        self.grow(piece);
    }

    /// The data of the event that has begun, as if the stream ended here.
    pub fn rest(&self) -> Option<Cow<'_, [u8]>> {
        if self.too_long {
            return None;
        }
        match (data_of(self.line()), self.data_lines > 0) {
            (None, false) => None,
            (None, true) => Some(Cow::Borrowed(&self.data)),
            (Some(last), false) => Some(Cow::Borrowed(last)),
            (Some(last), true) => Some(Cow::Owned([&self.data, b"\n".as_slice(), last].concat())),
        }
    }

    /// How many events were too long to be read.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The line so far, without the mark that a stream may begin with.
    fn line(&self) -> &[u8] {
        match self.line.strip_prefix(BYTE_ORDER_MARK) {
            Some(line) if !self.begun => line,
            _ => &self.line,
        }
    }

    fn grow(&mut self, bytes: &[u8]) {
        if self.too_long {
            // Whether the line is empty still matters: one byte tells.
            if self.line.is_empty() && !bytes.is_empty() {
                self.line.push(b':');
            }
        } else if self.line.len() + self.data.len() + bytes.len() > EVENT_BYTES_MAX {
            self.too_long = true;
            self.skipped += 1;
            self.data = Vec::new();
            self.line = vec![b':'];
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, event: &mut impl FnMut(&[u8])) {
        if self.line().is_empty() {
            if self.data_lines > 0 && !self.too_long {
                event(&self.data);
            }
            self.data.clear();
            (self.data_lines, self.too_long) = (0, false);
        } else if !self.too_long {
            // Taken out for the borrow's sake.
            let mut data = std::mem::take(&mut self.data);
            if let Some(value) = data_of(self.line()) {
                if self.data_lines > 0 {
                    data.push(b'\n');
                }
                data.extend_from_slice(value);
                self.data_lines += 1;
            }
            self.data = data;
        }
        self.line.clear();
        self.begun = true;
    }
}

/// The value of a `data` line; one without a colon is empty.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data")? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

/// Reads along a stream of chat completions. What it tells is as if the stream ended with the last byte pushed.
#[derive(Debug, Default)]
pub struct StreamObserver {
    splitter: SseSplitter,
    seen: Seen,
}

#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    usage: Option<Usage>,
    done: bool,
    failed: bool,
}

impl Seen {
    fn take(&mut self, data: &[u8]) {
        if data == b"[DONE]" {
            self.done = true;
            return;
        }
        // Looking is cheaper than reading, and most chunks have neither.
        if memchr::memmem::find(data, b"\"usage\"").is_some() {
            self.usage = answer::usage(data).or(self.usage);
        }
        if memchr::memmem::find(data, b"\"error\"").is_some() {
            self.failed |= answer::is_error(data);
        }
    }
}

impl StreamObserver {
    /// Starts at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        let seen = &mut self.seen;
        self.splitter.push(piece, |data| seen.take(data));
    }

    /// What the stream says that the call used: the last that it said.
    pub fn usage(&self) -> Option<Usage> {
        self.seen().usage
    }

    /// Whether the end mark `[DONE]` has come.
    pub fn is_done(&self) -> bool {
        self.seen().done
    }

    /// Whether the provider has sent an error object amid the stream.
    pub fn has_failed(&self) -> bool {
        self.seen().failed
    }

    /// How many events were too long to be read: what they said of usage, end or error is not known.
    pub fn skipped(&self) -> u64 {
        self.splitter.skipped()
    }

    /// With the event that has begun.
    fn seen(&self) -> Seen {
        let mut seen = self.seen;
        if let Some(data) = self.splitter.rest() {
            seen.take(&data);
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<String> {
        let mut splitter = SseSplitter::default();
        let mut events = Vec::new();
        for piece in pieces {
            splitter.push(piece, |data| events.push(String::from_utf8_lossy(data).into_owned()));
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
        let mut count = 0;
        for _ in 0..40 {
            splitter.push(&vec![b'x'; 64 * 1024], |_| count += 1);
            assert!(splitter.line.capacity() + splitter.data.capacity() <= 4 * EVENT_BYTES_MAX);
        }
        splitter.push(b"\n\ndata: next\n\n", |data| {
            assert_eq!(data, b"next");
            count += 1;
        });
        assert_eq!((count, splitter.skipped()), (1, 1));
        splitter.push(b"data: a\ndata: ", |_| count += 1);
        splitter.push(&vec![b'x'; EVENT_BYTES_MAX], |_| count += 1);
        splitter.push(b"\ndata: b\n", |_| count += 1);
        assert_eq!((count, splitter.skipped(), splitter.rest()), (1, 2, None));
        splitter.push(b"\n", |_| count += 1);
        assert_eq!((count, splitter.skipped(), splitter.rest()), (1, 2, None));
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

    #[test]
    fn the_observer_sees_usage_and_the_end() {
        let stream = b"data: {\"usage\":null}\n\ndata: {\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n";
        let mut observer = StreamObserver::new();
        let mark_end = stream.len() - "\n\n".len();
        for (at, byte) in stream.iter().enumerate() {
            assert_eq!(observer.is_done(), at >= mark_end, "{at}");
            observer.push(&[*byte]);
        }
        assert!(observer.is_done() && !observer.has_failed());
        assert_eq!(observer.usage(), Some(Usage { input_tokens: 2, output_tokens: 1, ..Usage::default() }));
        assert_eq!(observer.skipped(), 0);
    }

    #[test]
    fn the_observer_needs_no_last_blank_line() {
        for end in ["", "\n", "\r", "\r\n\r\n"] {
            let mut observer = StreamObserver::new();
            observer.push(format!("data: {{\"usage\":{{\"prompt_tokens\":2}}}}{end}").as_bytes());
            assert_eq!(
                observer.usage(),
                Some(Usage { input_tokens: 2, output_tokens: 0, ..Usage::default() }),
                "{end:?}"
            );
            assert!(!observer.is_done());
        }
    }

    #[test]
    fn the_observer_sees_an_error_amid_the_stream() {
        let mut observer = StreamObserver::new();
        observer.push(b"data: {\"choices\":[{\"delta\":{\"content\":\"\\\"error\\\": {\\\"error\\\":1}\"}}]}\n\n");
        observer.push(b"data: {\"choices\":[{\"error\":{}}],\"error\":null}\n\n");
        assert!(!observer.has_failed());
        observer.push(b"event: error\ndata: {\"error\":{\"message\":\"overloaded\"}}\n\ndata: [DONE]\n\n");
        assert!(observer.has_failed() && observer.is_done());
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
            prop_assert_eq!(events(pieces), events([bytes]));
        }
    }
}

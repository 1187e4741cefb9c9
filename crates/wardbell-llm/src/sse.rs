//! Server-sent events, read along while the bytes pass untouched (WHATWG HTML, section 9.2.6,
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>, read 2026-11-23).
//!
//! **Bounds.** One event's data is kept up to [`EVENT_BYTES_MAX`]; of a longer event nothing is read, and its bytes pass.

use wardbell_core::usage::Usage;

use crate::openai::answer;

/// The longest event that is read, in bytes.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// Splits a stream into the data of its events, whatever pieces it comes in.
#[derive(Debug, Default)]
pub struct SseSplitter {
    /// The line so far.
    line: Vec<u8>,
    /// The data lines of the event so far, joined by line feeds.
    data: Vec<u8>,
    has_data: bool,
    /// The event is too long: drop it and go on with the next.
    too_long: bool,
    /// The last byte was a carriage return, so that a line feed now belongs to it.
    after_return: bool,
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

    fn grow(&mut self, bytes: &[u8]) {
        if self.line.len() + self.data.len() + bytes.len() > EVENT_BYTES_MAX {
            self.too_long = true;
            self.data.clear();
            // Whether the line is empty still matters: one byte tells.
            self.line.clear();
            self.line.push(b':');
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, event: &mut impl FnMut(&[u8])) {
        if self.line.is_empty() {
            if self.has_data && !self.too_long {
                event(&self.data);
            }
            self.data.clear();
            (self.has_data, self.too_long) = (false, false);
            return;
        }
        if let Some(value) = self.line.strip_prefix(b"data:") {
            if self.has_data {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
            self.has_data = true;
        }
        self.line.clear();
    }
}

/// Reads along a stream of chat completions.
#[derive(Debug, Default)]
pub struct StreamObserver {
    splitter: SseSplitter,
    usage: Option<Usage>,
    done: bool,
}

impl StreamObserver {
    /// Starts at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &[u8]) {
        let (usage, done) = (&mut self.usage, &mut self.done);
        self.splitter.push(piece, |data| {
            if data == b"[DONE]" {
                *done = true;
            } else if memchr::memmem::find(data, b"\"usage\"").is_some() {
                *usage = answer::usage(data).or(*usage);
            }
        });
    }

    /// What the stream says that the call used, so far.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Whether the end mark has come.
    pub fn is_done(&self) -> bool {
        self.done
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
            assert_eq!(events([stream.as_bytes()]), ["a", "b\n c"], "{end:?}");
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
        assert_eq!(count, 1);
    }

    #[test]
    fn the_observer_sees_usage_and_the_end() {
        let stream = b"data: {\"usage\":null}\n\ndata: {\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n";
        let mut observer = StreamObserver::new();
        for byte in stream {
            assert!(!observer.is_done());
            observer.push(&[*byte]);
        }
        assert!(observer.is_done());
        assert_eq!(observer.usage(), Some(Usage { input_tokens: 2, output_tokens: 1 }));
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_events(
            stream in "(data: [ab]{0,3}|data:|:c|x|\r|\n|\r\n|\n\n){0,24}",
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

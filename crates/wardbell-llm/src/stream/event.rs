//! An event of a stream while its texts are read and cut: its bytes, and its data within them.

use std::ops::Range;

use wardbell_core::origin::Origin;

use crate::json::StringToken;
use crate::segment::Segment;

/// An event that is being read.
pub(super) struct Event<'a> {
    pub(super) raw: &'a [u8],
    /// Where its data lines stand in `raw`.
    lines: &'a [Range<usize>],
    /// Where each of them begins in the data.
    starts: Vec<usize>,
    /// Its data: the lines, joined by line feeds.
    pub(super) text: &'a str,
}

impl<'a> Event<'a> {
    pub(super) fn new(raw: &'a [u8], lines: &'a [Range<usize>], text: &'a str) -> Self {
        let mut next = 0;
        let mut start = |line: &Range<usize>| {
            let start = next;
            next += line.len() + 1;
            start
        };
        let starts = lines.iter().map(&mut start).collect();
        Self { raw, lines, starts, text }
    }

    /// Where a range of the data stands in the event.
    pub(super) fn place(&self, range: &Range<usize>) -> Range<usize> {
        let place = |offset: usize| {
            let number = self.starts.partition_point(|start| *start <= offset).saturating_sub(1);
            match (self.lines.get(number), self.starts.get(number)) {
                (Some(line), Some(start)) => line.start + (offset - start),
                _ => self.raw.len(),
            }
        };
        place(range.start)..place(range.end)
    }
}

/// The text that stands between these quotes of an event.
pub(super) fn segment_at<'a>(raw: &'a [u8], place: &Range<usize>) -> Segment<'a> {
    let text = raw.get(place.clone()).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let token = StringToken { raw: 0..text.len(), escaped: true };
    let mut segment = Segment::new(text, &token, Origin::Assistant, None);
    segment.raw = place.clone();
    segment
}

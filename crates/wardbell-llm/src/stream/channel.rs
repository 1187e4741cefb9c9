//! One text of a stream, as it grows: a window that is scanned again and again, and what is known for certain.
//!
//! **Theory of operation.** A finding that ends within [`HOLD_BYTES`] of its start, what must be seen behind it included,
//! is certain once that much text stands after its start: no later text changes it. So everything that starts before the
//! last [`HOLD_BYTES`] is *settled*, each finding exactly once. The window begins [`LEAD_BYTES`] before the settled
//! place, so that rules see what stands before a match.
//!
//! A finding that is longer, and still grows at the end of the window (a private key), holds the settled place back at its
//! start until it ends, up to [`LONG_BYTES_MAX`].
//!
//! **Cost.** A scan waits for [`STEP_BYTES`] of new text, and for a quarter of what a long finding holds: a byte is
//! scanned at most `(LEAD_BYTES + HOLD_BYTES) / STEP_BYTES + 5` times.

use std::ops::Range;

use wardbell_core::finding::Finding;

/// How much text is held back, in bytes: the longest finding that is promised, with what must be seen behind it. Source:
/// an e-mail address has at most 254 bytes (RFC 5321, 4.5.3.1.3, <https://www.rfc-editor.org/rfc/rfc5321>, read
/// 2026-11-25), the longest pattern of the detectors 200, and a context word stands within 80.
pub const HOLD_BYTES: usize = 256;
/// How much text before a place is kept for the rules that look back, in bytes. Source: a context word stands within 80
/// bytes of a match; half of this is enough for that and the word.
pub(super) const LEAD_BYTES: usize = 192;
/// How near the end of the window a long finding may end and still grow, in bytes. Source: the last line of a private key
/// is looked for within 64 bytes after its first dashes.
const TRAIL_BYTES: usize = 96;
/// The longest finding that is waited for, in bytes. Source: a private RSA key of 16,384 bits has 12.7 KB in PEM.
pub const LONG_BYTES_MAX: usize = 16 * 1024;
/// How much new text a scan waits for, in bytes. Source: our choice; some eight tokens.
pub(super) const STEP_BYTES: usize = 32;

/// A scan of a text: what to act on in it.
pub(super) type Scan<'s> = dyn FnMut(&str) -> Vec<Finding> + 's;

/// A stretch that goes out of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) span: Range<usize>,
    /// Whether a placeholder stands where it begins.
    pub(super) marked: bool,
}

/// A text of a stream.
#[derive(Debug, Default)]
pub(super) struct Channel {
    window: String,
    /// Where the window begins in the text.
    base: usize,
    /// Every finding that starts before is known.
    settled: usize,
    /// How much was there at the last scan.
    scanned: usize,
    /// What is cut out of text that has not left, sorted; none overlaps the one before.
    cuts: Vec<Cut>,
    /// The end of the last finding.
    found_end: usize,
    /// How many findings there were.
    pub(super) found: u64,
    /// How many of them were told, from this or from a repetition of the text.
    pub(super) noted: u64,
    /// Something grew past [`LONG_BYTES_MAX`].
    pub(super) overflowed: bool,
    /// What the stream had said, in bytes of all texts, when this one last grew.
    pub(super) grown_at: u64,
}

impl Channel {
    /// Takes the next piece; tells where it stands in the text.
    pub(super) fn push(&mut self, piece: &str) -> Range<usize> {
        let start = self.end();
        self.window.push_str(piece);
        start..self.end()
    }

    /// Where the text ends.
    pub(super) fn end(&self) -> usize {
        self.base + self.window.len()
    }

    /// Text before this may leave, without its cuts.
    pub(super) fn certain(&self) -> usize {
        self.settled.max(self.found_end)
    }

    /// Scans if enough is new; all that is there if the text is `over`. Calls `found` with each finding that became
    /// certain, in bytes of the whole text.
    pub(super) fn scan(&mut self, over: bool, scan: &mut Scan<'_>, found: &mut dyn FnMut(Finding)) {
        let end = self.end();
        let held = self.window.len().saturating_sub(LEAD_BYTES + HOLD_BYTES);
        let due = if over { end > self.settled } else { end - self.scanned >= STEP_BYTES.max(held / 4) };
        let horizon = if over { end } else { end.saturating_sub(HOLD_BYTES) };
        if !due || horizon <= self.settled {
            return;
        }
        let mut seen = scan(&self.window);
        self.scanned = end;
        seen.sort_by_key(|finding| (finding.span.start, finding.span.end));
        // What starts near a cut beginning of the window may be half of something.
        let late_start = if self.base == 0 { 0 } else { self.base + LEAD_BYTES / 2 };
        let before = self.settled;
        self.settled = horizon;
        for mut finding in seen {
            finding.span = finding.span.start + self.base..(finding.span.end + self.base).min(end);
            let Range { start, end: stop } = finding.span;
            if stop <= start {
                continue;
            }
            if start < before {
                // Only where text was let go early: what is left of it is still cut.
                if start < late_start || start < self.found_end || stop <= before {
                    continue;
                }
            } else if start >= horizon {
                break;
            } else if !over && stop + TRAIL_BYTES > end {
                if end - start <= LONG_BYTES_MAX {
                    self.settled = start;
                    break;
                }
                self.overflowed = true;
            }
            self.cut(start..stop);
            self.found += 1;
            found(finding);
        }
        self.prune();
    }

    fn cut(&mut self, span: Range<usize>) {
        let overlaps = span.start < self.found_end;
        match self.cuts.last_mut() {
            Some(last) if overlaps => last.span.end = last.span.end.max(span.end),
            // What it overlaps has left with its placeholder.
            None if overlaps => self.cuts.push(Cut { span: self.found_end.min(span.end)..span.end, marked: false }),
            Some(_) | None => self.cuts.push(Cut { span: span.clone(), marked: true }),
        }
        self.found_end = self.found_end.max(span.end);
    }

    /// What is cut out of this stretch of the text, and whether a placeholder stands where it begins.
    pub(super) fn cuts_in(&self, stretch: Range<usize>) -> impl Iterator<Item = Cut> + '_ {
        let first = self.cuts.partition_point(|cut| cut.span.end <= stretch.start);
        let cuts = self.cuts.get(first..).unwrap_or_default().iter();
        let (start, end) = (stretch.start, stretch.end);
        cuts.take_while(move |cut| cut.span.start < end).map(move |cut| Cut {
            span: cut.span.start.max(start)..cut.span.end.min(end),
            marked: cut.marked && cut.span.start >= start,
        })
    }

    /// Text up to here has left.
    pub(super) fn left(&mut self, until: usize) {
        let done = self.cuts.partition_point(|cut| cut.span.end <= until);
        self.cuts.drain(..done);
    }

    fn prune(&mut self) {
        let keep = self.settled.saturating_sub(LEAD_BYTES).saturating_sub(self.base);
        let keep = self.window.floor_char_boundary(keep);
        self.window.drain(..keep);
        self.base += keep;
    }
}

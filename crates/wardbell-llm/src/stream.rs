//! The answer as a stream: read along, and guarded while it passes.
//!
//! **Cast.** The [`StreamObserver`] reads along for usage, the end and failures. The [`StreamGuard`] stands between the
//! provider and the caller: it scans each text as it grows, and cuts out or stops what was found.
//!
//! **Theory of operation.** The stream is split into events. The texts of an event belong to places (which choice, which
//! tool call, which field); the pieces of one place, over all events, are one text. An event is held until each of its
//! pieces is certain: no finding that has begun in it can still be pending, see [`HOLD_BYTES`]. Then it leaves, byte for
//! byte, but for what is cut. Events leave in the order in which they came.
//!
//! A place that the stream has gone on from (its choice is over, or [`HOLD_BYTES`] of other text have come since) is
//! certain as it stands: reasoning does not wait for the end of the content. Should it grow again, its text goes on: a
//! finding over the pause is still found, and what has not left of it is cut.
//!
//! A text that stands in an event as a whole is scanned as a whole; where it repeats pieces (Responses does, up to four
//! times) its findings are not counted again.
//!
//! **Guarantees.** However the bytes are cut, the same bytes leave and the same is found. Without a finding, what leaves
//! is what came. In [`Guarding::Redact`] and [`Guarding::Block`] no byte of a finding leaves.
//!
//! **Bounds.** An event has [`EVENT_BYTES_MAX`], what is held [`HELD_BYTES_MAX`], places [`PLACES_MAX`], findings that are
//! kept [`FINDINGS_MAX`], a finding that is waited for [`LONG_BYTES_MAX`]. Past one of them, and where an event cannot be
//! read, the guard has not said yes: with [`FailMode::Closed`] the stream ends there, with [`FailMode::Open`] it passes,
//! and [`Passed::failed`] says so. Each byte of text is scanned some 19 times at most.
//!
//! **What it does not do.** Findings longer than [`HOLD_BYTES`] are only found where the scan sees them begin (private
//! keys). Two places are two texts: a card number, half in the reasoning and half in the content, is none. A text that a
//! provider repeats as it grows, in each event (Perplexity's `message`), is scanned as it stands each time. Other JSON
//! ([`Dialect::Generic`]) has no pieces: each string is a text of its own. A JSON list that is streamed (Gemini without
//! `alt=sse`) and JSON lines (Cohere's version 1) are read as events too.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use wardbell_core::finding::Finding;
use wardbell_core::origin::Origin;
use wardbell_core::policy::FailMode;

use crate::answer;
use crate::dialect::Dialect;
use crate::edit::{self, Edit};
use crate::json;
use crate::segment::Segment;
use crate::shape::{Echo, Found, Place, Text};
use crate::sse::{self, EVENT_BYTES_MAX, Frame};

mod channel;
mod end;
mod event;
mod framing;
mod observer;

pub use channel::{HOLD_BYTES, LONG_BYTES_MAX};
pub use end::{Told, blocked_end, broken_off};
pub use observer::StreamObserver;

use channel::{Channel, Scan};
use end::{Said, Why};
use event::{Event, segment_at};
use framing::Splitter;

/// The most bytes of events that are held at a time. Source: our choice; twice the longest event.
pub const HELD_BYTES_MAX: usize = 2 * EVENT_BYTES_MAX;
/// What an event that is held counts for beside its bytes. Source: its own size in memory, and room to spare.
const HELD_BYTES_EACH: usize = 256;
/// The most places in a stream. Source: our choice; OpenAI has 128 choices at most, each with a few fields.
pub const PLACES_MAX: usize = 2_048;
/// The most findings that are kept; past it they are counted. Source: our choice; a record shows fewer.
pub const FINDINGS_MAX: usize = 1_000;

/// What stands where something was cut out, unless somebody says other (`spec/wire-aisg.md` 1.5).
const PLACEHOLDER: &str = "[REDACTED]";
/// What a caller is told about a stream that is stopped.
const BLOCKED: &str = "the answer was stopped: it has content that the project's policy blocks";
/// What a caller is told about a stream that cannot be scanned.
const UNSCANNED: &str = "the answer was stopped: it could not be scanned";

/// What is done about findings in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarding {
    /// Every byte passes at once; what is found is told.
    Detect,
    /// What is found is cut out.
    Redact,
    /// What is found ends the stream.
    Block,
}

/// What may leave now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "these bytes are the answer"]
pub struct Passed {
    /// Bytes for the caller.
    pub bytes: Vec<u8>,
    /// The stream is stopped: the bytes end with the dialect's own goodbye, and nothing more passes.
    pub blocked: bool,
    /// Something could not be scanned. If it is not blocked too, it passed unscanned.
    pub failed: bool,
}

/// Stands between the provider's stream and the caller.
#[derive(Debug)]
pub struct StreamGuard {
    splitter: Splitter,
    core: Core,
}

/// All but the splitter.
#[derive(Debug)]
struct Core {
    dialect: Dialect,
    how: Guarding,
    fail: FailMode,
    placeholder: String,
    channels: Vec<Channel>,
    /// The position of each place's channel.
    places: BTreeMap<Place, usize>,
    held: VecDeque<Held>,
    held_bytes: usize,
    /// Bytes of all pieces so far.
    grown: u64,
    findings: Vec<Finding>,
    found: u64,
    told: Told,
    /// A finding was made that ends the stream.
    blocking: bool,
    stopped: bool,
    /// The stream is over: what comes now was cut off.
    over: bool,
}

/// An event that waits, with the bytes up to the next one.
#[derive(Debug, Default)]
struct Held {
    raw: Vec<u8>,
    /// What it says about the stream.
    said: Said,
    pieces: Vec<Piece>,
    echoes: Vec<Echo>,
    /// What is cut out of its whole texts.
    edits: Vec<Edit>,
}

/// A piece of a text in an event that waits.
#[derive(Debug)]
struct Piece {
    channel: usize,
    /// Where it stands in the text.
    at: Range<usize>,
    /// Where it stands in the event.
    raw: Range<usize>,
}

impl StreamGuard {
    /// Starts at the beginning of a stream. What cannot be scanned ends it, see [`StreamGuard::failing`].
    pub fn new(dialect: Dialect, how: Guarding) -> Self {
        let core = Core {
            dialect,
            how,
            fail: FailMode::Closed,
            placeholder: PLACEHOLDER.to_owned(),
            channels: Vec::new(),
            places: BTreeMap::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            grown: 0,
            findings: Vec::new(),
            found: 0,
            told: Told::default(),
            blocking: false,
            stopped: false,
            over: false,
        };
        Self { splitter: Splitter::default(), core }
    }

    /// Says what becomes of a stream that cannot be scanned. [`Guarding::Detect`] lets it pass whatever this says.
    #[must_use]
    pub fn failing(mut self, fail: FailMode) -> Self {
        self.core.fail = fail;
        self
    }

    /// Says what stands where something was cut out.
    #[must_use]
    pub fn placeholder(mut self, placeholder: &str) -> Self {
        placeholder.clone_into(&mut self.core.placeholder);
        self
    }

    /// Takes the next bytes of the provider's stream; `scan` says what to act on in a text (spans are byte ranges of it).
    /// Returns the bytes that may leave now.
    pub fn push(&mut self, piece: &[u8], scan: &mut dyn FnMut(&str) -> Vec<Finding>) -> Passed {
        let mut passed = Passed::default();
        let core = &mut self.core;
        if core.how == Guarding::Detect {
            passed.bytes.extend_from_slice(piece);
        }
        core.told.framing = self.splitter.learn(piece);
        self.splitter.push(piece, |frame| core.take(frame, scan, &mut passed));
        core.drain(scan, &mut passed);
        passed.blocked = core.stopped;
        passed
    }

    /// The stream is over, or the provider broke off: everything that is held leaves.
    pub fn finish(&mut self, scan: &mut dyn FnMut(&str) -> Vec<Finding>) -> Passed {
        let mut passed = Passed::default();
        let core = &mut self.core;
        core.over = true;
        self.splitter.finish(|frame| core.take(frame, scan, &mut passed));
        core.close_all(scan);
        core.drain(scan, &mut passed);
        passed.blocked = core.stopped;
        passed
    }

    /// What was found so far, each once, up to [`FINDINGS_MAX`]. A span counts bytes of its own text: all pieces of a
    /// place, or a text that stands in an event as a whole.
    pub fn findings(&self) -> &[Finding] {
        &self.core.findings
    }

    /// How many findings there were, those included that are not kept.
    pub fn found(&self) -> u64 {
        self.core.found
    }

    /// What the stream said about itself, for an end that is of a piece with it, see [`blocked_end`].
    pub fn told(&self) -> &Told {
        &self.core.told
    }
}

impl Core {
    fn take(&mut self, frame: Frame<'_>, scan: &mut Scan<'_>, passed: &mut Passed) {
        if self.stopped {
            return;
        }
        match frame {
            Frame::Filler(raw) => self.fill(raw, passed),
            Frame::TooLong(raw) => self.fail(raw, scan, passed),
            Frame::Event { raw, data, odd } => self.event(raw, data, odd, scan, passed),
        }
    }

    fn event(&mut self, raw: &[u8], lines: &[Range<usize>], odd: bool, scan: &mut Scan<'_>, passed: &mut Passed) {
        let data = sse::join(raw, lines);
        let says = data.trim_ascii();
        if says.is_empty() && !odd {
            self.fill(raw, passed);
            return;
        }
        let ends = says == b"[DONE]" && !odd;
        let text = if odd || ends { None } else { std::str::from_utf8(&data).ok() };
        if ends {
            self.close_all(scan);
            self.hold(Held { raw: raw.to_vec(), ..Held::default() });
        } else if let Some((text, found)) = text.and_then(|text| Some((text, answer::read(self.dialect, text)?))) {
            let (mut held, full) = self.read(&Event::new(raw, lines, text), found, scan);
            held.said = self.told.hear(self.dialect, &data);
            self.hold(held);
            if full {
                self.fail(&[], scan, passed);
            }
        } else if !self.over || self.how == Guarding::Detect {
            self.plain(raw, scan, passed);
        }
        // An event that the end cut in two, so that nobody can read it, does not leave.
        self.drain(scan, passed);
    }

    /// An event that is no JSON: nobody can say what a caller reads in it, but for plain text where any is taken.
    fn plain(&mut self, raw: &[u8], scan: &mut Scan<'_>, passed: &mut Passed) {
        let lossy = String::from_utf8_lossy(raw);
        let found = scan(&lossy);
        if self.how == Guarding::Block && !found.is_empty() {
            self.blocking = true;
        }
        let cut = |finding: &Finding| Edit { range: finding.span.clone(), with: self.placeholder.clone() };
        let edits: Vec<Edit> = found.iter().map(cut).collect();
        for finding in found {
            self.note(finding);
        }
        if self.blocking {
            return;
        }
        let is_text = matches!(lossy, Cow::Borrowed(_));
        let left = if edits.is_empty() {
            raw.to_vec()
        } else if is_text {
            edit::splice(raw, &edits)
        } else {
            Vec::new()
        };
        if self.dialect == Dialect::Generic && is_text {
            self.hold(Held { raw: left, ..Held::default() });
        } else {
            self.fail(&left, scan, passed);
        }
    }

    /// Reads the texts of an event; tells too whether there are more places than there may be.
    fn read(&mut self, event: &Event<'_>, found: Found, scan: &mut Scan<'_>) -> (Held, bool) {
        let mut held = Held { raw: event.raw.to_vec(), ..Held::default() };
        let mut full = false;
        for text in &found.texts {
            if text.is_piece {
                let Some(channel) = self.channel(text.place) else {
                    full = true;
                    continue;
                };
                let piece = json::decode(event.text, &text.token);
                let raw = event.place(&text.token.raw);
                full |= self.grow(channel, &piece, scan, |at| held.pieces.push(Piece { channel, at, raw }));
                continue;
            }
            if self.dialect == Dialect::Responses
                && let Some(channel) = self.places.get(&text.place)
            {
                // Said as a whole, it does not go on.
                self.close(*channel, scan);
            }
            let edits = self.whole(event, text, scan);
            held.edits.extend(edits);
        }
        held.echoes = found.echoes;
        for echo in &mut held.echoes {
            echo.raw = event.place(&echo.raw);
        }
        for choice in found.ends {
            self.close_choice(choice, scan);
        }
        let kind = found.kind.map(|token| json::decode(event.text, &token)).unwrap_or_default();
        if matches!(&*kind, "content_block_stop" | "content-end" | "tool-call-end" | "message-end" | "message_stop") {
            self.close_all(scan);
        }
        (held, full)
    }

    /// A piece of a channel's text. True if it holds more than there may be.
    fn grow(&mut self, channel: usize, piece: &str, scan: &mut Scan<'_>, place: impl FnOnce(Range<usize>)) -> bool {
        let Some(grows) = self.channels.get_mut(channel) else { return true };
        place(grows.push(piece));
        self.grown += piece.len() as u64;
        grows.grown_at = self.grown;
        self.scan(channel, false, scan);
        self.channels.get(channel).is_some_and(|channel| channel.overflowed)
    }

    /// Scans a text that stands in an event as a whole.
    fn whole(&mut self, event: &Event<'_>, text: &Text, scan: &mut Scan<'_>) -> Vec<Edit> {
        let segment = Segment::new(event.text, &text.token, Origin::Assistant, None);
        let mut found = scan(&segment.text);
        found.sort_by_key(|finding| (finding.span.start, finding.span.end));
        let mut edits = Vec::new();
        for (number, finding) in (1u64..).zip(found) {
            let range = event.place(&segment.to_body(finding.span.clone()));
            edits.push(edit::replace(range, &self.placeholder));
            self.blocking |= self.how == Guarding::Block;
            // A field without a name is never the repetition of another.
            let place = if text.place.field.is_empty() { None } else { self.channel(text.place) };
            self.note_nth(place, number, finding);
        }
        edits
    }

    /// The channel of a place; `None` if there are too many.
    fn channel(&mut self, place: Place) -> Option<usize> {
        if let Some(channel) = self.places.get(&place) {
            return Some(*channel);
        }
        let channel = self.channels.len();
        if channel >= PLACES_MAX {
            return None;
        }
        self.places.insert(place, channel);
        self.channels.push(Channel::default());
        Some(channel)
    }

    /// Notes the finding of this number in the text of a place, unless it was noted from another telling of the text.
    fn note_nth(&mut self, channel: Option<usize>, number: u64, finding: Finding) {
        if let Some(channel) = channel.and_then(|channel| self.channels.get_mut(channel)) {
            if number <= channel.noted {
                return;
            }
            channel.noted = number;
        }
        self.note(finding);
    }

    fn note(&mut self, finding: Finding) {
        self.found += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    fn scan(&mut self, channel: usize, over: bool, scan: &mut Scan<'_>) {
        let Some(scanned) = self.channels.get_mut(channel) else { return };
        let before = scanned.found;
        let mut new = Vec::new();
        scanned.scan(over, scan, &mut |finding| new.push(finding));
        self.blocking |= self.how == Guarding::Block && !new.is_empty();
        for (number, finding) in (before + 1..).zip(new) {
            self.note_nth(Some(channel), number, finding);
        }
    }

    /// A text is over, as far as one can tell.
    fn close(&mut self, channel: usize, scan: &mut Scan<'_>) {
        self.scan(channel, true, scan);
    }

    fn close_choice(&mut self, choice: u64, scan: &mut Scan<'_>) {
        let first = Place { choice, ..Place::default() };
        let of_choice = self.places.range(first..).take_while(|(place, _)| place.choice == choice);
        let channels: Vec<usize> = of_choice.map(|(_, channel)| *channel).collect();
        for channel in channels {
            self.close(channel, scan);
        }
    }

    fn close_all(&mut self, scan: &mut Scan<'_>) {
        for channel in 0..self.channels.len() {
            self.close(channel, scan);
        }
    }

    /// Takes an event into the queue.
    fn hold(&mut self, held: Held) {
        if self.how == Guarding::Detect {
            // Its bytes have left.
            for piece in &held.pieces {
                if let Some(channel) = self.channels.get_mut(piece.channel) {
                    channel.left(piece.at.end);
                }
            }
            return;
        }
        self.held_bytes += held.raw.len() + HELD_BYTES_EACH;
        self.held.push_back(held);
    }

    /// Bytes without text wait with the event that they follow.
    fn fill(&mut self, raw: &[u8], passed: &mut Passed) {
        if self.how == Guarding::Detect {
            return;
        }
        match self.held.back_mut() {
            Some(last) => {
                last.raw.extend_from_slice(raw);
                self.held_bytes += raw.len();
            }
            None => self.pass(raw, passed),
        }
    }

    fn pass(&mut self, raw: &[u8], passed: &mut Passed) {
        self.told.pass(raw);
        passed.bytes.extend_from_slice(raw);
    }

    /// Lets every event go that is certain, in order.
    fn drain(&mut self, scan: &mut Scan<'_>, passed: &mut Passed) {
        if self.stopped {
            return;
        }
        while let Some(held) = self.held.front() {
            let unsettled: Vec<usize> =
                held.pieces.iter().filter(|piece| !self.is_certain(piece)).map(|piece| piece.channel).collect();
            if !unsettled.is_empty() {
                let idle = |channel: &usize| {
                    let grown_at = self.channels.get(*channel).map_or(0, |channel| channel.grown_at);
                    self.grown - grown_at >= HOLD_BYTES as u64
                };
                // The head of the queue waits for a text that does not go on.
                if self.blocking || !unsettled.iter().all(idle) {
                    break;
                }
                for channel in unsettled {
                    self.close(channel, scan);
                }
            }
            let Some(held) = self.held.pop_front() else { break };
            self.held_bytes -= held.raw.len() + HELD_BYTES_EACH;
            let edits = self.edits(&held);
            if !edits.is_empty() && self.how == Guarding::Block {
                break;
            }
            self.told.leave(held.said);
            if edits.is_empty() {
                self.pass(&held.raw, passed);
            } else {
                self.pass(&edit::splice(&held.raw, &edits), passed);
            }
        }
        if self.blocking {
            self.stop(Why::Blocked, BLOCKED, passed);
        } else if self.held_bytes > HELD_BYTES_MAX {
            self.fail(&[], scan, passed);
        }
    }

    fn is_certain(&self, piece: &Piece) -> bool {
        self.channels.get(piece.channel).is_none_or(|channel| channel.certain() >= piece.at.end)
    }

    /// What is cut out of an event that leaves.
    fn edits(&mut self, held: &Held) -> Vec<Edit> {
        let mut edits = held.edits.clone();
        for piece in &held.pieces {
            let Some(channel) = self.channels.get_mut(piece.channel) else { continue };
            let mut segment = None;
            for cut in channel.cuts_in(piece.at.clone()) {
                let segment = segment.get_or_insert_with(|| segment_at(&held.raw, &piece.raw));
                let span = cut.span.start - piece.at.start..cut.span.end - piece.at.start;
                let with = if cut.marked { self.placeholder.as_str() } else { "" };
                edits.push(edit::redact(segment, span, with));
            }
            channel.left(piece.at.end);
        }
        if !edits.is_empty() {
            edits
                .extend(held.echoes.iter().map(|echo| Edit { range: echo.raw.clone(), with: echo.instead.to_owned() }));
        }
        edits
    }

    /// Something cannot be scanned; `raw` are its bytes.
    fn fail(&mut self, raw: &[u8], scan: &mut Scan<'_>, passed: &mut Passed) {
        passed.failed = true;
        if self.stopped || self.how == Guarding::Detect {
            return;
        }
        match self.fail {
            FailMode::Closed => self.stop(Why::Failed, UNSCANNED, passed),
            FailMode::Open => {
                self.close_all(scan);
                self.drain(scan, passed);
                if !self.stopped {
                    self.pass(raw, passed);
                }
            }
        }
    }

    fn stop(&mut self, why: Why, message: &str, passed: &mut Passed) {
        passed.bytes.extend_from_slice(&end::end(self.dialect, &self.told, message, why));
        self.stopped = true;
        self.held = VecDeque::new();
        self.held_bytes = 0;
        self.channels = Vec::new();
        self.places = BTreeMap::new();
    }
}

#[cfg(test)]
mod tests;

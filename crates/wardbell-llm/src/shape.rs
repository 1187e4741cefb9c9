//! Which strings of an answer are texts that the model wrote: a table for each dialect, and the walk that reads by it.
//!
//! **Theory of operation.** A [`Shape`] is a tree that mirrors the JSON of an answer or of one event of a stream. One walk
//! over the body follows the tree and notes each text with its [`Place`]: which choice, which part of it, which field.
//! Texts of one place, over the events of a stream, are one text.
//!
//! **No text hides.** A value of another type than its shape says is read as [`Shape::Every`]: each string below it is a
//! text of its own. So is a field that nobody knows, where the shape says so.

use std::ops::Range;

use crate::json::{self, Event, JsonError, Scanner, StringToken};

/// The most texts in one answer. Source: as many as in a request, see
/// [`SEGMENTS_MAX`](crate::openai::chat::SEGMENTS_MAX).
pub(crate) const TEXTS_MAX: usize = 250_000;

/// What a value of an answer is.
#[derive(Debug)]
pub(crate) enum Shape {
    /// No text of the model's: ids, enums, counts, what the caller said.
    Skip,
    /// A piece of a text: the pieces of one place, joined over the events of a stream, are the text.
    Piece(&'static str),
    /// A whole text, or the repetition of one that came in pieces.
    Whole(&'static str),
    /// Each string below is a whole text of its own, keys too.
    Every,
    /// A number that says which choice or part the texts of its object belong to.
    Number(Slot),
    /// A truth that, when it is true, says that the texts of its object belong to this field.
    Flag(&'static str),
    /// The texts of the same choice once more, spelled otherwise. Where one is redacted, this JSON takes its place.
    Echo(&'static str),
    /// An object; every field that is not named has the shape `rest`.
    Object {
        /// The fields that are named.
        fields: &'static [(&'static str, &'static Shape)],
        /// All others.
        rest: &'static Shape,
    },
    /// A list. The position of an entry fills the slot, if a number does not.
    List(Option<Slot>, &'static Shape),
    /// The string that names the kind of an event.
    Type,
    /// A string that says that the choice is over.
    End,
    /// A string, an object or a list.
    Any(&'static [&'static Shape]),
}

/// What a number in an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Which choice, candidate or output item.
    Choice,
    /// Which part of it: a tool call, a block of content.
    Part,
}

/// Where a text belongs. The pieces of one place are one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Place {
    pub(crate) choice: u64,
    pub(crate) part: u64,
    pub(crate) field: &'static str,
}

/// A text that stands in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) token: StringToken,
    pub(crate) place: Place,
    /// Whether it goes on in the next event.
    pub(crate) is_piece: bool,
}

/// A value that repeats the texts of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Echo {
    pub(crate) raw: Range<usize>,
    pub(crate) instead: &'static str,
}

/// What stands in an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// In the order of the body.
    pub(crate) texts: Vec<Text>,
    pub(crate) echoes: Vec<Echo>,
    /// The choices that are over.
    pub(crate) ends: Vec<u64>,
    /// The name of the event's kind.
    pub(crate) kind: Option<StringToken>,
}

impl Shape {
    /// The shape of a value of this kind.
    fn of(&'static self, kind: Is) -> &'static Shape {
        match (self, kind) {
            (Self::Any(shapes), _) => {
                shapes.iter().map(|shape| shape.of(kind)).find(|shape| !matches!(shape, Self::Every)).unwrap_or(&EVERY)
            }
            (Self::Piece(_) | Self::Whole(_) | Self::Type | Self::End, Is::Text)
            | (Self::Object { .. }, Is::Object)
            | (Self::List(..), Is::List)
            | (Self::Skip | Self::Every | Self::Echo(_), _) => self,
            (
                Self::Piece(_)
                | Self::Whole(_)
                | Self::Type
                | Self::End
                | Self::Number(_)
                | Self::Flag(_)
                | Self::Object { .. }
                | Self::List(..),
                _,
            ) => &EVERY,
        }
    }
}

/// Where nobody knows better.
pub(crate) static EVERY: Shape = Shape::Every;
/// Nothing to read.
pub(crate) static SKIP: Shape = Shape::Skip;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Text,
    Object,
    List,
}

/// An open container.
struct Frame {
    shape: &'static Shape,
    /// The shape of the value of the last key.
    next: &'static Shape,
    /// How many texts there were when it opened.
    first: usize,
    /// How many choices were over.
    first_end: usize,
    /// How many values it has had.
    position: u64,
    choice: Option<u64>,
    part: Option<u64>,
    field: Option<&'static str>,
    /// Where the repetition begins that this container is.
    echo: Option<usize>,
}

/// Reads a text by its shape. `None` if it is not JSON, is nested deeper than [`json::DEPTH_MAX`], or has more than
/// [`TEXTS_MAX`] texts.
pub(crate) fn read(text: &str, shape: &'static Shape) -> Option<Found> {
    walk(text, shape).ok().filter(|found| found.texts.len() <= TEXTS_MAX)
}

fn walk(text: &str, shape: &'static Shape) -> Result<Found, JsonError> {
    let mut scanner = Scanner::new(text, json::DEPTH_MAX);
    let mut walk = Walk { text, found: Found::default(), frames: Vec::new() };
    loop {
        let event = scanner.next()?;
        let next = walk.frames.last().map_or(shape, |frame| frame.next);
        match event {
            Event::Key(token) => walk.key(token),
            Event::String(token) => {
                walk.string(token, next);
                walk.step();
            }
            Event::ObjectStart => walk.open(next.of(Is::Object), scanner.position()),
            Event::ArrayStart => walk.open(next.of(Is::List), scanner.position()),
            Event::ObjectEnd(_) | Event::ArrayEnd => {
                walk.close(scanner.position());
                walk.step();
            }
            Event::Number(place) => {
                if let Shape::Number(slot) = next {
                    walk.number(*slot, text.get(place).unwrap_or_default());
                }
                walk.step();
            }
            Event::Bool(truth) => {
                if let (Shape::Flag(field), true, Some(frame)) = (next, truth, walk.frames.last_mut()) {
                    frame.field = Some(field);
                }
                walk.step();
            }
            Event::Null => walk.step(),
            Event::End => return Ok(walk.found),
        }
    }
}

struct Walk<'a> {
    text: &'a str,
    found: Found,
    frames: Vec<Frame>,
}

impl Walk<'_> {
    fn key(&mut self, token: StringToken) {
        let Some(frame) = self.frames.last_mut() else { return };
        match frame.shape {
            Shape::Object { fields, rest } => {
                let name = json::decode(self.text, &token);
                let known = fields.iter().find(|(field, _)| *field == name);
                frame.next = known.map_or(rest, |(_, shape)| shape);
            }
            Shape::Every => self.add(token, "", false),
            Shape::Skip
            | Shape::Piece(_)
            | Shape::Whole(_)
            | Shape::Number(_)
            | Shape::Flag(_)
            | Shape::Echo(_)
            | Shape::Type
            | Shape::End
            | Shape::List(..)
            | Shape::Any(_) => {}
        }
    }

    fn string(&mut self, token: StringToken, shape: &'static Shape) {
        match shape.of(Is::Text) {
            Shape::Piece(field) => self.add(token, field, true),
            Shape::Whole(field) => self.add(token, field, false),
            Shape::Every => self.add(token, "", false),
            Shape::Type => self.found.kind = Some(token),
            Shape::End => self.found.ends.push(0),
            Shape::Echo(instead) => {
                let raw = token.raw.start.saturating_sub(1)..token.raw.end + 1;
                self.found.echoes.push(Echo { raw, instead });
            }
            Shape::Skip
            | Shape::Number(_)
            | Shape::Flag(_)
            | Shape::Object { .. }
            | Shape::List(..)
            | Shape::Any(_) => {}
        }
    }

    fn add(&mut self, token: StringToken, field: &'static str, is_piece: bool) {
        // One more than the most tells that there are too many.
        if token.raw.is_empty() || self.found.texts.len() > TEXTS_MAX {
            return;
        }
        // The outer containers are filled in when they close.
        self.found.texts.push(Text { token, place: Place { choice: 0, part: 0, field }, is_piece });
    }

    fn number(&mut self, slot: Slot, digits: &str) {
        // A number that is none is told from all others by its place in the list.
        let (Some(frame), Ok(number)) = (self.frames.last_mut(), digits.parse()) else { return };
        match slot {
            Slot::Choice => frame.choice = Some(number),
            Slot::Part => frame.part = Some(number),
        }
    }

    fn open(&mut self, shape: &'static Shape, after: usize) {
        let (next, echo) = match shape {
            Shape::List(_, each) => (*each, None),
            Shape::Every => (shape, None),
            Shape::Echo(_) => (&SKIP, Some(after.saturating_sub(1))),
            Shape::Skip
            | Shape::Piece(_)
            | Shape::Whole(_)
            | Shape::Number(_)
            | Shape::Flag(_)
            | Shape::Type
            | Shape::End
            | Shape::Object { .. }
            | Shape::Any(_) => (&SKIP, None),
        };
        self.frames.push(Frame {
            shape,
            next,
            first: self.found.texts.len(),
            first_end: self.found.ends.len(),
            position: 0,
            choice: None,
            part: None,
            field: None,
            echo,
        });
    }

    fn close(&mut self, end: usize) {
        let Some(frame) = self.frames.pop() else { return };
        if let (Some(start), Shape::Echo(instead)) = (frame.echo, frame.shape) {
            self.found.echoes.push(Echo { raw: start..end, instead });
        }
        // A list that numbers its entries: what the entry itself says counts more.
        let (mut choice, mut part) = (frame.choice, frame.part);
        if let Some(Frame { shape: Shape::List(Some(slot), _), position, .. }) = self.frames.last() {
            match slot {
                Slot::Choice => choice = choice.or(Some(*position)),
                Slot::Part => part = part.or(Some(*position)),
            }
        }
        for end in self.found.ends.iter_mut().skip(frame.first_end) {
            *end = choice.unwrap_or(*end);
        }
        for text in self.found.texts.iter_mut().skip(frame.first) {
            text.place.choice = choice.unwrap_or(text.place.choice);
            text.place.part = part.unwrap_or(text.place.part);
            text.place.field = frame.field.unwrap_or(text.place.field);
        }
    }

    /// A value is over.
    fn step(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.position += 1;
        }
    }
}

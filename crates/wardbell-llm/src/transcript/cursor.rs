//! Reads JSON value by value, and notes where texts stand.
//!
//! Every method gives `None` when the text is not JSON; then nothing more can be read.

use std::borrow::Cow;
use std::ops::Range;

use super::few::Few;
use crate::json::{self, Event, Scanner, StringToken};

/// Where a text stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) range: Range<usize>,
    pub(super) is: Is,
}

/// How a text stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    /// In the body, as it is.
    Plain,
    /// In the body, with escapes.
    Escaped,
    /// In the body: the JSON of a part that is no text.
    Part,
    /// In the buffer of decoded texts.
    Decoded,
}

/// The pieces of a text.
pub(super) type Texts = Few<Span>;

impl Span {
    /// The JSON from `start` to `end`.
    pub(super) const fn part(start: usize, end: usize) -> Self {
        Self { range: start..end, is: Is::Part }
    }
}

/// A value, of which a container is only begun.
#[derive(Debug)]
pub(super) enum Value {
    /// An object that starts here.
    Object(usize),
    /// A list that starts here.
    List(usize),
    Text(Span),
    Number(Range<usize>),
    Bool(bool),
    Null,
}

pub(super) struct Cursor<'a> {
    text: &'a str,
    scanner: Scanner<'a>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, scanner: Scanner::new(text, json::DEPTH_MAX) }
    }

    /// The value that comes next.
    pub(super) fn value(&mut self) -> Option<Value> {
        let event = self.scanner.next().ok()?;
        self.begun(event)
    }

    fn begun(&self, event: Event) -> Option<Value> {
        Some(match event {
            Event::ObjectStart => Value::Object(self.scanner.position().saturating_sub(1)),
            Event::ArrayStart => Value::List(self.scanner.position().saturating_sub(1)),
            Event::String(StringToken { raw, escaped }) => {
                Value::Text(Span { range: raw, is: if escaped { Is::Escaped } else { Is::Plain } })
            }
            Event::Number(place) => Value::Number(place),
            Event::Bool(truth) => Value::Bool(truth),
            Event::Null => Value::Null,
            Event::Key(_) | Event::ObjectEnd(_) | Event::ArrayEnd | Event::End => return None,
        })
    }

    /// Whether the text is over, and was one value.
    pub(super) fn is_over(&mut self) -> bool {
        self.scanner.next() == Ok(Event::End)
    }

    /// Reads an object that has begun: `read` takes the value of each key.
    pub(super) fn fields(&mut self, mut read: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        while let Some(key) = self.key()? {
            read(self, &key)?;
        }
        Some(())
    }

    /// Reads the object that comes next; anything else is skipped.
    pub(super) fn object(&mut self, read: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        let value = self.value()?;
        if let Value::Object(_) = value { self.fields(read) } else { self.skip(&value) }
    }

    /// Reads the list of objects that comes next: `read` takes the fields of each, which starts where it is told. Anything
    /// else is skipped.
    pub(super) fn objects(&mut self, read: impl FnMut(&mut Self, usize) -> Option<()>) -> Option<()> {
        let value = self.value()?;
        if let Value::List(_) = value { self.rest_of_objects(read) } else { self.skip(&value) }
    }

    /// The same of a list that has begun.
    pub(super) fn rest_of_objects(&mut self, mut read: impl FnMut(&mut Self, usize) -> Option<()>) -> Option<()> {
        while let Some(item) = self.item()? {
            if let Value::Object(start) = item {
                read(self, start)?;
            } else {
                self.skip(&item)?;
            }
        }
        Some(())
    }

    /// The next key of the object that the cursor is in; `Some(None)` at its end.
    fn key(&mut self) -> Option<Option<Cow<'a, str>>> {
        match self.scanner.next().ok()? {
            Event::Key(token) => Some(Some(json::decode(self.text, &token))),
            Event::ObjectEnd(_) => Some(None),
            _ => None,
        }
    }

    /// The next value of the list that the cursor is in; `Some(None)` at its end.
    fn item(&mut self) -> Option<Option<Value>> {
        match self.scanner.next().ok()? {
            Event::ArrayEnd => Some(None),
            event => self.begun(event).map(Some),
        }
    }

    /// Goes to the end of a value.
    pub(super) fn skip(&mut self, value: &Value) -> Option<()> {
        if let Value::Object(_) | Value::List(_) = value {
            let depth = self.scanner.depth();
            while self.scanner.depth() >= depth {
                self.scanner.next().ok()?;
            }
        }
        Some(())
    }

    /// Reads the value that comes next and throws it away.
    pub(super) fn pass(&mut self) -> Option<()> {
        let value = self.value()?;
        self.skip(&value)
    }

    /// Where the cursor stands.
    pub(super) fn position(&self) -> usize {
        self.scanner.position()
    }

    /// The string that comes next; anything else is skipped.
    pub(super) fn string(&mut self) -> Option<Option<Span>> {
        let value = self.value()?;
        if let Value::Text(span) = value {
            return Some(Some(span));
        }
        self.skip(&value)?;
        Some(None)
    }

    /// The string that comes next, read at once: a word of the API's own.
    pub(super) fn word(&mut self) -> Option<Option<Cow<'a, str>>> {
        Some(self.string()?.map(|span| self.decode(&span)))
    }

    /// The truth that comes next; anything else is skipped.
    pub(super) fn bool(&mut self) -> Option<Option<bool>> {
        let value = self.value()?;
        if let Value::Bool(truth) = value {
            return Some(Some(truth));
        }
        self.skip(&value)?;
        Some(None)
    }

    /// The whole number that comes next; anything else is skipped.
    pub(super) fn number(&mut self) -> Option<Option<u64>> {
        let value = self.value()?;
        if let Value::Number(place) = value {
            return Some(self.text.get(place).and_then(|digits| digits.parse().ok()));
        }
        self.skip(&value)?;
        Some(None)
    }

    /// The value that comes next as a text: a string as it reads, anything else as its JSON; nothing of `null`.
    pub(super) fn any(&mut self) -> Option<Option<Span>> {
        let value = self.value()?;
        Some(match value {
            Value::Text(span) => Some(span),
            Value::Null => None,
            Value::Object(start) | Value::List(start) => {
                self.skip(&value)?;
                Some(Span::part(start, self.position()))
            }
            Value::Number(range) => Some(Span { range, is: Is::Plain }),
            Value::Bool(_) => {
                let end = self.position();
                let length = if matches!(value, Value::Bool(true)) { 4 } else { 5 };
                Some(Span { range: end.saturating_sub(length)..end, is: Is::Plain })
            }
        })
    }

    /// What a string of the body reads.
    pub(super) fn decode(&self, span: &Span) -> Cow<'a, str> {
        let token = StringToken { raw: span.range.clone(), escaped: span.is == Is::Escaped };
        json::decode(self.text, &token)
    }

    /// Texts of a value that is a string, a part, or a list of both. A part is an object with a `text` or a `refusal`; one
    /// without them is no text and counts as its JSON.
    pub(super) fn content(&mut self, texts: &mut Texts) -> Option<()> {
        match self.value()? {
            Value::Text(span) => texts.push(span),
            Value::Object(start) => self.part(start, texts)?,
            Value::List(_) => {
                while let Some(item) = self.item()? {
                    match item {
                        Value::Text(span) => texts.push(span),
                        Value::Object(start) => self.part(start, texts)?,
                        Value::List(_) | Value::Number(_) | Value::Bool(_) | Value::Null => self.skip(&item)?,
                    }
                }
            }
            Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
        Some(())
    }

    fn part(&mut self, start: usize, texts: &mut Texts) -> Option<()> {
        let before = texts.len();
        self.fields(|cursor, key| {
            if matches!(key, "text" | "refusal") {
                cursor.string()?.into_iter().for_each(|span| texts.push(span));
                Some(())
            } else {
                cursor.pass()
            }
        })?;
        if texts.len() == before {
            texts.push(Span::part(start, self.position()));
        }
        Some(())
    }
}

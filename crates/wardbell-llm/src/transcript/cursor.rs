//! Reads JSON value by value, and notes where texts stand.
//!
//! After the first [`NotJson`] nothing more can be read.

use std::borrow::Cow;
use std::ops::Range;

use super::few::Few;
use crate::json::{self, Event, Scanner, StringToken};

/// The text is not JSON, or nested deeper than [`json::DEPTH_MAX`].
#[derive(Debug, Clone, Copy)]
pub(super) struct NotJson;

pub(super) type Read<T> = Result<T, NotJson>;

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

/// The largest number with a fraction that counts as a whole one. Source: `f64` holds every whole number up to 2⁵³.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

fn up(number: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the range that was checked")]
    let whole = number.ceil() as u64;
    whole
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
    pub(super) fn value(&mut self) -> Read<Value> {
        let event = self.scanner.next().map_err(|_| NotJson)?;
        self.begun(event)
    }

    fn begun(&self, event: Event) -> Read<Value> {
        Ok(match event {
            Event::ObjectStart => Value::Object(self.scanner.position().saturating_sub(1)),
            Event::ArrayStart => Value::List(self.scanner.position().saturating_sub(1)),
            Event::String(StringToken { raw, escaped }) => {
                Value::Text(Span { range: raw, is: if escaped { Is::Escaped } else { Is::Plain } })
            }
            Event::Number(place) => Value::Number(place),
            Event::Bool(truth) => Value::Bool(truth),
            Event::Null => Value::Null,
            Event::Key(_) | Event::ObjectEnd(_) | Event::ArrayEnd | Event::End => return Err(NotJson),
        })
    }

    /// Whether the text is over, and was one value.
    pub(super) fn is_over(&mut self) -> bool {
        self.scanner.next() == Ok(Event::End)
    }

    /// Reads an object that has begun: `read` takes the value of each key.
    pub(super) fn fields(&mut self, mut read: impl FnMut(&mut Self, &str) -> Read<()>) -> Read<()> {
        while let Some(key) = self.key()? {
            read(self, &key)?;
        }
        Ok(())
    }

    /// Reads the object that comes next; anything else is skipped.
    pub(super) fn object(&mut self, read: impl FnMut(&mut Self, &str) -> Read<()>) -> Read<()> {
        let value = self.value()?;
        if let Value::Object(_) = value { self.fields(read) } else { self.skip(&value) }
    }

    /// Reads the list of objects that comes next: `read` takes the fields of each, which starts where it is told. Anything
    /// else is skipped.
    pub(super) fn objects(&mut self, read: impl FnMut(&mut Self, usize) -> Read<()>) -> Read<()> {
        let value = self.value()?;
        if let Value::List(_) = value { self.rest_of_objects(read) } else { self.skip(&value) }
    }

    /// The same of a list that has begun.
    pub(super) fn rest_of_objects(&mut self, mut read: impl FnMut(&mut Self, usize) -> Read<()>) -> Read<()> {
        while let Some(item) = self.item()? {
            if let Value::Object(start) = item {
                read(self, start)?;
            } else {
                self.skip(&item)?;
            }
        }
        Ok(())
    }

    /// The next key of the object that the cursor is in; `None` at its end.
    fn key(&mut self) -> Read<Option<Cow<'a, str>>> {
        match self.scanner.next().map_err(|_| NotJson)? {
            Event::Key(token) => Ok(Some(json::decode(self.text, &token))),
            Event::ObjectEnd(_) => Ok(None),
            _ => Err(NotJson),
        }
    }

    /// The next value of the list that the cursor is in; `None` at its end.
    fn item(&mut self) -> Read<Option<Value>> {
        match self.scanner.next().map_err(|_| NotJson)? {
            Event::ArrayEnd => Ok(None),
            event => self.begun(event).map(Some),
        }
    }

    /// Goes to the end of a value.
    pub(super) fn skip(&mut self, value: &Value) -> Read<()> {
        if let Value::Object(_) | Value::List(_) = value {
            let depth = self.scanner.depth();
            while self.scanner.depth() >= depth {
                self.scanner.next().map_err(|_| NotJson)?;
            }
        }
        Ok(())
    }

    /// Reads the value that comes next and throws it away.
    pub(super) fn pass(&mut self) -> Read<()> {
        let value = self.value()?;
        self.skip(&value)
    }

    /// Where the cursor stands.
    pub(super) fn position(&self) -> usize {
        self.scanner.position()
    }

    /// The string that comes next; anything else is skipped.
    pub(super) fn string(&mut self) -> Read<Option<Span>> {
        let value = self.value()?;
        if let Value::Text(span) = value {
            return Ok(Some(span));
        }
        self.skip(&value)?;
        Ok(None)
    }

    /// The string that comes next, read at once: a word of the API's own.
    pub(super) fn word(&mut self) -> Read<Option<Cow<'a, str>>> {
        Ok(self.string()?.map(|span| self.decode(&span)))
    }

    /// The truth that comes next; anything else is skipped.
    pub(super) fn bool(&mut self) -> Read<Option<bool>> {
        let value = self.value()?;
        if let Value::Bool(truth) = value {
            return Ok(Some(truth));
        }
        self.skip(&value)?;
        Ok(None)
    }

    /// The whole number that comes next, also as `12.0` or `"12"`, which some servers take for one; and where its value
    /// stands, whatever it is. A number between two whole ones counts as the greater.
    pub(super) fn whole(&mut self) -> Read<(Option<u64>, Range<usize>)> {
        let value = self.value()?;
        let read = |text: &str| {
            let text = text.trim();
            text.parse().ok().or_else(|| text.parse().ok().filter(|number| (0.0..=WHOLE_MAX).contains(number)).map(up))
        };
        match value {
            Value::Number(place) => Ok((self.text.get(place.clone()).and_then(read), place)),
            Value::Text(Span { range, is: _ }) => {
                let number = self.text.get(range.clone()).and_then(read);
                Ok((number, range.start.saturating_sub(1)..range.end + 1))
            }
            Value::Null | Value::Bool(_) => {
                let end = self.position();
                let length = if matches!(value, Value::Bool(false)) { 5 } else { 4 };
                Ok((None, end.saturating_sub(length)..end))
            }
            Value::Object(start) | Value::List(start) => {
                self.skip(&value)?;
                Ok((None, start..self.position()))
            }
        }
    }

    /// The value that comes next as a text: a string as it reads, anything else as its JSON; nothing of `null`.
    pub(super) fn any(&mut self) -> Read<Option<Span>> {
        let value = self.value()?;
        Ok(match value {
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
    pub(super) fn content(&mut self, texts: &mut Texts) -> Read<()> {
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
        Ok(())
    }

    fn part(&mut self, start: usize, texts: &mut Texts) -> Read<()> {
        let before = texts.len();
        self.fields(|cursor, key| {
            if matches!(key, "text" | "refusal") {
                cursor.string()?.into_iter().for_each(|span| texts.push(span));
                Ok(())
            } else {
                cursor.pass()
            }
        })?;
        if texts.len() == before {
            texts.push(Span::part(start, self.position()));
        }
        Ok(())
    }
}

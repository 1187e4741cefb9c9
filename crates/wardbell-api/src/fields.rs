//! Reads a JSON object field by field, strictly: every field is asked for by name, and what nobody asked for is
//! refused.
//!
//! Written by hand rather than derived, because a derived reader repeats the offending value in its message, and here
//! the value may be a provider's key. `null` counts as absent, except where a reader asks for
//! [`nullable`](Fields::nullable).

use serde_json::{Map, Value};
use wardbell_core::money::{Usd, UsdError};

use crate::error::{Fault, FieldError};

/// The longest name for people, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 200;

/// How much of an unknown field's name is repeated to the caller, in characters.
const UNKNOWN_CHARS_MAX: usize = 64;

/// The fields of one object that have not been read yet.
pub(crate) struct Fields {
    path: String,
    values: Map<String, Value>,
    known: Vec<&'static str>,
}

/// A field for which null has a meaning of its own.
pub(crate) enum Given {
    /// It was left out.
    Absent,
    /// It is null.
    Null,
    /// It has a value.
    Value(Value),
}

/// What a caller wants of a value that may be without one.
#[derive(Debug, PartialEq)]
pub(crate) enum Change<T> {
    /// It stays as it is: it was left out.
    Keep,
    /// It goes: it is null.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T> Change<T> {
    /// The value as it is to be.
    pub(crate) fn apply(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// The same of another value.
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(make(value)),
        }
    }
}

impl Fields {
    /// The fields of a whole body or query.
    pub(crate) fn new(values: Map<String, Value>) -> Self {
        Self { path: String::new(), values, known: Vec::new() }
    }

    /// The fields of an object that stands at `path`.
    pub(crate) fn within(path: String, values: Map<String, Value>) -> Self {
        Self { path, values, known: Vec::new() }
    }

    /// The path of a field of this object, for messages.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// An error about a field of this object.
    pub(crate) fn fault(&self, name: &str, fault: Fault) -> FieldError {
        FieldError { field: self.path(name), fault }
    }

    /// An error that says what a field of this object should be.
    pub(crate) fn invalid(&self, name: &str, message: impl Into<String>) -> FieldError {
        self.fault(name, Fault::Invalid(message.into()))
    }

    /// Takes a field for which null has a meaning.
    pub(crate) fn nullable(&mut self, name: &'static str) -> Given {
        self.known.push(name);
        match self.values.remove(name) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => Given::Value(value),
        }
    }

    /// Takes a field; null counts as absent.
    pub(crate) fn value(&mut self, name: &'static str) -> Option<Value> {
        match self.nullable(name) {
            Given::Absent | Given::Null => None,
            Given::Value(value) => Some(value),
        }
    }

    /// Takes a string.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.invalid(name, "must be a string")),
        }
    }

    /// Takes a name for people: 1 to [`NAME_CHARS_MAX`] characters, none of which steers a terminal or turns the
    /// direction of the text around it.
    pub(crate) fn name(&mut self, name: &'static str) -> Result<Option<String>, FieldError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        if text.trim().is_empty() {
            return Err(self.invalid(name, "must not be empty"));
        }
        if text.chars().count() > NAME_CHARS_MAX {
            return Err(self.invalid(name, format!("must have at most {NAME_CHARS_MAX} characters")));
        }
        if text.chars().any(|letter| letter.is_control() || turns_direction(letter)) {
            return Err(self.invalid(name, "must not contain control characters"));
        }
        Ok(Some(text))
    }

    /// Takes a truth value.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.invalid(name, "must be true or false")),
        }
    }

    /// Takes a whole number up to `max`.
    pub(crate) fn integer(&mut self, name: &'static str, max: u64) -> Result<Option<u64>, FieldError> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        match value.as_u64().filter(|number| *number <= max) {
            Some(number) => Ok(Some(number)),
            None => Err(self.invalid(name, format!("must be a whole number from 0 to {max}"))),
        }
    }

    /// Takes a number from 0 to 1.
    pub(crate) fn score(&mut self, name: &'static str) -> Result<Option<f32>, FieldError> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        match value.as_f64().filter(|number| (0.0..=1.0).contains(number)) {
            #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1; a score needs no more digits")]
            Some(number) => Ok(Some(number as f32)),
            None => Err(self.invalid(name, "must be a number from 0 to 1")),
        }
    }

    /// Takes a number within bounds, or null.
    pub(crate) fn number_or_null(&mut self, name: &'static str, min: f64, max: f64) -> Result<Change<f64>, FieldError> {
        match self.nullable(name) {
            Given::Absent => Ok(Change::Keep),
            Given::Null => Ok(Change::Clear),
            Given::Value(value) => match value.as_f64().filter(|number| (min..=max).contains(number)) {
                Some(number) => Ok(Change::Set(number)),
                None => Err(self.invalid(name, format!("must be a number from {min} to {max}, or null"))),
            },
        }
    }

    /// Takes an amount of dollars, not negative; the number is read as it is written, not as a float.
    pub(crate) fn amount(&mut self, name: &'static str) -> Result<Option<Usd>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => self.read_amount(name, &value).map(Some),
        }
    }

    /// Takes an amount of dollars, or null.
    pub(crate) fn amount_or_null(&mut self, name: &'static str) -> Result<Change<Usd>, FieldError> {
        match self.nullable(name) {
            Given::Absent => Ok(Change::Keep),
            Given::Null => Ok(Change::Clear),
            Given::Value(value) => self.read_amount(name, &value).map(Change::Set),
        }
    }

    fn read_amount(&self, name: &str, value: &Value) -> Result<Usd, FieldError> {
        let Value::Number(number) = value else {
            return Err(self.invalid(name, "must be a number of dollars"));
        };
        // The shortest text of a double has the digits that were written, if they were no more than 15; longer ones are
        // refused.
        let amount: Usd =
            number.to_string().parse().map_err(|error: UsdError| self.invalid(name, error.to_string()))?;
        if amount < Usd::ZERO {
            return Err(self.invalid(name, "must not be negative"));
        }
        Ok(amount)
    }

    /// Takes an id, a time or anything else that reads from text; `form` says what it must be.
    pub(crate) fn parsed<T: std::str::FromStr>(
        &mut self,
        name: &'static str,
        form: &str,
    ) -> Result<Option<T>, FieldError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| self.invalid(name, format!("must be {form}")))
    }

    /// Takes a time.
    pub(crate) fn time(&mut self, name: &'static str) -> Result<Option<wardbell_core::time::Timestamp>, FieldError> {
        self.parsed(name, "an RFC 3339 time such as 2026-11-23T15:04:05Z")
    }

    /// Takes one of a closed list of words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        all: &[T],
        word_of: impl Fn(T) -> &'static str,
    ) -> Result<Option<T>, FieldError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let found = all.iter().copied().find(|candidate| word_of(*candidate) == text);
        found.map(Some).ok_or_else(|| {
            let words: Vec<_> = all.iter().map(|candidate| word_of(*candidate)).collect();
            self.invalid(name, format!("must be one of: {}", words.join(", ")))
        })
    }

    /// Takes a list of strings of at most `max` items.
    pub(crate) fn texts(&mut self, name: &'static str, max: usize) -> Result<Option<Vec<String>>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => self.read_texts(name, value, max).map(Some),
        }
    }

    /// Reads a value of this object as a list of strings of at most `max` items.
    pub(crate) fn read_texts(&self, name: &str, value: Value, max: usize) -> Result<Vec<String>, FieldError> {
        let wrong = || self.invalid(name, format!("must be a list of at most {max} strings"));
        let Value::Array(items) = value else {
            return Err(wrong());
        };
        if items.len() > max {
            return Err(wrong());
        }
        items
            .into_iter()
            .map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err(wrong()),
            })
            .collect()
    }

    /// Takes a list of objects of at most `max` items; each knows its own path, such as `content[2]`.
    pub(crate) fn objects(&mut self, name: &'static str, max: usize) -> Result<Option<Vec<Self>>, FieldError> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let wrong = || self.invalid(name, format!("must be a list of at most {max} objects"));
        let Value::Array(items) = value else {
            return Err(wrong());
        };
        if items.len() > max {
            return Err(wrong());
        }
        let objects = items.into_iter().enumerate().map(|(at, item)| match item {
            Value::Object(values) => Ok(Self::within(format!("{}[{at}]", self.path(name)), values)),
            _ => Err(self.invalid(&format!("{name}[{at}]"), "must be an object")),
        });
        objects.collect::<Result<_, _>>().map(Some)
    }

    /// Takes an object.
    pub(crate) fn object(&mut self, name: &'static str) -> Result<Option<Self>, FieldError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Object(values)) => Ok(Some(Self { path: self.path(name), values, known: Vec::new() })),
            Some(_) => Err(self.invalid(name, "must be an object")),
        }
    }

    /// Refuses a field of the plan that this version does not act on; null and absent pass.
    pub(crate) fn not_available(&mut self, name: &'static str) -> Result<(), FieldError> {
        self.refuse(name, Fault::NotAvailable)
    }

    /// Refuses a field that a caller might think of, for a reason of its own; null and absent pass.
    pub(crate) fn refuse(&mut self, name: &'static str, fault: Fault) -> Result<(), FieldError> {
        // It is not among the known ones, so it is not offered when another field is misspelt.
        match self.values.remove(name) {
            None | Some(Value::Null) => Ok(()),
            Some(_) => Err(self.fault(name, fault)),
        }
    }

    /// Ends the reading: a field that nobody asked for is an error.
    pub(crate) fn finish(self) -> Result<(), FieldError> {
        let Some(unknown) = self.values.keys().next() else {
            return Ok(());
        };
        let shown: String = unknown.chars().filter(|letter| !letter.is_control()).take(UNKNOWN_CHARS_MAX).collect();
        Err(FieldError { field: self.path(&shown), fault: Fault::Unknown(self.known) })
    }
}

/// Requires what an optional field gave.
pub(crate) fn required<T>(name: &str, value: Option<T>) -> Result<T, FieldError> {
    value.ok_or_else(|| FieldError { field: name.to_owned(), fault: Fault::Missing })
}

/// Unicode's explicit direction marks (UAX 9, section 2: <https://www.unicode.org/reports/tr9/>, read 2026-11-23): they
/// make a list entry read as another one.
const fn turns_direction(letter: char) -> bool {
    matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

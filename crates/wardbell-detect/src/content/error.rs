//! Why a set of content policies cannot be compiled, and what to do about it.

use std::fmt;

/// A content policy cannot be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentError {
    /// The position of the policy in the list.
    pub policy: usize,
    /// Its name; empty if the problem is the list's.
    pub name: String,
    /// The part of the policy that is wrong.
    pub field: Field,
    /// The position in that part's list, if one entry is wrong.
    pub entry: Option<usize>,
    /// What is wrong with it.
    pub reason: Reason,
}

/// A part of a content policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The list of policies itself.
    Policy,
    /// `patterns`.
    Patterns,
    /// `words`.
    Words,
    /// `examples`.
    Examples,
    /// `similarity`.
    Similarity,
}

impl Field {
    /// The name in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "content policies",
            Self::Patterns => "patterns",
            Self::Words => "words",
            Self::Examples => "examples",
            Self::Similarity => "similarity",
        }
    }
}

/// What is wrong, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The entry is no regular expression.
    #[error("not a regular expression: {problem} at character {at}; escape special characters with `\\`")]
    Syntax {
        /// What the parser says.
        problem: String,
        /// Where, counted from 1.
        at: usize,
    },
    /// The expression looks around.
    #[error(
        "look-ahead and look-behind are not supported, because they cannot be matched in linear time; match the text around it instead, or use two policies"
    )]
    LookAround,
    /// The expression refers back to a group.
    #[error(
        "references back to a group are not supported, because they cannot be matched in linear time; write the alternatives out"
    )]
    BackReference,
    /// The expression matches the empty text, and so every text.
    #[error("it matches the empty text, and so every text; ask for at least one character (`+` instead of `*`)")]
    MatchesEmpty,
    /// The expression can match no text at all.
    #[error("it can match no text; remove it or mend its character classes")]
    MatchesNothing,
    /// The expression is too large once compiled.
    #[error(
        "it takes more than {max_bytes} bytes compiled; lower its repeat counts or use `(?-u:\\w)` for ASCII letters"
    )]
    Large {
        /// The bound, in bytes.
        max_bytes: usize,
    },
    /// The entry is too long.
    #[error("it is longer than {max_bytes} bytes; split it")]
    Long {
        /// The bound, in bytes.
        max_bytes: usize,
    },
    /// Nothing is left of the entry once spaces and invisible characters are out.
    #[error("it is empty; remove it")]
    Empty,
    /// The example has too few words that tell something.
    #[error(
        "it has fewer than {min} telling words, so that it would be like many texts; put it under `words` or write a whole sentence"
    )]
    Vague {
        /// The bound, in words.
        min: usize,
    },
    /// Too many entries over all enabled policies.
    #[error("more than {max} in all; remove some or join them")]
    Many {
        /// The bound.
        max: usize,
    },
    /// Too many words end in one another.
    #[error("more than {max} other words are endings of it; remove the short ones")]
    Nested {
        /// The bound.
        max: usize,
    },
    /// The examples have too many features.
    #[error("the examples have more than {max} features in all; shorten them or remove some")]
    Features {
        /// The bound.
        max: usize,
    },
    /// The likeness is out of range.
    #[error("it must be a number from {min} to 1, such as 0.6")]
    Similarity {
        /// The bound, as text.
        min: &'static str,
    },
    /// The automaton of all words could not be built.
    #[error("the automaton of all words does not compile: {problem}; use fewer or shorter words")]
    Automaton {
        /// What the builder says.
        problem: String,
    },
}

impl ContentError {
    pub(super) fn of(policy: usize, name: &str, field: Field, entry: Option<usize>, reason: Reason) -> Self {
        Self { policy, name: name.to_owned(), field, entry, reason }
    }
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            write!(f, "content policy `{}` (index {}), ", self.name, self.policy)?;
        }
        f.write_str(self.field.as_str())?;
        if let Some(entry) = self.entry {
            write!(f, "[{entry}]")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for ContentError {}

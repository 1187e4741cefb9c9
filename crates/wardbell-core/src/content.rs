//! Content policies: what a project does not want to be talked about, by patterns, words and examples
//! (`spec/wire-lockllm.md` 2.7). Built-in categories are not part of Wardbell.

use serde::{Deserialize, Serialize};

/// One content policy of a project. It is broken when any of its parts matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentPolicy {
    /// What callers are told was broken; unique in the project.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Whether it counts.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Regular expressions of linear time, matched anywhere in the text.
    #[serde(default)]
    pub patterns: Vec<String>,
    /// Words and phrases, whatever their letter case, at word boundaries.
    #[serde(default)]
    pub words: Vec<String>,
    /// Texts that a matching text resembles.
    #[serde(default)]
    pub examples: Vec<String>,
    /// How alike a text must be to an example, from 0 to 1.
    #[serde(default = "similarity")]
    pub similarity: f32,
}

/// How alike a text must be to an example unless the policy says otherwise.
pub const SIMILARITY_DEFAULT: f32 = 0.6;

const fn yes() -> bool {
    true
}

const fn similarity() -> f32 {
    SIMILARITY_DEFAULT
}

/// A content policy that a text broke.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokenPolicy {
    /// The policy's name.
    pub name: String,
    /// The policy's description; may be empty.
    pub description: String,
    /// What part of the policy matched.
    pub by: BrokenBy,
    /// How sure, from 0 to 1.
    pub confidence: f32,
}

/// The part of a content policy that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenBy {
    /// One of its patterns.
    Pattern,
    /// One of its words.
    Word,
    /// One of its examples.
    Example,
}

impl BrokenBy {
    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pattern => "pattern",
            Self::Word => "word",
            Self::Example => "example",
        }
    }
}

//! What a project does not want to be talked about.

use serde::Serialize;
use utoipa::ToSchema;
use wardbell_core::content::{ContentPolicy, SIMILARITY_DEFAULT};
use wardbell_detect::content::{ContentSet, Field};

use crate::error::FieldError;
use crate::fields::{Fields, required};

/// How many content policies a project may have.
const POLICIES_MAX: usize = 50;

/// The longest description, in characters (`spec/wire-lockllm.md` 2.7).
const DESCRIPTION_CHARS_MAX: usize = 10_000;

/// How many patterns a policy may have, and how long one may be, in bytes.
const PATTERNS_MAX: usize = 50;
const PATTERN_BYTES_MAX: usize = 1000;

/// How many words or phrases a policy may have, and how long one may be, in characters.
const WORDS_MAX: usize = 1000;
const WORD_CHARS_MAX: usize = 200;

/// How many examples a policy may have, and how long one may be, in characters.
const EXAMPLES_MAX: usize = 100;
const EXAMPLE_CHARS_MAX: usize = 4000;

/// A content policy: it is broken when any of its patterns, words or examples matches.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ContentAnswer {
    /// What callers are told was broken.
    name: String,
    /// For people.
    description: String,
    /// Whether it counts.
    enabled: bool,
    /// Regular expressions, matched anywhere in the text.
    patterns: Vec<String>,
    /// Words and phrases, whatever their letter case, at word boundaries.
    words: Vec<String>,
    /// Texts that a matching text resembles.
    examples: Vec<String>,
    /// How alike a text must be to an example.
    #[schema(minimum = 0, maximum = 1)]
    similarity: f32,
}

/// A content policy: it is broken when any of its patterns, words or examples matches. At least one of them is needed.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; `read` reads it")]
pub(super) struct ContentBody {
    /// What callers are told was broken; unique in the project.
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// For people.
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// Whether it counts; the default is true.
    enabled: Option<bool>,
    /// Regular expressions of linear time (no look-around, no back-references) of at most 1000 bytes, matched anywhere in
    /// the text.
    #[schema(max_items = 50)]
    patterns: Option<Vec<String>>,
    /// Words and phrases of at most 200 characters, whatever their letter case, at word boundaries.
    #[schema(max_items = 1000)]
    words: Option<Vec<String>>,
    /// Texts of at most 4000 characters that a matching text resembles.
    #[schema(max_items = 100)]
    examples: Option<Vec<String>>,
    /// How alike a text must be to an example; the default is 0.6.
    #[schema(minimum = 0, maximum = 1)]
    similarity: Option<f32>,
}

impl From<ContentPolicy> for ContentAnswer {
    fn from(policy: ContentPolicy) -> Self {
        let ContentPolicy { name, description, enabled, patterns, words, examples, similarity } = policy;
        Self { name, description, enabled, patterns, words, examples, similarity }
    }
}

/// Reads `content` of a policy's fields: the whole list, if it is given.
pub(super) fn read(body: &mut Fields) -> Result<Option<Vec<ContentPolicy>>, FieldError> {
    let Some(items) = body.objects("content", POLICIES_MAX)? else {
        return Ok(None);
    };
    let mut policies: Vec<ContentPolicy> = Vec::with_capacity(items.len());
    for item in items {
        let name_path = item.path("name");
        let policy = read_one(item)?;
        if policies.iter().any(|other| other.name == policy.name) {
            return Err(FieldError::invalid(name_path, "must be another name than that of the policies before it"));
        }
        policies.push(policy);
    }
    check(&policies, body)?;
    Ok(Some(policies))
}

/// Compiles the policies as the detector does: what is stored can be looked for. The message never repeats an entry.
fn check(policies: &[ContentPolicy], body: &Fields) -> Result<(), FieldError> {
    let Err(error) = ContentSet::compile(policies) else { return Ok(()) };
    let entry = error.entry.map(|entry| format!("[{entry}]")).unwrap_or_default();
    let field = match error.field {
        Field::Policy => "content".to_owned(),
        part @ (Field::Patterns | Field::Words | Field::Examples | Field::Similarity) => {
            format!("content[{}].{}{entry}", error.policy, part.as_str())
        }
    };
    Err(body.invalid(&field, format!("cannot be used: {}", error.reason)))
}

fn read_one(mut body: Fields) -> Result<ContentPolicy, FieldError> {
    let name = required(&body.path("name"), body.name("name")?)?;
    let description = body.text("description")?.unwrap_or_default();
    if description.chars().count() > DESCRIPTION_CHARS_MAX {
        let message = format!("must have at most {DESCRIPTION_CHARS_MAX} characters");
        return Err(body.invalid("description", message));
    }
    let enabled = body.boolean("enabled")?.unwrap_or(true);
    let patterns = body.texts("patterns", PATTERNS_MAX)?.unwrap_or_default();
    for (at, pattern) in patterns.iter().enumerate() {
        let field = format!("patterns[{at}]");
        if !(1..=PATTERN_BYTES_MAX).contains(&pattern.len()) {
            return Err(body.invalid(&field, format!("must have 1 to {PATTERN_BYTES_MAX} bytes")));
        }
    }
    let words = read_list(&mut body, "words", WORDS_MAX, WORD_CHARS_MAX)?;
    let examples = read_list(&mut body, "examples", EXAMPLES_MAX, EXAMPLE_CHARS_MAX)?;
    let similarity = body.score("similarity")?.unwrap_or(SIMILARITY_DEFAULT);
    if patterns.is_empty() && words.is_empty() && examples.is_empty() {
        return Err(body.invalid("patterns", "or `words` or `examples` must hold at least one: nothing else can match"));
    }
    body.finish()?;
    Ok(ContentPolicy { name, description, enabled, patterns, words, examples, similarity })
}

fn read_list(
    body: &mut Fields,
    name: &'static str,
    items_max: usize,
    chars_max: usize,
) -> Result<Vec<String>, FieldError> {
    let items = body.texts(name, items_max)?.unwrap_or_default();
    for (at, item) in items.iter().enumerate() {
        if item.trim().is_empty() || item.chars().count() > chars_max {
            let message = format!("must have 1 to {chars_max} characters and not only white space");
            return Err(body.invalid(&format!("{name}[{at}]"), message));
        }
    }
    Ok(items)
}

//! Regular expressions of a policy: checked, bounded, linear.

use regex_automata::Input;
use regex_automata::meta::Regex;
use regex_syntax::ast;

use super::error::Reason;
use super::{By, Hit};

/// The most patterns of all enabled policies: each is one search over the text. `\b` and `\w` of all scripts on a text of
/// other scripts take some 26 ns a byte; with `(?-u:\b)` a pattern is fast on any text.
pub(super) const PATTERNS_MAX: usize = 32;

/// The longest pattern, in bytes.
const PATTERN_LENGTH_MAX: usize = 4096;

/// The most memory that one compiled pattern may take, in bytes (`spec/pii-and-secrets.md` section 5).
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The memory for the lazily built automaton of one pattern, in bytes and for each thread that looks.
const PATTERN_CACHE_BYTES: usize = 1 << 21;

/// How deep the groups of a pattern may stand in one another.
const NESTING_MAX: u32 = 64;

/// The patterns of one policy, by their positions.
#[derive(Debug)]
pub(super) struct Patterns(Vec<Regex>);

impl Patterns {
    /// Compiles the patterns; the error has the position of the first that is wrong.
    pub(super) fn compile(patterns: &[String]) -> Result<Self, (usize, Reason)> {
        let compiled = patterns.iter().enumerate().map(|(entry, text)| compile(text).map_err(|reason| (entry, reason)));
        Ok(Self(compiled.collect::<Result<_, _>>()?))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The first match of the first pattern that matches, in the view or, where it differs, in the source.
    pub(super) fn look(&self, view: &str, source: &str) -> Option<Hit> {
        let find = |text: &str, is_source| {
            self.0.iter().enumerate().find_map(|(entry, regex)| {
                let found = regex.find(Input::new(text))?;
                Some(Hit { by: By::Pattern(entry), span: found.range(), confidence: 1.0, is_source })
            })
        };
        find(view, false).or_else(|| if view == source { None } else { find(source, true) })
    }
}

fn compile(text: &str) -> Result<Regex, Reason> {
    if text.is_empty() {
        return Err(Reason::Empty);
    }
    if text.len() > PATTERN_LENGTH_MAX {
        return Err(Reason::Long { max_bytes: PATTERN_LENGTH_MAX });
    }
    let tree = regex_syntax::ParserBuilder::new()
        .nest_limit(NESTING_MAX)
        .build()
        .parse(text)
        .map_err(|error| syntax(&error))?;
    match tree.properties().minimum_len() {
        Some(0) => return Err(Reason::MatchesEmpty),
        None => return Err(Reason::MatchesNothing),
        Some(_) => {}
    }
    Regex::builder()
        .configure(Regex::config().nfa_size_limit(Some(PATTERN_BYTES_MAX)).hybrid_cache_capacity(PATTERN_CACHE_BYTES))
        .build_from_hir(&tree)
        .map_err(|_| Reason::Large { max_bytes: PATTERN_BYTES_MAX })
}

fn syntax(error: &regex_syntax::Error) -> Reason {
    let (problem, at) = match error {
        regex_syntax::Error::Parse(error) => match error.kind() {
            ast::ErrorKind::UnsupportedLookAround => return Reason::LookAround,
            ast::ErrorKind::UnsupportedBackreference => return Reason::BackReference,
            kind => (kind.to_string(), error.span().start.column),
        },
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), error.span().start.column),
        other => (other.to_string(), 1),
    };
    Reason::Syntax { problem, at }
}

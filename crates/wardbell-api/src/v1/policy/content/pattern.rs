//! Whether a regular expression of a content policy can be used.

use regex_automata::meta::{BuildError, Regex};
use regex_automata::util::syntax;

/// The most memory that one compiled pattern may take, in bytes: room for a thousand characters and a few classes, none
/// for `(x{1000}){1000}`.
const PATTERN_MEMORY_BYTES_MAX: usize = 1 << 20;

/// Compiles a pattern as the detector does, linear and limited in size, and says what is wrong with it. The message never
/// repeats the pattern.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    let built = Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .configure(Regex::config().utf8_empty(false).nfa_size_limit(Some(PATTERN_MEMORY_BYTES_MAX)))
        .build(pattern);
    built.map(drop).map_err(|error| explain(&error))
}

fn explain(error: &BuildError) -> String {
    if error.size_limit().is_some() {
        return "must be a smaller expression: its repetitions make it too large".to_owned();
    }
    let reason = error.syntax_error().map(|error| {
        // The parser's message draws the pattern; its last line says what is wrong.
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default();
        last.strip_prefix("error: ").unwrap_or(last).to_owned()
    });
    format!("must be a regular expression of linear time: {}", reason.as_deref().unwrap_or("it does not compile"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_cannot_be_used_is_explained_without_repeating_it() {
        for good in ["a", r"(?i)\bproject[ -]?x\b", "^.{1,80}$", "größe", "[a-z]+@[a-z]+"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, says) in [
            ("(secret", "unclosed group"),
            ("secret)", "unopened group"),
            ("[secret", "unclosed character class"),
            ("secret**?+{2", "repetition"),
            (r"(secret)\1", "backreferences are not supported"),
            ("(?=secret)", "look-around"),
            (r"\p{secret}", "must be"),
            ("(?:secret{1000}){1000}", "smaller"),
            ("(((((a{100}){100}){100}){100}){100})", "smaller"),
        ] {
            let said = check(bad).unwrap_err();
            assert!(said.contains(says), "{bad}: {said}");
            assert!(!said.contains("secret"), "{bad}: {said}");
        }
    }
}

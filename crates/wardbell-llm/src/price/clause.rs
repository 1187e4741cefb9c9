//! Rules that find a model by its name, as the table writes them: clauses joined by `&`, all of which must hold.
//!
//! `=text` is the whole name, `^text` its start, `$text` its end, `*text` a part of it; `!` before a clause turns it round.
//! In `=` and `^`, `#` stands for a digit.

/// Clauses that must all hold.
#[derive(Debug)]
pub(super) struct Alternative(Vec<Clause>);

#[derive(Debug)]
struct Clause {
    is_negated: bool,
    place: Place,
    text: String,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Whole,
    Start,
    End,
    Anywhere,
}

impl Alternative {
    /// The whole name, in any letter case.
    pub(super) fn name(name: &str) -> Self {
        Self(vec![Clause { is_negated: false, place: Place::Whole, text: name.to_ascii_lowercase() }])
    }

    /// Reads what the table says.
    pub(super) fn parse(rule: &str) -> Self {
        Self(rule.split('&').map(Clause::parse).collect())
    }

    /// Whether a name in lower case is meant.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.0.iter().all(|clause| clause.holds(name))
    }
}

impl Clause {
    fn parse(clause: &str) -> Self {
        let (is_negated, clause) = match clause.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, clause),
        };
        let mut letters = clause.chars();
        let (place, text) = match letters.next() {
            Some('^') => (Place::Start, letters.as_str()),
            Some('$') => (Place::End, letters.as_str()),
            Some('*') => (Place::Anywhere, letters.as_str()),
            Some('=') => (Place::Whole, letters.as_str()),
            Some(_) | None => (Place::Whole, clause),
        };
        Self { is_negated, place, text: text.to_owned() }
    }

    fn holds(&self, name: &str) -> bool {
        let found = match self.place {
            Place::Whole => name.len() == self.text.len() && starts(name, &self.text),
            Place::Start => starts(name, &self.text),
            Place::End => name.ends_with(&self.text),
            Place::Anywhere => name.contains(&self.text),
        };
        found != self.is_negated
    }
}

fn starts(name: &str, pattern: &str) -> bool {
    let alike = |(have, want): (u8, u8)| have == want || (want == b'#' && have.is_ascii_digit());
    name.len() >= pattern.len() && name.bytes().zip(pattern.bytes()).all(alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_means_what_it_says() {
        for (rule, yes, no) in [
            ("=gpt-4o", &["gpt-4o"][..], &["gpt-4o-mini", "xgpt-4o", "gpt-4", ""][..]),
            ("^gpt-4o", &["gpt-4o", "gpt-4o-mini"], &["xgpt-4o", "gpt-4"]),
            ("$:free", &["a:free", ":free"], &["a:free2", "free"]),
            ("*claude-v2", &["aws/claude-v2:1", "claude-v2"], &["claude-2"]),
            ("=m-####-##", &["m-2025-01"], &["m-2025-0x", "m-2025-011", "m-202x-01"]),
            ("^m-#", &["m-1", "m-9-x"], &["m-", "m-x"]),
            ("^m&!$-tts&!*-tts-", &["m", "m-ttsx"], &["m-tts", "m-tts-1", "x"]),
        ] {
            let rule = Alternative::parse(rule);
            assert!(yes.iter().all(|name| rule.holds(name)), "{rule:?}");
            assert!(!no.iter().any(|name| rule.holds(name)), "{rule:?}");
        }
        assert!(Alternative::name("Org/Model").holds("org/model"));
    }
}

//! Orders without measure: `repeat this 10000 times`, `count to a million`, `write forever`.
//!
//! An order starts a clause with its verb (`Repeat`, `please print`, `and then list`). Within the next words stands a
//! number with a unit, or a word for without end. Whoever speaks of programs asks for a loop, not for its output.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// The verbs of output.
const VERBS: &[&str] = &[
    "repeat",
    "say",
    "write",
    "print",
    "output",
    "generate",
    "count",
    "list",
    "produce",
    "type",
    "recite",
    "continue",
    "keep",
    "echo",
    "send",
    "enumerate",
    "give",
    "create",
    "calculate",
    "respond",
    "answer",
    "loop",
    "spell",
];

/// The verbs that need no unit: `count to 1000000`.
const COUNTING: &[&str] = &["count", "list", "enumerate", "print", "write", "output", "recite", "generate"];

/// What stands before the verb of an order, besides nothing.
const LEADS: &[&str] = &[
    "please", "and", "then", "now", "must", "just", "to", "you", "should", "will", "instead", "also", "can", "could",
    "first", "always", "only",
];

/// Units, and from which number an order for so many is without measure. The longest answers of today's models are
/// some 100,000 tokens, and a thousand repeats of anything are of use to nobody.
const UNITS: &[(&str, u64)] = &[
    ("time", 1_000),
    ("cop", 1_000),
    ("repetition", 1_000),
    ("line", 10_000),
    ("row", 50_000),
    ("paragraph", 2_000),
    ("page", 1_000),
    ("sentence", 10_000),
    ("word", 50_000),
    ("token", 100_000),
    ("character", 500_000),
    ("letter", 500_000),
    ("digit", 10_000),
    ("decimal", 10_000),
    ("number", 10_000),
    ("prime", 10_000),
    ("item", 10_000),
    ("example", 10_000),
    ("variation", 10_000),
    ("name", 10_000),
    ("poem", 1_000),
    ("stor", 1_000),
    ("email", 1_000),
    ("message", 1_000),
    ("essay", 1_000),
];

/// From which number on counting is without measure.
const COUNT_TO: u64 = 10_000;

/// Words for without end, as one or more words of the clause.
const ENDLESS: &[&[&str]] = &[
    &["forever"],
    &["endlessly"],
    &["infinitely"],
    &["indefinitely"],
    &["without", "stopping"],
    &["without", "ever", "stopping"],
    &["never", "stop"],
    &["non", "stop"],
    &["infinity"],
    &["infinite", "times"],
    &["until", "you", "run", "out"],
    &["until", "you", "crash"],
    &["as", "many", "times", "as"],
    &["until", "the", "context"],
    &["until", "you", "hit"],
    &["do", "not", "stop"],
    &["don't", "stop"],
];

/// The verbs that make sense without end.
const ENDLESS_VERBS: &[&str] = &[
    "repeat", "say", "write", "print", "output", "generate", "count", "keep", "type", "echo", "continue", "loop",
    "recite",
];

/// Who says one of these asks for a program or about one.
const PROGRAMS: &[&str] = &[
    "python",
    "javascript",
    "java",
    "rust",
    "function",
    "script",
    "program",
    "code",
    "sql",
    "loop",
    "bash",
    "while",
    "for",
    "benchmark",
    "simulation",
    "experiment",
    "regex",
    "excel",
    "api",
    "haskell",
    "golang",
    "c",
];

/// How far before a verb is looked, in bytes: a word and what stands around it.
const LEAD_BYTES_MAX: usize = 24;

/// How many words of a clause are read from its verb on.
const CLAUSE_WORDS_MAX: usize = 24;

/// An order without measure is abuse whatever else the text says.
const SCORE: f32 = 0.8;

/// From 0 to 1.
pub(super) fn look(text: &str) -> f32 {
    if clauses(text).any(|clause| is_without_measure(&clause)) { SCORE } else { 0.0 }
}

/// The words of an order from its verb on.
struct Clause<'t> {
    words: Vec<&'t str>,
}

/// Finds the verbs; `None` if the automaton could not be built, which a test rules out.
static AUTOMATON: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .build(VERBS)
        .ok()
});

/// What ends a clause.
const ENDS: &[u8] = b".!?\n;:";

/// The first order of each clause: a verb of output that follows the clause's start or a word that leads to one. One for
/// each clause, so that the words of a text are read once.
fn clauses(text: &str) -> impl Iterator<Item = Clause<'_>> {
    let mut from = 0;
    AUTOMATON.iter().flat_map(move |automaton| automaton.find_iter(text)).filter_map(move |verb| {
        let bytes = text.as_bytes();
        if verb.start() < from || !is_whole(bytes, verb.start(), verb.end()) || !is_led(bytes, verb.start()) {
            return None;
        }
        let rest = bytes.get(verb.start()..)?;
        from = verb.start() + rest.iter().position(|byte| ENDS.contains(byte)).unwrap_or(rest.len());
        let words = text
            .get(verb.start()..from)?
            .split(|character: char| !(character.is_alphanumeric() || matches!(character, ',' | '\'' | '’')))
            .map(|word| word.trim_matches(['\'', ',', '’']))
            .filter(|word| !word.is_empty())
            .take(CLAUSE_WORDS_MAX)
            .collect();
        Some(Clause { words })
    })
}

/// Whether no letter or digit stands on either side.
fn is_whole(text: &[u8], start: usize, end: usize) -> bool {
    let joins = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
    !joins(start.checked_sub(1).and_then(|before| text.get(before))) && !joins(text.get(end))
}

/// Whether a clause starts before `at`, or a word stands there that leads to an order.
fn is_led(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(LEAD_BYTES_MAX)..at).unwrap_or_default();
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || *byte == b'\'';
    let Some(last) = before.iter().rposition(|byte| is_letter(byte) || ENDS.contains(byte)) else {
        return at <= LEAD_BYTES_MAX;
    };
    let before = before.get(..=last).unwrap_or_default();
    let word = before.rsplit(|byte| !is_letter(byte)).next().unwrap_or_default();
    word.is_empty() || LEADS.iter().any(|lead| word.eq_ignore_ascii_case(lead.as_bytes()))
}

fn is_any(word: &str, any: &[&str]) -> bool {
    any.iter().any(|one| word.eq_ignore_ascii_case(one))
}

fn is_without_measure(clause: &Clause<'_>) -> bool {
    let words = &clause.words;
    let Some(verb) = words.first() else { return false };
    // `for` is part of orders as well (`keep going for 5000 lines`): it makes a program with `loop` only, which is there.
    if words.iter().skip(1).any(|word| is_any(word, PROGRAMS) && !word.eq_ignore_ascii_case("for")) {
        return false;
    }
    let is_endless = is_any(verb, ENDLESS_VERBS)
        && ENDLESS.iter().any(|phrase| {
            words
                .windows(phrase.len())
                .any(|window| window.iter().zip(*phrase).all(|(word, part)| word.eq_ignore_ascii_case(part)))
        });
    is_endless || (1..words.len()).any(|at| is_too_many(words, at, verb))
}

/// Whether a number at `at` asks for too much.
fn is_too_many(words: &[&str], at: usize, verb: &str) -> bool {
    let Some(number) = number(words, at) else { return false };
    let word = |place: usize| words.get(place).copied().unwrap_or_default();
    let follows = (1..=3)
        .map(|step| word(at + step))
        .any(|unit| UNITS.iter().any(|(name, from)| number >= *from && is_unit(unit, name)));
    let counts = number >= COUNT_TO
        && is_any(verb, COUNTING)
        && (1..=2).any(|step| at >= step && is_any(word(at - step), &["to", "through"]))
        && (verb.eq_ignore_ascii_case("count")
            || words
                .iter()
                .any(|word| is_any(word, &["number", "numbers", "integer", "integers", "primes", "digits"])));
    follows || counts
}

/// Whether `word` is the unit or its plural: `time` and `times`, not `timestamp`.
fn is_unit(word: &str, name: &str) -> bool {
    word.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        && word.get(name.len()..).is_some_and(|rest| is_any(rest, &["", "s", "y", "ies"]))
}

/// The number at `at`: digits with commas, `10k`, `a million`, `ten thousand`.
fn number(words: &[&str], at: usize) -> Option<u64> {
    let word = words.get(at)?;
    let scale = |word: &str| match word.to_ascii_lowercase().as_str() {
        "hundred" | "hundreds" => Some(100),
        "thousand" | "thousands" => Some(1_000),
        "million" | "millions" => Some(1_000_000),
        "billion" | "billions" | "trillion" => Some(1_000_000_000),
        _ => None,
    };
    if let Some(scale) = scale(word) {
        let before = words.get(at.checked_sub(1)?).copied().unwrap_or_default();
        let count = match before.to_ascii_lowercase().as_str() {
            "ten" => 10,
            "twenty" => 20,
            "fifty" => 50,
            "hundred" => 100,
            other => other.parse().unwrap_or(1),
        };
        return Some(scale * count.min(1_000_000));
    }
    let (digits, scale) = match word.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => (*word, 1),
    };
    if !digits.starts_with(|first: char| first.is_ascii_digit()) || digits.len() > 24 {
        return None;
    }
    let mut value = 0_u64;
    for digit in digits.bytes().filter(|byte| *byte != b',') {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    }
    Some(value.saturating_mul(scale))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_automaton_of_verbs_is_there() {
        assert!(super::AUTOMATON.is_some());
    }
}

//! The engine: rules, compiled once, and the scan.
//!
//! A scan has four steps, each linear in the text: make the [view](crate::view); find what wakes rules (keywords,
//! context words, digits, at signs); let the rules look where they were woken; settle overlaps and map spans back.
//! The engine is immutable after it is built: share one between all threads.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex_automata::Input;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use wardbell_core::entity::EntityType;
use wardbell_core::finding::Finding;

use crate::context;
use crate::digits;
use crate::registry::{self, RuleDoc};
use crate::rule::{Pattern, Rule, Scene, Search, Spot, Spots};
use crate::view::View;

mod overlap;
mod windows;

use windows::Windows;

/// The most memory that one compiled pattern may take, in bytes. Patterns are ours; this catches a slip.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The memory for the lazily built automaton of one pattern, in bytes and for each thread that scans.
const PATTERN_CACHE_BYTES: usize = 1 << 19;

/// What the engine looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// The entity types that are looked for; the rules of all others are left out. Order and repeats do not matter.
    pub entities: Vec<EntityType>,
}

impl Default for EngineSettings {
    /// Everything that the engine knows.
    fn default() -> Self {
        Self { entities: EntityType::ALL.to_vec() }
    }
}

/// The engine could not be built.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A rule's pattern is not a valid expression or is too large.
    #[error("pattern of rule `{rule}` does not compile")]
    Pattern {
        /// The id of the rule.
        rule: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<regex_automata::meta::BuildError>,
    },
    /// The automaton of all keywords could not be built.
    #[error("keyword automaton does not compile")]
    Keywords(#[source] aho_corasick::BuildError),
}

/// All rules that are on, compiled.
#[derive(Debug)]
pub struct Engine {
    rules: Vec<Compiled>,
    /// Finds every keyword and every context word of all rules.
    words: AhoCorasick,
    /// What each word of the automaton is for.
    roles: Vec<Vec<Role>>,
    /// Whether any rule wants digits.
    wants_digits: bool,
    /// Whether any rule wants at signs.
    wants_at_signs: bool,
}

struct Compiled {
    rule: &'static Rule,
    /// Of [`Search::Pattern`] rules.
    pattern: Option<Regex>,
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.rule.id)
    }
}

/// What a word is for: the position of a rule, and how the word serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It opens a window for the rule, this many bytes before its start and this many after it.
    Keyword { rule: usize, lead: usize, reach: usize },
    /// It is a context word of the rule.
    Context { rule: usize },
}

impl Engine {
    /// Compiles the rules whose entity types are on.
    ///
    /// # Errors
    /// If a pattern or the keyword automaton does not compile. The built-in rules do: a test builds them all.
    pub fn new(settings: &EngineSettings) -> Result<Self, EngineError> {
        let chosen = registry::RULES.iter().copied().filter(|rule| settings.entities.contains(&rule.entity));
        Self::with_rules(chosen)
    }

    fn with_rules(chosen: impl Iterator<Item = &'static Rule>) -> Result<Self, EngineError> {
        let rules = chosen.map(compile).collect::<Result<Vec<_>, _>>()?;
        let mut words: Vec<String> = Vec::new();
        let mut roles: Vec<Vec<Role>> = Vec::new();
        let mut learn = |word: &str, role: Role| {
            let word = word.to_ascii_lowercase();
            if let Some((_, roles)) = words.iter().zip(&mut roles).find(|(known, _)| **known == word) {
                roles.push(role);
            } else {
                words.push(word);
                roles.push(vec![role]);
            }
        };
        for (index, Compiled { rule, .. }) in rules.iter().enumerate() {
            if let Search::Pattern(Pattern { keywords, lead_bytes_max, match_bytes_max, .. }) = &rule.search {
                for keyword in *keywords {
                    learn(keyword, Role::Keyword { rule: index, lead: *lead_bytes_max, reach: *match_bytes_max });
                }
            }
            for word in rule.context {
                learn(word, Role::Context { rule: index });
            }
        }
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&words)
            .map_err(EngineError::Keywords)?;
        Ok(Self {
            words: automaton,
            roles,
            wants_digits: rules.iter().any(|compiled| matches!(compiled.rule.search, Search::Digits(_))),
            wants_at_signs: rules.iter().any(|compiled| matches!(compiled.rule.search, Search::AtSign(_))),
            rules,
        })
    }

    /// Finds everything in `text`, sorted by start. Findings of data do not overlap one another, nor do findings of
    /// injection; a finding of data and one of injection may. Spans are byte offsets of `text` on character boundaries.
    ///
    /// Where two matches overlap, the higher score wins; then the longer match, then the earlier.
    pub fn scan(&self, text: &str) -> Vec<Finding> {
        let view = View::of(text);
        let spots = self.spot(view.text().as_bytes());
        if spots.is_empty() {
            return Vec::new();
        }
        let (injection, data): (Vec<_>, Vec<_>) = spots.into_iter().partition(|spot| self.is_injection(spot));
        let mut findings: Vec<Finding> = overlap::settle(data)
            .into_iter()
            .chain(overlap::settle(injection))
            .filter_map(|spot| {
                let rule = self.rules.get(spot.rule)?.rule;
                Some(Finding {
                    entity: rule.entity,
                    rule: rule.id,
                    span: view.to_source(&spot.span),
                    score: spot.score,
                })
            })
            .collect();
        findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
        findings
    }

    /// The rules that are on, in the order of the registry.
    pub fn rules(&self) -> impl Iterator<Item = RuleDoc> {
        self.rules.iter().map(|compiled| RuleDoc::of(compiled.rule))
    }

    fn is_injection(&self, spot: &Spot) -> bool {
        self.rules.get(spot.rule).is_some_and(|compiled| compiled.rule.entity.is_injection())
    }

    /// Wakes the rules and lets them look.
    fn spot(&self, text: &[u8]) -> Vec<Spot> {
        let Woken { windows, context } = self.wake(text);
        let mut found = Vec::new();
        for (index, compiled) in self.rules.iter().enumerate() {
            let (Search::Pattern(pattern), Some(regex)) = (&compiled.rule.search, &compiled.pattern) else { continue };
            let Some(windows) = windows.get(index).filter(|windows| !windows.is_empty()) else { continue };
            let scene = Scene { text, context: words_of(&context, index) };
            let mut spots = Spots { found: &mut found, rule: index };
            search(pattern, regex, windows, &scene, &mut spots);
        }
        if self.wants_digits {
            digits::for_each_run(text, |run| {
                for (index, compiled) in self.rules.iter().enumerate() {
                    if let Search::Digits(look) = compiled.rule.search {
                        let scene = Scene { text, context: words_of(&context, index) };
                        look(run, &scene, &mut Spots { found: &mut found, rule: index });
                    }
                }
            });
        }
        if self.wants_at_signs {
            for at in memchr::memchr_iter(b'@', text) {
                for (index, compiled) in self.rules.iter().enumerate() {
                    if let Search::AtSign(look) = compiled.rule.search {
                        let scene = Scene { text, context: words_of(&context, index) };
                        look(at, &scene, &mut Spots { found: &mut found, rule: index });
                    }
                }
            }
        }
        found
    }

    /// Finds keywords and context words.
    fn wake(&self, text: &[u8]) -> Woken {
        let mut windows: Vec<Windows> = vec![Windows::default(); self.rules.len()];
        let mut context: Vec<Vec<Range<usize>>> = vec![Vec::new(); self.rules.len()];
        for word in self.words.find_overlapping_iter(text) {
            let span = word.range();
            for role in self.roles.get(word.pattern().as_usize()).into_iter().flatten() {
                match *role {
                    Role::Keyword { rule, lead, reach } => {
                        if let Some(windows) = windows.get_mut(rule) {
                            windows.open(span.start.saturating_sub(lead)..(span.start + reach).min(text.len()));
                        }
                    }
                    Role::Context { rule } => {
                        if let Some(words) = context.get_mut(rule)
                            && context::stands_alone(text, &span)
                        {
                            words.push(span.clone());
                        }
                    }
                }
            }
        }
        for words in &mut context {
            words.sort_unstable_by_key(|word| word.start);
        }
        Woken { windows, context }
    }
}

/// What one pass over the text found, for each rule.
struct Woken {
    windows: Vec<Windows>,
    context: Vec<Vec<Range<usize>>>,
}

fn words_of(context: &[Vec<Range<usize>>], rule: usize) -> &[Range<usize>] {
    context.get(rule).map(Vec::as_slice).unwrap_or_default()
}

fn compile(rule: &'static Rule) -> Result<Compiled, EngineError> {
    let pattern = match &rule.search {
        Search::Pattern(Pattern { expression, .. }) => {
            let regex = Regex::builder()
                .syntax(syntax::Config::new().unicode(false).utf8(false))
                .configure(
                    Regex::config()
                        .utf8_empty(false)
                        .nfa_size_limit(Some(PATTERN_BYTES_MAX))
                        .hybrid_cache_capacity(PATTERN_CACHE_BYTES),
                )
                .build(expression)
                .map_err(|source| EngineError::Pattern { rule: rule.id, source: Box::new(source) })?;
            Some(regex)
        }
        Search::Digits(_) | Search::AtSign(_) => None,
    };
    Ok(Compiled { rule, pattern })
}

/// Runs a pattern in its windows. The search goes on after a match whether the rule takes it or drops it, so that no
/// text is read twice by more than the pattern's bounded length.
fn search(pattern: &Pattern, regex: &Regex, windows: &Windows, scene: &Scene<'_>, spots: &mut Spots<'_>) {
    let mut from = 0;
    for window in windows.iter() {
        from = from.max(window.start);
        while from < window.end {
            let Some(found) = regex.find(Input::new(scene.text).range(from..window.end)) else { break };
            let mut span = found.range();
            if let Some(run_on) = pattern.run_on {
                span.end = run_on(scene.text, span.end).clamp(span.end, scene.text.len());
            }
            from = span.end.max(from + 1);
            if let Some(score) = (pattern.judge)(scene, &span) {
                spots.push(span, score);
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! A step: a call of a tool with what came of it.
//!
//! **Bounds.** The last [`STEPS_MAX`] steps of a transcript are looked at, and [`PENDING_MAX`] calls wait for their results.
//! Hashes are made when they are first asked for: most steps are told apart by their tools and first words.

use std::cell::OnceCell;

use wardbell_core::origin::Origin;
use wardbell_core::transcript::{Call, ToolResult, Turn};

use super::canon;
use super::fold::{fold, surely_differ};
use super::keys::LoopKeys;

/// The most steps at the end of a transcript that are looked at. Source: the highest threshold is 100
/// ([`wardbell_core::policy::LOOP_THRESHOLD_MAX`]); the next power of two.
pub(crate) const STEPS_MAX: usize = 128;
/// The most calls that wait for their results at once. Source: our choice; as many as there are steps.
const PENDING_MAX: usize = STEPS_MAX;

/// A call with its result.
pub(crate) struct Step<'a> {
    pub(crate) call: Call<'a>,
    pub(crate) result: ToolResult<'a>,
    /// The turn that called.
    pub(crate) turn: usize,
    arguments: OnceCell<u128>,
    outcome: OnceCell<Outcome>,
}

/// The folded result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) hash: u128,
    /// How long it is, folded, in bytes.
    pub(crate) bytes: usize,
    pub(crate) kind: OutcomeKind,
}

/// What a result says about progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutcomeKind {
    /// It failed.
    Error,
    /// It found nothing.
    Nothing,
    /// Anything else.
    Content,
}

impl<'a> Step<'a> {
    fn new(call: Call<'a>, result: ToolResult<'a>, turn: usize) -> Self {
        Self { call, result, turn, arguments: OnceCell::new(), outcome: OnceCell::new() }
    }

    pub(crate) fn arguments(&self, keys: &LoopKeys) -> u128 {
        *self.arguments.get_or_init(|| canon::hash(keys, self.call.arguments))
    }

    pub(crate) fn outcome(&self, keys: &LoopKeys) -> Outcome {
        *self.outcome.get_or_init(|| {
            let mut folded = Vec::new();
            fold(self.result.text, &mut folded);
            let mut mix = keys.mix();
            mix.bytes(&folded);
            mix.number(u64::from(self.result.is_error == Some(true)));
            Outcome { hash: mix.end(), bytes: folded.len(), kind: kind(&folded, self.result.is_error) }
        })
    }

    /// The same tool with the same arguments.
    pub(crate) fn calls_as(&self, other: &Self, keys: &LoopKeys) -> bool {
        self.call.tool == other.call.tool
            && (self.call.arguments == other.call.arguments || self.arguments(keys) == other.arguments(keys))
    }

    /// The same result.
    pub(crate) fn ends_as(&self, other: &Self, keys: &LoopKeys) -> bool {
        (self.result.is_error == Some(true)) == (other.result.is_error == Some(true))
            && (self.result.text == other.result.text
                || !surely_differ(self.result.text, other.result.text) && self.outcome(keys) == other.outcome(keys))
    }
}

/// How many bytes at the start of a result say whether it is an error. Source: our choice; a line or two.
const ERROR_HEAD_BYTES: usize = 200;
/// Words that begin or head a failure. Source: messages of shells, Python, Node, HTTP and MCP servers that we know.
const ERRORS: &[&[u8]] = &[
    b"error",
    b"exception",
    b"traceback",
    b"failed",
    b"failure",
    b"denied",
    b"forbidden",
    b"unauthorized",
    b"timed out",
    b"timeout",
    b"not found",
    b"no such",
    b"cannot",
    b"invalid",
    b"refused",
];
/// Whole results that say that nothing was found, or their first words. Source: as above.
const NOTHINGS: &[&[u8]] =
    &[b"[]", b"{}", b"null", b"none", b"no results", b"no matches", b"no files found", b"nothing found", b"0 results"];
/// The longest result that is nothing, in bytes. Source: our choice.
const NOTHING_BYTES_MAX: usize = 80;

fn kind(folded: &[u8], is_error: Option<bool>) -> OutcomeKind {
    let head = folded.get(..ERROR_HEAD_BYTES).unwrap_or(folded);
    let says = |words: &[&[u8]]| words.iter().any(|word| head.windows(word.len()).any(|part| part == *word));
    if is_error == Some(true) || is_error.is_none() && says(ERRORS) {
        return OutcomeKind::Error;
    }
    let is_nothing = folded.len() <= NOTHING_BYTES_MAX && NOTHINGS.iter().any(|word| folded.starts_with(word));
    if is_nothing { OutcomeKind::Nothing } else { OutcomeKind::Content }
}

/// The steps at the end of a transcript, oldest first. What the user says begins anew, unless it is what the user said
/// before: then a program says it.
pub(crate) fn steps<'a>(turns: &[Turn<'a>]) -> Vec<Step<'a>> {
    let mut steps: Vec<Step<'a>> = Vec::new();
    let mut waiting: Vec<(usize, Call<'a>)> = Vec::new();
    let start = start(turns);
    let mut said: Option<&str> = turns.iter().take(start).rev().find_map(spoken);
    for (number, turn) in turns.iter().enumerate().skip(start) {
        if let Some(text) = spoken(turn) {
            let has_any = !steps.is_empty() || !waiting.is_empty();
            if has_any && said.is_none_or(|said| !is_same(said, text)) {
                steps.clear();
                waiting.clear();
            }
            said = Some(text);
        }
        if !turn.calls.is_empty() {
            // Whoever calls again has given up what is missing.
            waiting.clear();
        }
        waiting.extend(turn.calls.iter().take(PENDING_MAX).map(|call| (number, *call)));
        for result in &turn.results {
            let place = waiting.iter().position(|(_, call)| match (result.id, call.id) {
                (Some(result), Some(call)) => result == call,
                _ => result.tool.is_none_or(|tool| tool == call.tool),
            });
            if let Some(place) = place {
                let (turn, call) = waiting.remove(place);
                steps.push(Step::new(call, *result, turn));
            }
        }
    }
    steps.drain(..steps.len().saturating_sub(STEPS_MAX));
    steps
}

/// The first turn whose calls are looked at.
fn start(turns: &[Turn<'_>]) -> usize {
    let mut calls = 0;
    turns
        .iter()
        .rposition(|turn| {
            calls += turn.calls.len();
            calls >= STEPS_MAX
        })
        .unwrap_or(0)
}

/// What the user says in a turn, where it is not about results.
fn spoken<'a>(turn: &Turn<'a>) -> Option<&'a str> {
    (turn.origin == Origin::User && turn.results.is_empty()).then(|| turn.text.trim()).filter(|text| !text.is_empty())
}

fn is_same(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    if surely_differ(one, other) {
        return false;
    }
    let (mut first, mut second) = (Vec::new(), Vec::new());
    fold(one, &mut first);
    fold(other, &mut second);
    first == second
}

//! D1 to D4: loops within one transcript, without state.
//!
//! **What it finds.** D1, a call that is made again and again. D2, up to [`CYCLE_MAX`] calls that come in turn. D3, one tool
//! with ever other arguments and the same error, the same empty answer or the same page. D4, answers of the model that say
//! the same (`near.rs`).
//!
//! **Theory of operation.** All of it is about the end of the transcript, in runs that the last step belongs to. A call is
//! the same if tool and arguments are; a step is the same if its folded result is, too. For a cycle of `k` calls the run of
//! `step[i] == step[i-k]` is counted, which is constant work for a step and each `k`.
//!
//! **What it misses.** Loops longer than eight calls; loops in which every result really differs; a tool that wears each
//! call in another form (a comment in a shell command). D3 does not count short words of success, such as `ok`: six
//! different writes that succeed are no loop. A new word of the user begins anew, so a loop that a person drives is none.
//!
//! **Source.** `spec/budgets-and-loops.md`, Loops; gemini-cli, OpenClaw and opencode do parts of it.

use wardbell_core::loops::Detector;
use wardbell_core::policy::{LoopPolicy, Thresholds, ToolClass};
use wardbell_core::transcript::Turn;

use super::keys::{Fingerprint, LoopKeys};
use super::step::{OutcomeKind, Step, steps};
use super::{Level, LoopFinding, near, shown};

/// The longest cycle that is found, in calls. Source: `spec/budgets-and-loops.md`, D2.
pub const CYCLE_MAX: usize = 8;
/// From so many bytes on the same result of other arguments is the same page and not a word of success. Source: our choice;
/// longer than `{"status":"success","message":"…"}` usually is.
const PAGE_BYTES_MIN: usize = 200;

/// Looks for a loop at the end of a transcript. Of several the one that may be stopped comes first, then the lowest number.
pub fn inspect(keys: &LoopKeys, policy: &LoopPolicy, turns: &[Turn<'_>]) -> Option<LoopFinding> {
    if !policy.enabled {
        return None;
    }
    let steps = steps(turns);
    let look = Look { keys, policy, steps: &steps };
    let mut worst: Option<LoopFinding> = None;
    let detectors: [&dyn Fn() -> Option<LoopFinding>; 4] =
        [&|| look.repeated_call(), &|| look.cycle(), &|| look.no_progress(), &|| {
            near::inspect(keys, policy.transcript.near_duplicate, turns)
        }];
    for detector in detectors {
        if let Some(found) = detector()
            && worst.as_ref().is_none_or(|worst| found.level > worst.level)
        {
            worst = Some(found);
        }
        if worst.as_ref().is_some_and(|worst| worst.level == Level::Block) {
            break;
        }
    }
    worst
}

/// What a count of repeats comes to.
pub(super) fn level(count: usize, Thresholds { warn, block }: Thresholds) -> Option<Level> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    if count >= block.max(2) {
        Some(Level::Block)
    } else if count >= warn.max(2) {
        Some(Level::Warn)
    } else {
        None
    }
}

struct Look<'a> {
    keys: &'a LoopKeys,
    policy: &'a LoopPolicy,
    steps: &'a [Step<'a>],
}

impl Look<'_> {
    fn repeated_call(&self) -> Option<LoopFinding> {
        let last = self.steps.last()?;
        let calls = self.run(|step| step.calls_as(last, self.keys));
        if calls < 2 {
            return None;
        }
        let same = self.steps.iter().rev().take(calls).take_while(|step| step.ends_as(last, self.keys)).count();
        let tool = last.call.tool;
        let class = self.class(tool);
        let own = |pick: fn(&ToolClass) -> Option<Thresholds>| class.and_then(pick);
        let transcript = &self.policy.transcript;
        let (changing, repeat) = if self.is_polling(tool) {
            (None, transcript.polling)
        } else {
            let changing = own(|class| class.changing).unwrap_or(transcript.changing);
            (level(calls, changing), own(|class| class.repeat).unwrap_or(transcript.repeat))
        };
        let repeated = level(same, repeat);
        let (level, count) = if repeated >= changing { (repeated?, same) } else { (changing?, calls) };
        let fingerprint = self.seal(Detector::RepeatedCall, tool, &[last.arguments(self.keys)]);
        self.finding(Detector::RepeatedCall, level, count, count, fingerprint)
    }

    fn cycle(&self) -> Option<LoopFinding> {
        (2..=CYCLE_MAX).find_map(|length| {
            let rounds = (self.run_of_cycle(length) + length) / length;
            let level = level(rounds, self.policy.transcript.cycle)?;
            let (_, round) = self.steps.split_at(self.steps.len().saturating_sub(length));
            let last = self.steps.last()?;
            let is_one_step = round.iter().all(|step| step.calls_as(last, self.keys) && step.ends_as(last, self.keys));
            if is_one_step || round.iter().any(|step| self.is_polling(step.call.tool)) {
                return None;
            }
            // Wherever the cycle stands, it is the same one.
            let mut hashes: Vec<u128> = round.iter().map(|step| step.arguments(self.keys)).collect();
            hashes.sort_unstable();
            let first_tool = round.iter().map(|step| step.call.tool).min().unwrap_or(last.call.tool);
            let fingerprint = self.seal(Detector::Cycle, first_tool, &hashes);
            self.finding(Detector::Cycle, level, rounds, rounds * length, fingerprint)
        })
    }

    /// How many steps at the end are as the one `length` before.
    fn run_of_cycle(&self, length: usize) -> usize {
        let (before, _) = self.steps.split_at(self.steps.len().saturating_sub(length));
        let pairs = before.iter().rev().zip(self.steps.iter().rev());
        pairs
            .take_while(|(earlier, later)| later.calls_as(earlier, self.keys) && later.ends_as(earlier, self.keys))
            .count()
    }

    fn no_progress(&self) -> Option<LoopFinding> {
        let last = self.steps.last()?;
        let tool = last.call.tool;
        if self.is_polling(tool) {
            return None;
        }
        let run = self.run(|step| step.call.tool == tool && step.ends_as(last, self.keys));
        if run < 2 {
            return None;
        }
        let ends = last.outcome(self.keys);
        let is_stuck = match ends.kind {
            OutcomeKind::Error | OutcomeKind::Nothing => true,
            OutcomeKind::Content => ends.bytes >= PAGE_BYTES_MIN,
        };
        if !is_stuck {
            return None;
        }
        let (_, steps) = self.steps.split_at(self.steps.len().saturating_sub(run));
        let changes = steps.iter().zip(steps.iter().skip(1));
        let others = changes.filter(|(one, other)| !one.calls_as(other, self.keys)).count();
        let own = self.class(tool).and_then(|class| class.no_progress);
        let level = level(others + 1, own.unwrap_or(self.policy.transcript.no_progress))?;
        let fingerprint = self.seal(Detector::NoProgress, tool, &[ends.hash]);
        self.finding(Detector::NoProgress, level, others + 1, run, fingerprint)
    }

    /// How many steps at the end are such.
    fn run(&self, belongs: impl Fn(&Step<'_>) -> bool) -> usize {
        self.steps.iter().rev().take_while(|step| belongs(step)).count()
    }

    fn is_polling(&self, tool: &str) -> bool {
        self.policy.polling_tools.iter().any(|name| names(name, tool))
    }

    fn class(&self, tool: &str) -> Option<&ToolClass> {
        self.policy.tool_classes.iter().find(|class| class.tools.iter().any(|name| names(name, tool)))
    }

    fn seal(&self, detector: Detector, tool: &str, hashes: &[u128]) -> Fingerprint {
        let hashes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_be_bytes()).collect();
        self.keys.seal(&[detector.as_str().as_bytes(), tool.as_bytes(), &hashes])
    }

    /// A finding about the last `steps` steps.
    fn finding(
        &self,
        detector: Detector,
        level: Level,
        count: usize,
        steps: usize,
        fingerprint: Fingerprint,
    ) -> Option<LoopFinding> {
        let (_, run) = self.steps.split_at(self.steps.len().saturating_sub(steps));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let tool = Some(shown(self.steps.last()?.call.tool));
        Some(LoopFinding { detector, level, tool, count, fingerprint, first_step: run.first()?.turn })
    }
}

/// Whether a name of a policy means a tool.
fn names(name: &str, tool: &str) -> bool {
    match name.strip_suffix('*') {
        Some(start) => tool.starts_with(start),
        None => name == tool,
    }
}

//! What a project wants done about clients that go in circles.

use serde::{Deserialize, Serialize};

use crate::money::Usd;

/// The longest window and the longest cooldown, in seconds: an hour. Source: our choice; state is kept that long.
pub const LOOP_SECONDS_MAX: u32 = 3600;

/// The highest threshold of any kind, in repeats. Source: our choice; so many steps of a transcript are looked at.
pub const LOOP_THRESHOLD_MAX: u32 = 100;

/// The most names on a list of tools, and the most classes of tools. Source: our choice.
pub const LOOP_TOOLS_MAX: usize = 100;

/// The longest name of a tool in a policy, in bytes. Source: OpenAI allows 64 characters, Anthropic 128 (as
/// we know their APIs; to be looked up again when one refuses); twice that.
pub const LOOP_TOOL_BYTES_MAX: usize = 256;

/// What happens about loops: requests that repeat, agents that go in circles, sessions that do not end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoopPolicy {
    /// Whether anything is looked at.
    pub enabled: bool,
    /// What is done at most about what is found.
    pub mode: LoopMode,
    /// The time over which identical requests are counted, in seconds; 1 to [`LOOP_SECONDS_MAX`].
    pub window_seconds: u32,
    /// How many identical requests are allowed within the window; the next one is refused. 1 to [`LOOP_THRESHOLD_MAX`].
    pub threshold: u32,
    /// How long a fingerprint is refused at first, in seconds; doubles with each further episode. 1 to
    /// [`LOOP_SECONDS_MAX`].
    pub cooldown_seconds: u32,
    /// The longest that a fingerprint is refused, in seconds; `cooldown_seconds` to [`LOOP_SECONDS_MAX`].
    pub cooldown_seconds_max: u32,
    /// What counts as a loop within one transcript.
    pub transcript: TranscriptPolicy,
    /// Tools that are meant to be called again and again, such as `get_status`. A `*` at the end stands for any rest.
    pub polling_tools: Vec<String>,
    /// Tools with thresholds of their own; the first class that names a tool holds.
    pub tool_classes: Vec<ToolClass>,
    /// How often a piece of an answer comes, close together, until it is chanting; 3 to [`LOOP_THRESHOLD_MAX`]. `None`
    /// does not look.
    pub chant_repeats: Option<u32>,
    /// Where a session ends.
    pub session: SessionCaps,
}

impl Default for LoopPolicy {
    /// Window, threshold and cooldown are AISG's (`spec/wire-aisg.md` 1.8); the rest is of `spec/budgets-and-loops.md`.
    fn default() -> Self {
        Self {
            enabled: true,
            mode: LoopMode::Block,
            window_seconds: 60,
            threshold: 5,
            cooldown_seconds: 30,
            cooldown_seconds_max: 300,
            transcript: TranscriptPolicy::default(),
            polling_tools: Vec::new(),
            tool_classes: Vec::new(),
            chant_repeats: Some(10),
            session: SessionCaps::default(),
        }
    }
}

/// What is done at most about a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoopMode {
    /// Record it and go on.
    Observe,
    /// Record it, tell the caller in a header, and go on.
    Warn,
    /// Stop the request where a detector says so.
    Block,
}

/// Two numbers of repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// From so many on it is told; 2 to `block`.
    pub warn: u32,
    /// From so many on it is stopped; `warn` to [`LOOP_THRESHOLD_MAX`].
    pub block: u32,
}

impl Thresholds {
    /// Told from `warn` repeats on, stopped from `block` on.
    pub const fn new(warn: u32, block: u32) -> Self {
        Self { warn, block }
    }
}

/// What counts as a loop within one transcript (`spec/budgets-and-loops.md`, D1 to D4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TranscriptPolicy {
    /// The same call with the same result, in a row.
    pub repeat: Thresholds,
    /// The same call in a row, whatever comes of it.
    pub changing: Thresholds,
    /// The same call of a polling tool with the same result, in a row.
    pub polling: Thresholds,
    /// Rounds of a cycle of two to eight calls.
    pub cycle: Thresholds,
    /// Other arguments, the same error or the same page, in a row.
    pub no_progress: Thresholds,
    /// Answers of the model that say the same.
    pub near_duplicate: Thresholds,
}

impl Default for TranscriptPolicy {
    fn default() -> Self {
        Self {
            repeat: Thresholds::new(3, 5),
            changing: Thresholds::new(8, 10),
            // Our choice: a poll every ten seconds for five and for ten minutes.
            polling: Thresholds::new(30, 60),
            cycle: Thresholds::new(3, 3),
            no_progress: Thresholds::new(4, 6),
            // The spec page has the 4; people get the same answer more often than agents, so it is told first.
            near_duplicate: Thresholds::new(4, 6),
        }
    }
}

/// Tools that share thresholds: reads may repeat more often than writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolClass {
    /// The tools. A `*` at the end stands for any rest.
    pub tools: Vec<String>,
    /// In place of [`TranscriptPolicy::repeat`].
    #[serde(default)]
    pub repeat: Option<Thresholds>,
    /// In place of [`TranscriptPolicy::changing`].
    #[serde(default)]
    pub changing: Option<Thresholds>,
    /// In place of [`TranscriptPolicy::no_progress`].
    #[serde(default)]
    pub no_progress: Option<Thresholds>,
}

/// Where a session ends; `None` is no cap. Each is at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionCaps {
    /// The most requests.
    pub calls: Option<u64>,
    /// The most money, in nano-dollars. Requests in flight are not counted yet; a budget is what holds hard.
    pub spend: Option<Usd>,
    /// The longest time from its first request, in seconds.
    pub seconds: Option<u64>,
    /// The most tool calls in its transcript.
    pub tool_calls: Option<u64>,
}

impl SessionCaps {
    /// Whether there is any cap.
    pub const fn is_empty(&self) -> bool {
        let Self { calls, spend, seconds, tool_calls } = self;
        calls.is_none() && spend.is_none() && seconds.is_none() && tool_calls.is_none()
    }
}

/// A loop policy is not one that can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {wants}")]
pub struct LoopPolicyError {
    /// The field, as a path within the loop policy, such as `transcript.repeat.warn`.
    pub field: String,
    /// What it wants, as the rest of a sentence.
    pub wants: String,
}

impl LoopPolicy {
    /// Looks for values that are out of range.
    ///
    /// # Errors
    /// One for each field whose value is not within the range that its documentation names.
    pub fn check(&self) -> Result<(), Vec<LoopPolicyError>> {
        let Self {
            enabled: _,
            mode: _,
            window_seconds,
            threshold,
            cooldown_seconds,
            cooldown_seconds_max,
            transcript,
            polling_tools,
            tool_classes,
            chant_repeats,
            session,
        } = self;
        let mut problems = Problems(Vec::new());
        problems.range("window_seconds", *window_seconds, 1, LOOP_SECONDS_MAX);
        problems.range("threshold", *threshold, 1, LOOP_THRESHOLD_MAX);
        problems.range("cooldown_seconds", *cooldown_seconds, 1, LOOP_SECONDS_MAX);
        problems.range("cooldown_seconds_max", *cooldown_seconds_max, *cooldown_seconds, LOOP_SECONDS_MAX);
        let TranscriptPolicy { repeat, changing, polling, cycle, no_progress, near_duplicate } = transcript;
        for (name, thresholds) in [
            ("repeat", repeat),
            ("changing", changing),
            ("polling", polling),
            ("cycle", cycle),
            ("no_progress", no_progress),
            ("near_duplicate", near_duplicate),
        ] {
            problems.thresholds(&format!("transcript.{name}"), *thresholds);
        }
        problems.tools("polling_tools", polling_tools);
        if tool_classes.len() > LOOP_TOOLS_MAX {
            problems.add("tool_classes", format!("has at most {LOOP_TOOLS_MAX} classes"));
        }
        for (at, class) in tool_classes.iter().enumerate().take(LOOP_TOOLS_MAX) {
            let ToolClass { tools, repeat, changing, no_progress } = class;
            problems.tools(&format!("tool_classes[{at}].tools"), tools);
            for (name, thresholds) in [("repeat", repeat), ("changing", changing), ("no_progress", no_progress)] {
                if let Some(thresholds) = thresholds {
                    problems.thresholds(&format!("tool_classes[{at}].{name}"), *thresholds);
                }
            }
        }
        if let Some(repeats) = chant_repeats {
            problems.range("chant_repeats", *repeats, 3, LOOP_THRESHOLD_MAX);
        }
        let SessionCaps { calls, spend, seconds, tool_calls } = session;
        for (name, cap) in [("calls", calls), ("seconds", seconds), ("tool_calls", tool_calls)] {
            if *cap == Some(0) {
                problems.add(&format!("session.{name}"), "is at least 1; null is no cap".to_owned());
            }
        }
        if spend.is_some_and(|spend| spend.as_nanos() <= 0) {
            problems.add("session.spend", "is more than nothing; null is no cap".to_owned());
        }
        if problems.0.is_empty() { Ok(()) } else { Err(problems.0) }
    }
}

struct Problems(Vec<LoopPolicyError>);

impl Problems {
    fn add(&mut self, field: &str, wants: String) {
        self.0.push(LoopPolicyError { field: field.to_owned(), wants });
    }

    fn range(&mut self, field: &str, value: u32, least: u32, most: u32) {
        if !(least..=most).contains(&value) {
            self.add(field, format!("is from {least} to {most}"));
        }
    }

    fn thresholds(&mut self, field: &str, Thresholds { warn, block }: Thresholds) {
        self.range(&format!("{field}.warn"), warn, 2, block.min(LOOP_THRESHOLD_MAX));
        self.range(&format!("{field}.block"), block, 2, LOOP_THRESHOLD_MAX);
    }

    fn tools(&mut self, field: &str, tools: &[String]) {
        if tools.len() > LOOP_TOOLS_MAX {
            self.add(field, format!("has at most {LOOP_TOOLS_MAX} names"));
        }
        if tools.iter().any(|tool| tool.is_empty() || tool.len() > LOOP_TOOL_BYTES_MAX) {
            self.add(field, format!("has names of 1 to {LOOP_TOOL_BYTES_MAX} bytes"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut LoopPolicy);

    #[test]
    fn the_defaults_hold() {
        assert_eq!(LoopPolicy::default().check(), Ok(()));
    }

    #[test]
    fn each_value_out_of_range_is_named() {
        let class = |tools: &[&str]| ToolClass {
            tools: tools.iter().map(|&tool| tool.to_owned()).collect(),
            repeat: Some(Thresholds::new(9, 3)),
            changing: None,
            no_progress: None,
        };
        let cases: &[(&str, Change)] = &[
            ("window_seconds", |policy| policy.window_seconds = 0),
            ("window_seconds", |policy| policy.window_seconds = 3601),
            ("threshold", |policy| policy.threshold = 0),
            ("cooldown_seconds", |policy| policy.cooldown_seconds = 0),
            ("cooldown_seconds_max", |policy| policy.cooldown_seconds_max = 29),
            ("transcript.repeat.warn", |policy| policy.transcript.repeat = Thresholds::new(1, 5)),
            ("transcript.cycle.block", |policy| policy.transcript.cycle = Thresholds::new(3, 101)),
            ("polling_tools", |policy| policy.polling_tools.push(String::new())),
            ("chant_repeats", |policy| policy.chant_repeats = Some(2)),
            ("session.calls", |policy| policy.session.calls = Some(0)),
            ("session.spend", |policy| policy.session.spend = Some(Usd::from_nanos(0))),
        ];
        for (field, change) in cases {
            let mut policy = LoopPolicy::default();
            change(&mut policy);
            let problems = policy.check().unwrap_err();
            assert_eq!(problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), [*field]);
        }
        let policy = LoopPolicy { tool_classes: vec![class(&["read_*"])], ..LoopPolicy::default() };
        assert_eq!(policy.check().unwrap_err()[0].to_string(), "tool_classes[0].repeat.warn is from 2 to 3");
    }
}

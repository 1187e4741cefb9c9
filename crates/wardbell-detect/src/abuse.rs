//! Abuse of a model by the content of one text: floods, templates filled by machines, and demands without measure.
//!
//! **What it finds.** Four indicators from 0 to 1, in LockLLM's words (`spec/wire-lockllm.md` 2.4 and 2.7): *repetition*
//! of characters, words and phrases; *bot*-like templates whose blanks nobody filled, and sentences that differ in a
//! counter only; *resource* exhaustion by size, nesting, invisible characters, lists of numbers, and orders such as
//! `repeat this 10000 times`. The fourth, *pattern*, is about behaviour over time: the caller measures the rate of a
<<<<<<< HEAD
//! key and puts it in. Each indicator is a ramp that reaches [`ABUSE_SCORE_MIN`](wardbell_core::abuse::ABUSE_SCORE_MIN)
//! where the curated texts of `abuse/tests.rs` part: no benign text of theirs passes it, every abusive one does.
=======
//! key and gives it to [`Abuse::with_rapid`].
>>>>>>> w-det
//!
//! **Why it matters.** A flood costs money and time, and is the carrier of many attacks that wear a model down.
//!
//! **What it misses.** Repetition with a period of more than 4,096 words; machine-made prose that reads like prose;
//! demands without measure in other languages than English. **What it may take for abuse.** A file of one line copied
//! hundreds of times; base64 of an uncompressed blank picture.
//!
//! **Bounds.** Time is linear in the text and nothing is sampled: words pass through a ring and two tables of fixed
//! size, so that memory stays below 256 KB for any text.

mod bot;
mod repetition;
mod resource;
mod words;

<<<<<<< HEAD
use wardbell_core::abuse::Abuse;
=======
/// From which score an indicator counts. Each indicator is a ramp that reaches one half where the curated texts of
/// `abuse/tests.rs` part: no benign text of theirs passes it, every abusive one does.
pub const DETECTED_MIN: f32 = 0.5;

/// What a text shows of abuse: four indicators, each from 0 (none) to 1 (certain).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Abuse {
    /// Templates with empty blanks, sentences with a counter: `bot_score`.
    pub bot: f32,
    /// The same characters, words or phrases over and over: `repetition_score`.
    pub repetition: f32,
    /// Size, nesting and demands without measure: `resource_score`.
    pub resource: f32,
    /// Requests in quick succession: `pattern_score`. Zero unless the caller says so.
    pub pattern: f32,
}

/// A kind of abuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AbuseKind {
    /// Written by a machine from a template.
    BotGenerated,
    /// The same over and over.
    Repetition,
    /// Made to use up the model's or the gateway's resources.
    ResourceExhaustion,
    /// Too many requests in too short a time.
    RapidRequests,
}

impl AbuseKind {
    /// The name on LockLLM's wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BotGenerated => "bot_generated",
            Self::Repetition => "repetition",
            Self::ResourceExhaustion => "resource_exhaustion",
            Self::RapidRequests => "rapid_requests",
        }
    }
}

impl Abuse {
    /// Adds what the caller knows of the key's rate, from 0 to 1; a higher `pattern` stays.
    #[must_use]
    pub fn with_rapid(self, score: f32) -> Self {
        // `max` takes the other number for a NaN.
        Self { pattern: self.pattern.max(score.clamp(0.0, 1.0)), ..self }
    }

    /// The highest of the four indicators, from 0 to 1.
    pub fn confidence(&self) -> f32 {
        self.bot.max(self.repetition).max(self.resource).max(self.pattern)
    }

    /// The kinds whose indicator counts, in the order of the wire's documents.
    pub fn kinds(&self) -> Vec<AbuseKind> {
        [
            (self.bot, AbuseKind::BotGenerated),
            (self.repetition, AbuseKind::Repetition),
            (self.resource, AbuseKind::ResourceExhaustion),
            (self.pattern, AbuseKind::RapidRequests),
        ]
        .into_iter()
        .filter_map(|(score, kind)| (score >= DETECTED_MIN).then_some(kind))
        .collect()
    }

    /// Whether any indicator counts.
    pub fn is_detected(&self) -> bool {
        self.confidence() >= DETECTED_MIN
    }
}
>>>>>>> w-det

/// Looks at one text, in time linear in its length.
pub fn look(text: &str) -> Abuse {
    let repetition = repetition::look(text);
    Abuse {
        bot: bot::look(text),
        repetition: repetition.score,
        resource: resource::look(text, &repetition),
        pattern: 0.0,
    }
}

/// Where `value` stands between `none` (0) and `certain` (1).
fn ramp(value: f32, none: f32, certain: f32) -> f32 {
    ((value - none) / (certain - none)).clamp(0.0, 1.0)
}

/// `part` of `whole`, from 0 to 1; zero of nothing.
fn share(part: usize, whole: usize) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

#[cfg(test)]
mod tests;

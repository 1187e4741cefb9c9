//! Abuse of a model's time: texts that are made to waste it, and callers that hammer (`spec/wire-lockllm.md` 2.7).

/// What a text and its caller's pace look like, each from 0 (nothing) to 1 (surely).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Abuse {
    /// Filled in by a machine from a template.
    pub bot: f32,
    /// The same over and over.
    pub repetition: f32,
    /// Made to be expensive: huge, deeply nested, or asking for endless output.
    pub resource: f32,
    /// A pace that no person and no careful agent has.
    pub pattern: f32,
}

/// The score from which an indicator counts. Source: our choice; the detectors' ramps reach it where their curated texts
/// part.
pub const ABUSE_SCORE_MIN: f32 = 0.5;

/// A kind of abuse, named as LockLLM names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbuseKind {
    /// Templates.
    BotGenerated,
    /// Repeated content.
    Repetition,
    /// Resource exhaustion.
    ResourceExhaustion,
    /// Too many requests in a short time.
    RapidRequests,
}

impl AbuseKind {
    /// The name on the wire.
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
    /// Adds how hurried the caller is, from 0 to 1; a higher `pattern` stays.
    #[must_use]
    pub fn with_rapid(self, score: f32) -> Self {
        // `max` takes the other number for a NaN.
        Self { pattern: self.pattern.max(score.clamp(0.0, 1.0)), ..self }
    }

    /// The highest indicator.
    pub fn confidence(&self) -> f32 {
        let Self { bot, repetition, resource, pattern } = *self;
        bot.max(repetition).max(resource).max(pattern)
    }

    /// Whether an indicator counts.
    pub fn is_detected(&self) -> bool {
        self.confidence() >= ABUSE_SCORE_MIN
    }

    /// The kinds whose indicator counts, in a fixed order.
    pub fn kinds(&self) -> Vec<AbuseKind> {
        let Self { bot, repetition, resource, pattern } = *self;
        [
            (bot, AbuseKind::BotGenerated),
            (repetition, AbuseKind::Repetition),
            (resource, AbuseKind::ResourceExhaustion),
            (pattern, AbuseKind::RapidRequests),
        ]
        .into_iter()
        .filter(|(score, _)| *score >= ABUSE_SCORE_MIN)
        .map(|(_, kind)| kind)
        .collect()
    }

    /// The worse of both in each indicator.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            bot: self.bot.max(other.bot),
            repetition: self.repetition.max(other.repetition),
            resource: self.resource.max(other.resource),
            pattern: self.pattern.max(other.pattern),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_indicators_that_count_are_named() {
        let abuse =
            Abuse { repetition: 0.9, bot: 0.49, ..Abuse::default() }.max(Abuse { pattern: 0.5, ..Abuse::default() });
        assert_eq!(abuse.kinds(), [AbuseKind::Repetition, AbuseKind::RapidRequests]);
        assert!(abuse.is_detected() && !Abuse::default().is_detected());
    }

    #[test]
    fn a_hurried_caller_is_added_and_stays_within_its_scale() {
        let abuse = Abuse::default().with_rapid(0.9);
        assert_eq!(abuse.kinds(), [AbuseKind::RapidRequests]);
        assert!((Abuse::default().with_rapid(7.0).pattern - 1.0).abs() < f32::EPSILON);
        assert!(Abuse::default().with_rapid(f32::NAN).pattern.abs() < f32::EPSILON);
        assert!((abuse.with_rapid(0.1).pattern - 0.9).abs() < f32::EPSILON);
    }
}

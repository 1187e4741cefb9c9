//! A stream whose text is looked at on its way to the caller.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wardbell_core::alert::DlpAction;
use wardbell_core::entity::EntityType;
use wardbell_core::finding::{Finding, Located};
use wardbell_core::origin::Origin;
use wardbell_core::policy::{FailMode, ResponseMode};
use wardbell_core::verdict::DetectionFailure;
use wardbell_detect::engine::Engine;
use wardbell_guard::policy::rules::Rules;
use wardbell_llm::dialect::Dialect;
use wardbell_llm::stream::{Guarding, Passed, StreamGuard};

use crate::flight::Flight;

/// Looks at the text of a stream and acts on what it finds.
pub(crate) struct Guarded {
    guard: StreamGuard,
    how: Guarding,
    eyes: Eyes,
    fail: FailMode,
    /// Something could not be looked at.
    failed: bool,
    spent: Duration,
}

struct Eyes {
    engine: Arc<Engine>,
    entities: Option<Vec<EntityType>>,
    threshold: f32,
}

impl Eyes {
    fn scan(&self, text: &str) -> Vec<Finding> {
        let mut found = self.engine.scan(text);
        found.retain(|finding| {
            let wanted = self.entities.as_ref().is_none_or(|wanted| wanted.contains(&finding.entity));
            !finding.entity.is_injection() && wanted && finding.score >= self.threshold
        });
        found
    }
}

/// What may go on to the caller.
pub(crate) struct Onward {
    pub(crate) bytes: Vec<u8>,
    /// Nothing more may pass.
    pub(crate) ended: bool,
}

impl Guarded {
    /// A guard as the rules want it; `None` where they do not look at answers.
    pub(crate) fn new(engine: &Arc<Engine>, dialect: Dialect, mode: ResponseMode, rules: &Rules<'_>) -> Option<Self> {
        let how = match mode {
            ResponseMode::Off => return None,
            ResponseMode::Detect => Guarding::Detect,
            ResponseMode::Redact => Guarding::Redact,
            ResponseMode::Block => Guarding::Block,
        };
        let eyes = Eyes {
            engine: Arc::clone(engine),
            entities: rules.entities.map(<[EntityType]>::to_vec),
            threshold: rules.threshold,
        };
        let guard = StreamGuard::new(dialect, how).failing(rules.fail);
        Some(Self { guard, how, eyes, fail: rules.fail, failed: false, spent: Duration::ZERO })
    }

    /// Takes the next bytes of the stream.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Onward {
        let eyes = &self.eyes;
        let started = Instant::now();
        let passed = self.guard.push(piece, &mut |text: &str| eyes.scan(text));
        self.onward(passed, started)
    }

    /// The stream is over: what was held leaves, if it may.
    pub(crate) fn finish(&mut self) -> Onward {
        let eyes = &self.eyes;
        let started = Instant::now();
        let passed = self.guard.finish(&mut |text: &str| eyes.scan(text));
        self.onward(passed, started)
    }

    fn onward(&mut self, passed: Passed, started: Instant) -> Onward {
        self.spent += started.elapsed();
        let Passed { bytes, blocked, failed } = passed;
        self.failed |= failed;
        Onward { bytes, ended: blocked }
    }

    /// Tells the flight what was found, once.
    pub(crate) fn report(&self, flight: &mut Flight) {
        if self.failed {
            flight.answer_failed(DetectionFailure::Unreadable, self.fail);
        }
        let action = match self.how {
            Guarding::Detect => DlpAction::Detect,
            Guarding::Redact => DlpAction::Redact,
            Guarding::Block => DlpAction::Block,
        };
        let total = usize::try_from(self.guard.found()).unwrap_or(usize::MAX);
        if total > 0 {
            flight.answer_decided(&located(self.guard.findings()), total, action, self.spent);
        }
    }
}

/// Findings of an answer as records take them: where they stood in a text that is gone does not matter.
fn located(found: &[Finding]) -> Vec<Located> {
    found
        .iter()
        .map(|finding| Located { segment: 0, origin: Origin::Assistant, finding: finding.clone(), characters: 0..0 })
        .collect()
}

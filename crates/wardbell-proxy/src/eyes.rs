//! What looks at texts: the detectors, the project's content policies, the patterns of abuse and the injection model.

use std::sync::Arc;

use wardbell_core::content::{BrokenBy, BrokenPolicy};
use wardbell_detect::abuse;
use wardbell_detect::content::{Broken, By, ContentSet};
use wardbell_detect::engine::Engine;
use wardbell_guard::policy::decide::Beside;

use crate::injection::Watch;

/// What looks at texts.
#[derive(Debug, Clone)]
pub(crate) struct Eyes {
    pub(crate) engine: Arc<Engine>,
    /// The project's content policies, where they are to be looked at.
    pub(crate) content: Option<Arc<ContentSet>>,
    /// Whether abuse is looked for.
    pub(crate) abuse: bool,
    /// The injection model's eyes; `None` leaves injection to the rules.
    pub(crate) watch: Option<Watch>,
}

impl Eyes {
    /// Looks for content policies and abuse.
    pub(crate) fn beside(&self, text: &str, wide: bool, beside: &mut Beside) {
        if let Some(content) = &self.content {
            for broken in content.look(text) {
                note(&mut beside.broken, &broken);
            }
        }
        if self.abuse && wide {
            let seen = abuse::look(text);
            beside.abuse = Some(beside.abuse.map_or(seen, |before| before.max(seen)));
        }
    }
}

/// Keeps each policy once, with the surest of its matches.
fn note(known: &mut Vec<BrokenPolicy>, broken: &Broken<'_>) {
    let by = match broken.by {
        By::Pattern(_) => BrokenBy::Pattern,
        By::Word(_) => BrokenBy::Word,
        By::Example(_) => BrokenBy::Example,
    };
    match known.iter_mut().find(|known| known.name == broken.name) {
        Some(known) if known.confidence < broken.confidence => (known.by, known.confidence) = (by, broken.confidence),
        Some(_) => {}
        None => known.push(BrokenPolicy {
            name: broken.name.to_owned(),
            description: broken.description.to_owned(),
            by,
            confidence: broken.confidence,
        }),
    }
}

/// Adds how hurried the caller is, where abuse is looked for.
pub(crate) fn with_hurry(beside: &mut Beside, hurry: f32) {
    if let Some(abuse) = &mut beside.abuse {
        *abuse = abuse.with_rapid(hurry);
    }
}

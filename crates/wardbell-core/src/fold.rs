//! Many alerts told as one message.

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, AlertKind};
use crate::id::AlertId;
use crate::time::Timestamp;

/// How many ids of folded alerts are kept as samples.
pub const SAMPLES_MAX: usize = 5;

crate::named! {
    /// Why alerts were folded.
    FoldReason {
        /// They are of one group, whose first alert went out at once.
        Group = "group",
        /// The endpoint has had as many messages as it may get in a minute.
        Ceiling = "ceiling",
        /// A silence or a mute window held them back.
        Silence = "silence",
    }
}

/// Alerts that one message stands for: none of them was sent on its own, and their number is exact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    /// Why.
    pub reason: FoldReason,
    /// How many alerts.
    pub count: u64,
    /// When the first of them happened.
    pub first_at: Timestamp,
    /// When the last of them happened.
    pub last_at: Timestamp,
    /// How many of each kind, most first.
    pub kinds: Vec<(AlertKind, u64)>,
    /// The ids of the first few.
    pub samples: Vec<AlertId>,
    /// Who silenced them and why, for [`FoldReason::Silence`].
    pub note: Option<String>,
}

impl Fold {
    /// A fold of one alert.
    pub fn of(reason: FoldReason, alert: &Alert, note: Option<String>) -> Self {
        let Alert { id, at, kind, .. } = alert;
        Self { reason, count: 1, first_at: *at, last_at: *at, kinds: vec![(*kind, 1)], samples: vec![*id], note }
    }

    /// Adds an alert.
    pub fn add(&mut self, alert: &Alert) {
        self.merge(Self::of(self.reason, alert, None));
    }

    /// Adds all of another fold.
    pub fn merge(&mut self, other: Self) {
        let Self { reason: _, count, first_at, last_at, kinds, samples, note } = other;
        self.count += count;
        self.first_at = self.first_at.min(first_at);
        self.last_at = self.last_at.max(last_at);
        for (kind, count) in kinds {
            match self.kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, known)) => *known += count,
                None => self.kinds.push((kind, count)),
            }
        }
        self.kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
        self.samples.extend(samples);
        self.samples.truncate(SAMPLES_MAX);
        self.note = self.note.take().or(note);
    }
}

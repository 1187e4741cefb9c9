//! D5: the same request again and again.
//!
//! **What it finds.** Requests of one key and model whose last three messages fold to the same text ([`super::LoopKeys`]),
//! each sent after the answer to the one before.
//!
//! **Theory of operation.** A request counts if none of its fingerprint is being answered: so parallel samples of one prompt
//! are one. Within the window the threshold is allowed; the next one opens an episode: it and all of its fingerprint are
//! refused until the cooldown is over. Then counting begins anew, and a further episode is refused twice as long, up to the
//! longest cooldown; after a window without any such request all is forgotten.
//!
//! **Bounds.** A shard remembers [`ONCE_MAX`] fingerprints that came once and [`AGAIN_MAX`] that came again, apart: a flood of
//! distinct requests pushes out no loop in progress. An entry of the second kind has room for
//! [`wardbell_core::policy::LOOP_THRESHOLD_MAX`] times of 8 bytes at most. Each call takes constant time on average.
//!
//! **What it misses.** Each node counts for itself. A request whose answer takes longer than the window counts as answered
//! when the window is over. Deliberate serial samples without `n` look like a loop.

use std::collections::VecDeque;
use std::time::Duration;

use wardbell_core::money::Usd;
use wardbell_core::policy::{LOOP_THRESHOLD_MAX, LoopPolicy};

use super::Fingerprint;
use super::bounded::Bounded;
use super::episode::mean;

/// The most fingerprints of one shard that came once. Source: our choice; some 150 bytes each, 600 KB.
pub const ONCE_MAX: usize = 4096;
/// The most fingerprints of one shard that came again. Source: our choice; 1 KB each at worst, 1 MB.
pub const AGAIN_MAX: usize = 1024;
/// How often a cooldown is doubled at most; a longer one is past any limit. Source: 2^16 seconds are 18 hours.
const DOUBLINGS_MAX: u32 = 16;

/// The fingerprints of one shard. `now` is a clock that only goes forward, from any start.
#[derive(Debug)]
pub struct Repeats {
    once: Bounded<Fingerprint, Once>,
    again: Bounded<Fingerprint, Again>,
    births: u64,
}

impl Default for Repeats {
    fn default() -> Self {
        Self { once: Bounded::new(ONCE_MAX), again: Bounded::new(AGAIN_MAX), births: 0 }
    }
}

/// The numbers of a policy that this detector goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatRule {
    /// The time over which requests are counted.
    pub window: Duration,
    /// How many are allowed; at least 1.
    pub threshold: u32,
    /// The first cooldown.
    pub cooldown: Duration,
    /// The longest cooldown.
    pub cooldown_max: Duration,
}

impl From<&LoopPolicy> for RepeatRule {
    fn from(policy: &LoopPolicy) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        Self {
            window: seconds(policy.window_seconds),
            threshold: policy.threshold.clamp(1, LOOP_THRESHOLD_MAX),
            cooldown: seconds(policy.cooldown_seconds),
            cooldown_max: seconds(policy.cooldown_seconds_max.max(policy.cooldown_seconds)),
        }
    }
}

/// What is to be done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a request that was let through is told of when it ends"]
pub enum Judgement {
    /// It goes on; hand the token to [`Repeats::ended`] when its answer is complete, or given up.
    Allow(RepeatToken),
    /// It is one too many.
    Refuse(Repeat),
}

/// A request that is being answered.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct RepeatToken {
    fingerprint: Fingerprint,
    born: u64,
}

impl RepeatToken {
    /// Whose shard it goes back to.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// A request that came too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// What repeats.
    pub fingerprint: Fingerprint,
    /// How often it came in this episode: threshold + 1 at first, one more with each refusal.
    pub hit_count: u32,
    /// How long it is refused from now on, for `retry-after`.
    pub remaining: Duration,
    /// How long the whole cooldown of this episode is.
    pub cooldown: Duration,
    /// Whether the episode begins with it, so that an alert is due.
    pub begins: bool,
    /// What the requests of this episode that were answered have cost.
    pub cost_so_far: Usd,
    /// What those that were refused would have cost, if each were as dear as those were on average.
    pub cost_avoided: Usd,
}

#[derive(Debug)]
struct Once {
    born: u64,
    began: Duration,
    open: u32,
    opened_at: Duration,
    cost: Usd,
}

#[derive(Debug)]
struct Again {
    born: u64,
    /// When the requests that count began, oldest first; at most the threshold.
    began: VecDeque<Duration>,
    open: u32,
    opened_at: Duration,
    seen_at: Duration,
    cost: Usd,
    episode: Option<Episode>,
    /// How many episodes there were in a row.
    episodes: u32,
}

#[derive(Debug, Clone, Copy)]
struct Episode {
    until: Duration,
    cooldown: Duration,
    hits: u32,
    /// How many were answered before it.
    answered: u32,
}

impl Repeats {
    /// Judges a request that comes now.
    pub fn begin(&mut self, fingerprint: Fingerprint, rule: RepeatRule, now: Duration) -> Judgement {
        let forgotten = now.saturating_sub(rule.window);
        self.once.forget_older(forgotten);
        self.again.forget_older(forgotten.saturating_sub(rule.cooldown_max));
        if let Some(entry) = self.again.get(&fingerprint, now) {
            let judged = entry.begin(fingerprint, rule, now);
            return judged.map_or_else(Judgement::Refuse, Judgement::Allow);
        }
        if let Some(Once { born, began, open, opened_at, cost }) = self.once.remove(&fingerprint) {
            let mut entry = Again {
                born,
                began: VecDeque::from([began]),
                open,
                opened_at,
                seen_at: began.max(opened_at),
                cost,
                episode: None,
                episodes: 0,
            };
            let judged = entry.begin(fingerprint, rule, now);
            self.again.insert(fingerprint, entry, now);
            return judged.map_or_else(Judgement::Refuse, Judgement::Allow);
        }
        self.births = self.births.wrapping_add(1);
        let born = self.births;
        self.once.insert(fingerprint, Once { born, began: now, open: 1, opened_at: now, cost: Usd::default() }, now);
        Judgement::Allow(RepeatToken { fingerprint, born })
    }

    /// An answer is complete, or given up, and has cost so much.
    pub fn ended(&mut self, token: &RepeatToken, cost: Usd) {
        let RepeatToken { fingerprint, born } = token;
        let (open, sum) = if let Some(entry) = self.again.peek(fingerprint).filter(|entry| entry.born == *born) {
            (&mut entry.open, &mut entry.cost)
        } else if let Some(entry) = self.once.peek(fingerprint).filter(|entry| entry.born == *born) {
            (&mut entry.open, &mut entry.cost)
        } else {
            return;
        };
        *open = open.saturating_sub(1);
        *sum = Usd::from_nanos(sum.as_nanos().saturating_add(cost.as_nanos()));
    }

    /// How many fingerprints are remembered.
    pub fn len(&self) -> usize {
        self.once.len() + self.again.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Again {
    fn begin(&mut self, fingerprint: Fingerprint, rule: RepeatRule, now: Duration) -> Result<RepeatToken, Repeat> {
        let quiet = now.saturating_sub(self.seen_at.max(self.episode.map_or(Duration::ZERO, |episode| episode.until)));
        if quiet > rule.window {
            self.began.clear();
            (self.episode, self.episodes, self.cost) = (None, 0, Usd::default());
        }
        self.seen_at = now;
        if let Some(episode) = &mut self.episode {
            if now < episode.until {
                episode.hits = episode.hits.saturating_add(1);
                return Err(episode.refuse(fingerprint, now, false, self.cost));
            }
            (self.episode, self.cost) = (None, Usd::default());
        }
        // Requests whose end nobody told, or whose answers take too long, do not keep others from counting.
        if now.saturating_sub(self.opened_at) > rule.window {
            self.open = 0;
        }
        let is_serial = self.open == 0;
        if is_serial {
            while self.began.front().is_some_and(|began| now.saturating_sub(*began) >= rule.window) {
                self.began.pop_front();
            }
            let count = u32::try_from(self.began.len()).unwrap_or(u32::MAX);
            if count >= rule.threshold {
                self.began.clear();
                let doublings = self.episodes.min(DOUBLINGS_MAX);
                self.episodes = self.episodes.saturating_add(1);
                let cooldown = rule.cooldown.saturating_mul(1 << doublings).min(rule.cooldown_max);
                let until = now.saturating_add(cooldown);
                let episode = Episode { until, cooldown, hits: count.saturating_add(1), answered: count };
                self.episode = Some(episode);
                return Err(episode.refuse(fingerprint, now, true, self.cost));
            }
            self.began.push_back(now);
        }
        self.open = self.open.saturating_add(1);
        self.opened_at = now;
        Ok(RepeatToken { fingerprint, born: self.born })
    }
}

impl Episode {
    fn refuse(self, fingerprint: Fingerprint, now: Duration, begins: bool, cost_so_far: Usd) -> Repeat {
        let Self { until, cooldown, hits: hit_count, answered } = self;
        let remaining = until.saturating_sub(now);
        let refused = i64::from(hit_count.saturating_sub(answered));
        let each = mean(cost_so_far, answered).as_nanos();
        let cost_avoided = Usd::from_nanos(each.saturating_mul(refused));
        Repeat { fingerprint, hit_count, remaining, cooldown, begins, cost_so_far, cost_avoided }
    }
}

#[cfg(test)]
mod tests;

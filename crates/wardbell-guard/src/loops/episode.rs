//! Whether a loop is news: one alert for each episode, however many requests it has.
//!
//! **Theory of operation.** An episode is a fingerprint in a conversation of a key. It begins with the first finding, gets
//! worse when a warning becomes a block, and ends when a request of the same conversation has no finding, which is a different
//! step that was taken, or after [`QUIET`] without any. A conversation is known by its first messages.
//!
//! **Bounds.** [`EPISODES_MAX`] episodes are remembered. One that is forgotten early begins again: one alert more.

use std::time::Duration;

use wardbell_core::id::KeyId;
use wardbell_core::money::Usd;
use wardbell_core::transcript::Turn;

use super::bounded::Bounded;
use super::keys::LoopKeys;
use super::{Fingerprint, Level, LoopFinding};

/// The most episodes that are remembered. Source: our choice; some 200 bytes each.
pub const EPISODES_MAX: usize = 10_000;
/// After how long without a finding an episode is over. Source: the longest default cooldown, `spec/budgets-and-loops.md`.
pub const QUIET: Duration = Duration::from_mins(5);
/// How many messages a conversation is known by: a system prompt and the first thing that is said.
const OPENING: usize = 2;
/// How many bytes of each of them. Source: our choice; system prompts differ early, and the rest costs time.
const OPENING_BYTES: usize = 4096;

/// A conversation of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conversation(u128);

impl Conversation {
    /// The conversation that a transcript belongs to. It stays the same while the transcript grows.
    pub fn of(keys: &LoopKeys, key: KeyId, turns: &[Turn<'_>]) -> Self {
        let mut mix = keys.mix();
        mix.bytes(key.as_bytes());
        for turn in turns.iter().take(OPENING) {
            let head = turn.text.as_bytes();
            mix.bytes(head.get(..OPENING_BYTES).unwrap_or(head));
            mix.number(turn.text.len() as u64);
        }
        Self(mix.end())
    }
}

/// The episodes of a node. `now` is a clock that only goes forward, from any start.
#[derive(Debug)]
pub struct Episodes {
    open: Bounded<Conversation, Episode>,
}

#[derive(Debug, Clone, Copy)]
struct Episode {
    fingerprint: Fingerprint,
    level: Level,
    seen_at: Duration,
    told: Told,
    /// How many requests have told what they cost.
    paid: u32,
}

/// What an episode comes to so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// How many requests had the finding.
    pub requests: u32,
    /// What those that went on have cost.
    pub cost_so_far: Usd,
    /// What those that were refused would have cost, if each were as dear as those that went on were on average.
    pub cost_avoided: Usd,
}

/// What a finding is to those who were told of the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// An episode begins: an alert is due.
    Begins(Told),
    /// What was a warning is stopped now: an alert is due.
    Worsens(Told),
    /// They know.
    GoesOn(Told),
}

impl Default for Episodes {
    fn default() -> Self {
        Self { open: Bounded::new(EPISODES_MAX) }
    }
}

impl Episodes {
    /// Takes a finding in; whether the request is refused for it.
    pub fn found(&mut self, at: Conversation, finding: &LoopFinding, is_refused: bool, now: Duration) -> News {
        self.open.forget_older(now.saturating_sub(QUIET));
        let LoopFinding { detector: _, level, tool: _, count: _, fingerprint, first_step: _ } = finding;
        let same = |episode: &&mut Episode| {
            episode.fingerprint == *fingerprint && now.saturating_sub(episode.seen_at) <= QUIET
        };
        if let Some(episode) = self.open.get(&at, now).filter(same) {
            episode.seen_at = now;
            episode.told.requests = episode.told.requests.saturating_add(1);
            if is_refused {
                let mean = mean(episode.told.cost_so_far, episode.paid);
                episode.told.cost_avoided = episode.told.cost_avoided.plus(mean);
            }
            if *level > episode.level {
                episode.level = *level;
                return News::Worsens(episode.told);
            }
            return News::GoesOn(episode.told);
        }
        let told = Told { requests: 1, cost_so_far: Usd::ZERO, cost_avoided: Usd::ZERO };
        let episode = Episode { fingerprint: *fingerprint, level: *level, seen_at: now, told, paid: 0 };
        self.open.insert(at, episode, now);
        News::Begins(told)
    }

    /// A request of the conversation without a finding has come: whatever went on is over. Gives what it came to.
    pub fn calm(&mut self, at: Conversation) -> Option<Told> {
        self.open.remove(&at).map(|episode| episode.told)
    }

    /// Whether any episode goes on: if not, nobody needs to know the conversation of a request without a finding.
    pub fn is_empty(&self) -> bool {
        self.open.len() == 0
    }

    /// A request that had a finding and went on has cost so much.
    pub fn charge(&mut self, at: Conversation, cost: Usd) {
        if let Some(episode) = self.open.peek(&at) {
            episode.told.cost_so_far = episode.told.cost_so_far.plus(cost);
            episode.paid = episode.paid.saturating_add(1);
        }
    }
}

/// What one of so many requests has cost on average; nothing where there was none.
pub fn mean(cost: Usd, requests: u32) -> Usd {
    Usd::from_nanos(cost.as_nanos().checked_div(i64::from(requests)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use wardbell_core::loops::Detector;
    use wardbell_core::origin::Origin;
    use wardbell_core::time::Timestamp;

    use super::super::SECRET_BYTES;
    use super::*;

    fn keys() -> LoopKeys {
        LoopKeys::new(&[7; SECRET_BYTES])
    }

    fn conversation(opening: &str) -> Conversation {
        let turn = Turn { origin: Origin::User, text: opening, calls: vec![], results: vec![] };
        Conversation::of(&keys(), KeyId::mint(Timestamp::from_millis(1), [1; 10]), &[turn])
    }

    fn finding(level: Level, what: &str) -> LoopFinding {
        let fingerprint = keys().seal(&[what.as_bytes()]);
        LoopFinding { detector: Detector::Cycle, level, tool: None, count: 3, fingerprint, first_step: 1 }
    }

    #[test]
    fn an_episode_is_told_once_and_once_more_when_it_is_stopped() {
        let mut episodes = Episodes::default();
        let (at, other) = (conversation("a"), conversation("b"));
        let cost = Usd::from_nanos(7);
        let warn = finding(Level::Warn, "x");
        assert!(matches!(episodes.found(at, &warn, false, QUIET), News::Begins(_)));
        episodes.charge(at, cost);
        assert!(matches!(episodes.found(at, &warn, false, QUIET), News::GoesOn(_)));
        assert!(matches!(episodes.found(other, &warn, false, QUIET), News::Begins(_)));
        let told = Told { requests: 3, cost_so_far: cost, cost_avoided: cost };
        let block = finding(Level::Block, "x");
        assert_eq!(episodes.found(at, &block, true, QUIET), News::Worsens(told));
        assert!(matches!(episodes.found(at, &block, true, QUIET), News::GoesOn(_)));
        assert_eq!(episodes.calm(at).map(|told| told.requests), Some(4));
        assert_eq!(episodes.calm(at), None);
        assert!(matches!(episodes.found(at, &block, true, QUIET), News::Begins(_)), "it is over and comes again");
    }

    #[test]
    fn another_loop_or_a_quiet_time_begins_an_episode() {
        let mut episodes = Episodes::default();
        let at = conversation("a");
        assert!(matches!(episodes.found(at, &finding(Level::Block, "x"), true, QUIET), News::Begins(_)));
        assert!(matches!(episodes.found(at, &finding(Level::Block, "y"), true, QUIET), News::Begins(_)));
        assert!(matches!(episodes.found(at, &finding(Level::Block, "y"), true, QUIET * 2), News::GoesOn(_)));
        assert!(matches!(episodes.found(at, &finding(Level::Block, "y"), true, QUIET * 4), News::Begins(_)));
    }
}

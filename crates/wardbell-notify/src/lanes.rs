//! Which claimed delivery goes next. Pure: the time is an argument.
//!
//! **Theory of operation.** Every endpoint has a lane. A lane runs at most [`LANE_RUNNING_MAX`] attempts at once, so a
//! receiver that never answers holds a few slots and no more; what it cannot run yet is parked, and lanes take turns.
//! A lane that works fast may park much, and while it is full nothing more is claimed, because it soon has room. A lane
//! that has finished nothing for [`SLOW_AFTER`] is slow: it parks little, and what does not fit is *let go*: its lease
//! lapses in the store and it is claimed again later, while the claims of other endpoints go on.
//!
//! **Bounds.** [`RUNNING_MAX`] attempts, [`PARKED_MAX`] parked claims of about 1 KiB each.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use wardbell_core::id::EndpointId;

/// The most attempts under way. Each holds a socket and a TLS session, some 50 KiB.
pub const RUNNING_MAX: usize = 128;
/// The most attempts under way for one endpoint: sixteen dead endpoints fill all slots, one does not.
pub const LANE_RUNNING_MAX: usize = 8;
/// The most claims that wait in memory.
pub const PARKED_MAX: usize = 4096;
/// The most claims that wait for an endpoint that works.
pub const LANE_PARKED_MAX: usize = 512;
/// The most claims that wait for an endpoint that is slow: about what it can take in one lease.
pub const SLOW_LANE_PARKED_MAX: usize = 64;
/// The most claims taken from the store at once.
pub const CLAIM_MAX: usize = 128;
/// A busy lane that finished nothing for this long is slow.
pub const SLOW_AFTER: Duration = Duration::from_secs(1);

/// All lanes. `T` is a claim.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    of: BTreeMap<EndpointId, Lane<T>>,
    /// Lanes that have something parked and may run it, each once, in turn.
    turns: VecDeque<EndpointId>,
    running: usize,
    parked: usize,
}

#[derive(Debug)]
struct Lane<T> {
    running: usize,
    parked: VecDeque<T>,
    /// When it last finished something, or got something to do.
    moved_at: Instant,
    has_turn: bool,
}

impl<T> Lane<T> {
    fn is_slow(&self, now: Instant) -> bool {
        self.running >= LANE_RUNNING_MAX && now.saturating_duration_since(self.moved_at) >= SLOW_AFTER
    }
}

impl<T> Lanes<T> {
    pub(crate) const fn new() -> Self {
        Self { of: BTreeMap::new(), turns: VecDeque::new(), running: 0, parked: 0 }
    }

    /// How many more claims may be taken now. Lets go what slow lanes have too much of.
    pub(crate) fn room(&mut self, now: Instant) -> usize {
        let mut is_waiting = false;
        for lane in self.of.values_mut() {
            if lane.is_slow(now) {
                let kept = lane.parked.len().min(SLOW_LANE_PARKED_MAX);
                self.parked -= lane.parked.len() - kept;
                lane.parked.truncate(kept);
            } else if lane.parked.len() >= LANE_PARKED_MAX {
                is_waiting = true;
            }
        }
        if is_waiting || self.running >= RUNNING_MAX {
            0
        } else {
            PARKED_MAX.saturating_sub(self.parked).min(CLAIM_MAX)
        }
    }

    /// Parks a claim; false if it was let go instead.
    pub(crate) fn park(&mut self, endpoint: EndpointId, claim: T, now: Instant) -> bool {
        let lane = self.of.entry(endpoint).or_insert_with(|| Lane {
            running: 0,
            parked: VecDeque::new(),
            moved_at: now,
            has_turn: false,
        });
        if lane.is_slow(now) && lane.parked.len() >= SLOW_LANE_PARKED_MAX {
            return false;
        }
        lane.parked.push_back(claim);
        self.parked += 1;
        Self::give_turn(&mut self.turns, endpoint, lane);
        true
    }

    /// Takes the claim whose turn it is, and counts it as running. `None` if nothing may run.
    pub(crate) fn next(&mut self, now: Instant) -> Option<(EndpointId, T)> {
        while self.running < RUNNING_MAX {
            let endpoint = self.turns.pop_front()?;
            let Some(lane) = self.of.get_mut(&endpoint) else { continue };
            lane.has_turn = false;
            let Some(claim) = lane.parked.pop_front() else { continue };
            if lane.running == 0 {
                lane.moved_at = now;
            }
            lane.running += 1;
            self.parked -= 1;
            self.running += 1;
            Self::give_turn(&mut self.turns, endpoint, lane);
            return Some((endpoint, claim));
        }
        None
    }

    /// Frees the slot of a claim that [`next`](Self::next) gave out.
    pub(crate) fn finished(&mut self, endpoint: EndpointId, now: Instant) {
        let Some(lane) = self.of.get_mut(&endpoint) else { return };
        lane.running = lane.running.saturating_sub(1);
        lane.moved_at = now;
        self.running = self.running.saturating_sub(1);
        if lane.running == 0 && lane.parked.is_empty() {
            self.of.remove(&endpoint);
        } else {
            Self::give_turn(&mut self.turns, endpoint, lane);
        }
    }

    fn give_turn(turns: &mut VecDeque<EndpointId>, endpoint: EndpointId, lane: &mut Lane<T>) {
        if !lane.has_turn && lane.running < LANE_RUNNING_MAX && !lane.parked.is_empty() {
            lane.has_turn = true;
            turns.push_back(endpoint);
        }
    }
}

#[cfg(test)]
mod tests {
    use wardbell_core::time::Timestamp;

    use super::*;

    fn endpoint(seed: u8) -> EndpointId {
        EndpointId::mint(Timestamp::from_millis(1), [seed; 10])
    }

    fn drain(lanes: &mut Lanes<u32>, now: Instant) -> Vec<(EndpointId, u32)> {
        std::iter::from_fn(|| lanes.next(now)).collect()
    }

    #[test]
    fn lanes_take_turns_and_none_takes_more_than_its_share() {
        let now = Instant::now();
        let (a, b) = (endpoint(1), endpoint(2));
        let mut lanes = Lanes::new();
        for claim in 0..20 {
            assert!(lanes.park(a, claim, now));
        }
        assert!(lanes.park(b, 100, now) && lanes.park(b, 101, now));
        let started = drain(&mut lanes, now);
        assert_eq!(started.get(..4).unwrap(), [(a, 0), (b, 100), (a, 1), (b, 101)]);
        assert_eq!(started.iter().filter(|(endpoint, _)| *endpoint == a).count(), LANE_RUNNING_MAX);
        lanes.finished(a, now);
        assert_eq!(drain(&mut lanes, now), [(a, 8)]);
    }

    #[test]
    fn all_slots_together_are_bounded() {
        let now = Instant::now();
        let mut lanes = Lanes::new();
        for seed in 0..40 {
            for claim in 0..10 {
                lanes.park(endpoint(seed), claim, now);
            }
        }
        assert_eq!(drain(&mut lanes, now).len(), RUNNING_MAX);
        assert_eq!(lanes.room(now), 0);
    }

    #[test]
    fn a_full_lane_that_works_stops_claims_and_a_slow_one_does_not() {
        let start = Instant::now();
        let a = endpoint(1);
        let mut lanes = Lanes::new();
        for claim in 0..1000 {
            lanes.park(a, claim, start);
        }
        assert_eq!(drain(&mut lanes, start).len(), LANE_RUNNING_MAX);
        assert_eq!(lanes.room(start), 0, "it will have room in a moment");
        let later = start + SLOW_AFTER;
        assert_eq!(lanes.room(later), CLAIM_MAX, "its surplus was let go");
        assert_eq!(lanes.parked, SLOW_LANE_PARKED_MAX);
        assert!(!lanes.park(a, 0, later), "and more of it is let go");
        assert!(lanes.park(endpoint(2), 0, later));
        lanes.finished(a, later);
        assert_eq!(drain(&mut lanes, later).len(), 2);
        assert!(lanes.park(a, 0, later), "it moved, so it is not slow");
    }

    #[test]
    fn a_lane_without_work_leaves_nothing_behind() {
        let now = Instant::now();
        let mut lanes = Lanes::new();
        lanes.park(endpoint(1), 0, now);
        assert_eq!(drain(&mut lanes, now).len(), 1);
        lanes.finished(endpoint(1), now);
        assert!(lanes.of.is_empty() && lanes.turns.is_empty() && lanes.running == 0 && lanes.parked == 0);
        assert_eq!(lanes.next(now), None);
        assert_eq!(lanes.room(now), CLAIM_MAX);
    }
}

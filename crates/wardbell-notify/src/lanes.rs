//! Which claimed delivery goes next. Pure: the time is an argument.
//!
//! **Theory of operation.** Every endpoint has a lane. What a lane cannot run yet is parked in it, and lanes take turns. A
//! lane runs up to [`WIDE`] attempts at once while all goes well, [`NARROW`] after a failure or while its receiver is
//! slow, and none while its breaker is open or its receiver has asked for a pause; then a single one, as a
//! probe. A bucket holds it to its rate. What a lane cannot run soon is *given back*: the dispatcher returns the
//! claim to the store with a time, and claims nothing of that endpoint until then. So a dead endpoint costs others a few
//! slots for a few seconds, and no place in line.
//!
//! **Bounds.** [`RUNNING_MAX`] attempts, [`HOST_RUNNING_MAX`] to one host and port whoever registered it, [`PARKED_MAX`]
//! parked claims of some 2 KiB each. A lane is forgotten once nothing of it is left to remember.

pub(crate) mod breaker;
pub(crate) mod bucket;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use wardbell_core::id::EndpointId;

use breaker::Breaker;
use bucket::Bucket;

/// The most attempts under way. Each holds a socket and a TLS session, some 50 KiB.
pub const RUNNING_MAX: usize = 256;
/// The most attempts under way to one host and port, whichever endpoints and projects they are for.
pub const HOST_RUNNING_MAX: usize = 64;
/// The most attempts under way for one endpoint that works.
pub const WIDE: usize = 16;
/// The most attempts under way for one endpoint that failed last, or is slow.
pub const NARROW: usize = 2;
/// The most claims that wait in memory.
pub const PARKED_MAX: usize = 4096;
/// The most claims that wait for an endpoint that works.
pub const LANE_PARKED_MAX: usize = 1024;
/// The most claims that wait for an endpoint that failed last, or is slow.
pub const NARROW_PARKED_MAX: usize = 8;
/// A busy lane that finished nothing for this long is slow.
pub const SLOW_AFTER: Duration = Duration::from_secs(1);
/// A lane that is held to a rate parks what it can send within this time.
pub const RATE_AHEAD: Duration = Duration::from_secs(5);
/// How long what does not fit into a lane is given back for.
pub const GIVEN_BACK_FOR: Duration = Duration::from_secs(1);

/// How fast an endpoint may be sent to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    /// Above 0.
    pub(crate) per_second: f64,
    /// How many at once after a rest; 1 or more.
    pub(crate) burst: u32,
}

/// Where an item goes.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) endpoint: EndpointId,
    /// The host and port, as the URL names them.
    pub(crate) host: String,
    pub(crate) rate: Option<Rate>,
}

/// How an attempt ended, as far as the endpoint is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ended {
    /// Whether the endpoint is in trouble: no answer, or one that says so.
    pub(crate) is_trouble: bool,
    /// How long the receiver wants to be left alone.
    pub(crate) hold: Option<Duration>,
}

/// An item that a lane does not take, and until when.
#[derive(Debug)]
pub(crate) struct GivenBack<T> {
    pub(crate) item: T,
    pub(crate) until: Instant,
}

/// All lanes. `T` is a claim.
#[derive(Debug)]
pub(crate) struct Lanes<T> {
    of: BTreeMap<EndpointId, Lane<T>>,
    /// Lanes that have something parked, each once, in turn.
    turns: VecDeque<EndpointId>,
    hosts: HashMap<String, usize>,
    running: usize,
    parked: usize,
}

#[derive(Debug)]
struct Lane<T> {
    host: String,
    running: usize,
    parked: VecDeque<T>,
    /// When it last finished something, or got something to do.
    moved_at: Instant,
    bucket: Option<Bucket>,
    breaker: Breaker,
    /// Until when its receiver wants to be left alone.
    held_until: Option<Instant>,
}

impl<T> Lane<T> {
    fn new(way: &Way, now: Instant) -> Self {
        Self {
            host: way.host.clone(),
            running: 0,
            parked: VecDeque::new(),
            moved_at: now,
            bucket: way.rate.map(|rate| Bucket::new(rate.per_second, rate.burst, now)),
            breaker: Breaker::default(),
            held_until: None,
        }
    }

    /// Until when nothing may run at all.
    fn closed_until(&self, now: Instant) -> Option<Instant> {
        let held = self.held_until.filter(|until| *until > now);
        held.max(self.breaker.open_until(now))
    }

    fn is_slow(&self, now: Instant) -> bool {
        self.running > 0 && now.saturating_duration_since(self.moved_at) >= SLOW_AFTER
    }

    fn width(&self, now: Instant) -> usize {
        if self.breaker.is_probing() {
            1
        } else if self.breaker.is_troubled() || self.is_slow(now) {
            NARROW
        } else {
            WIDE
        }
    }

    fn parked_max(&self, now: Instant) -> usize {
        if self.closed_until(now).is_some() {
            return 0;
        }
        let by_state = match self.width(now) {
            WIDE => LANE_PARKED_MAX,
            NARROW => NARROW_PARKED_MAX,
            _ => 1,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
        let by_rate =
            self.bucket.as_ref().map(|bucket| (bucket.per_second() * RATE_AHEAD.as_secs_f64()).ceil() as usize);
        by_state.min(by_rate.unwrap_or(usize::MAX).max(1))
    }

    /// When what does not fit may come again.
    fn again_at(&self, now: Instant) -> Instant {
        self.closed_until(now).unwrap_or(now + GIVEN_BACK_FOR)
    }

    fn is_forgettable(&mut self, now: Instant) -> bool {
        self.running == 0
            && self.parked.is_empty()
            && !self.breaker.is_troubled()
            && self.closed_until(now).is_none()
            && self.bucket.as_mut().is_none_or(|bucket| bucket.is_full(now))
    }
}

impl<T> Lanes<T> {
    pub(crate) fn new() -> Self {
        Self { of: BTreeMap::new(), turns: VecDeque::new(), hosts: HashMap::new(), running: 0, parked: 0 }
    }

    /// How many more items may be parked now.
    pub(crate) const fn room(&self) -> usize {
        PARKED_MAX.saturating_sub(self.parked)
    }

    /// Whether nothing is parked and nothing runs.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.running == 0 && self.parked == 0
    }

    /// Parks an item, or gives it back at once.
    pub(crate) fn park(&mut self, way: &Way, item: T, now: Instant) -> Result<(), GivenBack<T>> {
        let lane = self.of.entry(way.endpoint).or_insert_with(|| Lane::new(way, now));
        if lane.running == 0 {
            // Its settings may have changed since; attempts under way count for the host that they went to.
            lane.host.clone_from(&way.host);
        }
        if lane.bucket.as_ref().map(Bucket::per_second) != way.rate.map(|rate| rate.per_second) {
            lane.bucket = way.rate.map(|rate| Bucket::new(rate.per_second, rate.burst, now));
        }
        if lane.parked.len() >= lane.parked_max(now) {
            return Err(GivenBack { item, until: lane.again_at(now) });
        }
        if lane.parked.is_empty() {
            self.turns.push_back(way.endpoint);
        }
        lane.parked.push_back(item);
        self.parked += 1;
        Ok(())
    }

    /// Takes the item whose turn it is, and counts it as running. `None` if nothing may run now.
    pub(crate) fn next(&mut self, now: Instant) -> Option<(EndpointId, T)> {
        if self.running >= RUNNING_MAX {
            return None;
        }
        for _ in 0..self.turns.len() {
            let endpoint = self.turns.pop_front()?;
            let Some(lane) = self.of.get_mut(&endpoint) else { continue };
            let at_host = self.hosts.get(&lane.host).copied().unwrap_or(0);
            let may_run = lane.closed_until(now).is_none()
                && lane.running < lane.width(now)
                && at_host < HOST_RUNNING_MAX
                && lane.bucket.as_mut().is_none_or(|bucket| bucket.take(now).is_ok());
            let item = if may_run { lane.parked.pop_front() } else { None };
            if !lane.parked.is_empty() {
                self.turns.push_back(endpoint);
            }
            let Some(item) = item else { continue };
            if lane.running == 0 {
                lane.moved_at = now;
            }
            lane.running += 1;
            *self.hosts.entry(lane.host.clone()).or_default() += 1;
            self.parked -= 1;
            self.running += 1;
            return Some((endpoint, item));
        }
        None
    }

    /// Frees the slot of an item that [`next`](Self::next) gave out.
    pub(crate) fn finished(&mut self, endpoint: EndpointId, ended: Ended, now: Instant) {
        let Some(lane) = self.of.get_mut(&endpoint) else { return };
        lane.running = lane.running.saturating_sub(1);
        lane.moved_at = now;
        lane.breaker.ended(ended.is_trouble, now);
        if let Some(hold) = ended.hold {
            lane.held_until = lane.held_until.max(Some(now + hold));
        }
        self.running = self.running.saturating_sub(1);
        if let Some(at_host) = self.hosts.get_mut(&lane.host) {
            *at_host = at_host.saturating_sub(1);
            if *at_host == 0 {
                self.hosts.remove(&lane.host);
            }
        }
    }

    /// Gives back what lanes have parked and cannot run soon, and forgets lanes of which nothing is left to remember.
    pub(crate) fn shed(&mut self, now: Instant) -> Vec<GivenBack<T>> {
        let mut given = Vec::new();
        for lane in self.of.values_mut() {
            let (most, until) = (lane.parked_max(now), lane.again_at(now));
            while lane.parked.len() > most {
                let Some(item) = lane.parked.pop_back() else { break };
                self.parked -= 1;
                given.push(GivenBack { item, until });
            }
        }
        self.of.retain(|_, lane| !lane.is_forgettable(now));
        let of = &self.of;
        self.turns.retain(|endpoint| of.get(endpoint).is_some_and(|lane| !lane.parked.is_empty()));
        given
    }

    /// Endpoints of which nothing is to be claimed now.
    pub(crate) fn full(&self, now: Instant) -> Vec<EndpointId> {
        let is_full = |lane: &Lane<T>| lane.parked.len() >= lane.parked_max(now);
        self.of.iter().filter(|(_, lane)| is_full(lane)).map(|(endpoint, _)| *endpoint).collect()
    }

    /// Whether a lane can take half of what it ever can: enough to be worth a claim.
    pub(crate) fn has_room_for(&self, endpoint: EndpointId, now: Instant) -> bool {
        let has_room = |lane: &Lane<T>| {
            let most = lane.parked_max(now);
            most > 0 && lane.parked.len() * 2 <= most
        };
        self.of.get(&endpoint).is_none_or(has_room)
    }

    /// When a lane may run or take something that it may not now; `None` if none waits.
    pub(crate) fn wake_at(&mut self, now: Instant) -> Option<Instant> {
        let recheck = now + SLOW_AFTER / 4;
        self.of
            .values_mut()
            .filter_map(|lane| {
                let closed = lane.closed_until(now);
                // A bucket that is not empty lets go at once; the others say when they have moved on.
                closed.or_else(|| (!lane.parked.is_empty() || lane.is_slow(now)).then_some(recheck))
            })
            .min()
    }
}

#[cfg(test)]
mod tests;

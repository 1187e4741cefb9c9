//! How fast a key may send: a token bucket for each key, and how hurried its calls are.
//!
//! **Theory of operation.** A bucket is kept as the time at which it would be full (the virtual-scheduling form of the
//! leaky bucket, ITU-T I.371, appendix I), so it is two numbers, and needs no timer. Hurry is a count that decays with
//! [`HURRY_WINDOW`]: about how many calls the key made within it.
//!
//! **Bounds.** [`KEYS_MAX`] keys are remembered; beyond that those whose bucket is full and whose count has decayed are
//! forgotten, which changes no answer, and if there are none, the one that was seen longest ago. Only keys that opened a
//! project get here, so a flood of made-up keys takes no room.
//!
//! **What it does not do.** Each node counts for itself.

use std::collections::HashMap;
use std::time::Duration;

use wardbell_core::id::KeyId;
use wardbell_core::policy::RateLimit;

/// The most keys that are remembered. Source: our choice; some 100 bytes each.
pub const KEYS_MAX: usize = 100_000;

/// The time over which calls count as hurried. Source: our choice, with AISG's 10 calls a second in mind.
pub const HURRY_WINDOW: Duration = Duration::from_secs(10);

/// Calls within [`HURRY_WINDOW`] that are certainly no person's and no careful agent's: 20 a second, twice AISG's limit.
pub const HURRY_CALLS: f64 = 200.0;

/// The paces of all keys. `now` is a clock that only goes forward, from any start.
#[derive(Debug, Default)]
pub struct Paces {
    keys: HashMap<KeyId, Pace>,
}

#[derive(Debug, Clone, Copy)]
struct Pace {
    /// When the bucket is full again.
    full_at: Duration,
    /// Calls, decayed to `seen_at`.
    calls: f64,
    seen_at: Duration,
}

/// A key sends too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rate limit is reached; the next request may come in {} ms", .retry_after.as_millis())]
pub struct TooFast {
    /// How long to wait.
    pub retry_after: Duration,
}

impl Paces {
    /// Counts a call of a key and takes a token, if a limit is given.
    ///
    /// # Errors
    /// When the bucket is empty. The call still counts as a call.
    pub fn call(&mut self, key: KeyId, limit: Option<RateLimit>, now: Duration) -> Result<(), TooFast> {
        if self.keys.len() >= KEYS_MAX && !self.keys.contains_key(&key) {
            self.forget(now);
        }
        let pace = self.keys.entry(key).or_insert(Pace { full_at: now, calls: 0.0, seen_at: now });
        pace.calls = pace.calls_at(now) + 1.0;
        pace.seen_at = now;
        let Some(RateLimit { per_second, burst }) = limit else { return Ok(()) };
        let token = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::MAX);
        let room = Duration::try_from_secs_f64(f64::from(burst) / per_second).unwrap_or(Duration::MAX);
        let full_at = pace.full_at.max(now).saturating_add(token);
        let over = full_at.saturating_sub(now.saturating_add(room));
        // A rounding error of the division is no reason to refuse.
        if over > Duration::from_nanos(u64::from(burst)) {
            return Err(TooFast { retry_after: over });
        }
        pace.full_at = full_at;
        Ok(())
    }

    /// How hurried a key's calls are: 0 for the first, 1 from [`HURRY_CALLS`] within [`HURRY_WINDOW`] on.
    pub fn hurry(&self, key: KeyId, now: Duration) -> f32 {
        let calls = self.keys.get(&key).map_or(0.0, |pace| pace.calls_at(now));
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1")]
        let hurry = ((calls - 1.0) / (HURRY_CALLS - 1.0)).clamp(0.0, 1.0) as f32;
        hurry
    }

    fn forget(&mut self, now: Duration) {
        self.keys.retain(|_, pace| pace.full_at > now || pace.calls_at(now) > 1.0);
        if self.keys.len() >= KEYS_MAX
            && let Some(oldest) = self.keys.iter().min_by_key(|(_, pace)| pace.seen_at).map(|(key, _)| *key)
        {
            self.keys.remove(&oldest);
        }
    }
}

impl Pace {
    fn calls_at(&self, now: Duration) -> f64 {
        let past = now.saturating_sub(self.seen_at).as_secs_f64() / HURRY_WINDOW.as_secs_f64();
        self.calls * (-past).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardbell_core::time::Timestamp;

    fn key(number: u16) -> KeyId {
        let [high, low] = number.to_be_bytes();
        KeyId::mint(Timestamp::from_millis(1), [high, low, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    const AISG: Option<RateLimit> = Some(RateLimit { per_second: 10.0, burst: 10 });

    #[test]
    fn a_burst_passes_and_then_one_for_each_tenth_of_a_second() {
        let mut paces = Paces::default();
        let at = Duration::from_millis;
        assert!((0..10).all(|_| paces.call(key(1), AISG, at(0)).is_ok()));
        assert_eq!(paces.call(key(1), AISG, at(0)), Err(TooFast { retry_after: at(100) }));
        assert_eq!(paces.call(key(1), AISG, at(60)), Err(TooFast { retry_after: at(40) }));
        assert_eq!(paces.call(key(1), AISG, at(100)), Ok(()));
        assert!(paces.call(key(1), AISG, at(150)).is_err());
        assert_eq!(paces.call(key(2), AISG, at(150)), Ok(()), "another key has a bucket of its own");
        assert!((0..10).all(|_| paces.call(key(1), AISG, at(5_000)).is_ok()), "a pause fills the bucket");
        assert!(paces.call(key(1), AISG, at(5_000)).is_err(), "and no more than that");
    }

    #[test]
    fn in_the_long_run_no_more_pass_than_the_limit_says() {
        for (per_second, burst) in [(0.5, 1), (3.0, 1), (7.0, 100), (1_000_000.0, 1)] {
            let limit = Some(RateLimit { per_second, burst });
            let mut paces = Paces::default();
            let passed = (0..20_000_u64)
                .filter(|step| paces.call(key(1), limit, Duration::from_micros(step * 500)).is_ok())
                .count();
            let most = (10.0 * per_second + f64::from(burst)).min(20_000.0);
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let passed = passed as f64;
            assert!(passed <= most + 1.0 && passed >= most * 0.99 - 1.0, "{per_second} {burst}: {passed} of {most}");
        }
    }

    #[test]
    fn without_a_limit_everything_passes_and_counts() {
        let mut paces = Paces::default();
        assert!((0..400).all(|call| paces.call(key(1), None, Duration::from_millis(call)).is_ok()));
        assert!(paces.hurry(key(1), Duration::from_millis(400)) > 0.99);
        assert!(paces.hurry(key(1), Duration::from_mins(5)) < 0.01, "it is forgotten in time");
        assert!(paces.hurry(key(2), Duration::ZERO) < 0.01);
    }

    #[test]
    fn a_person_is_not_hurried() {
        let mut paces = Paces::default();
        for call in 0..60 {
            paces.call(key(1), None, Duration::from_secs(call * 2)).unwrap();
            assert!(paces.hurry(key(1), Duration::from_secs(call * 2)) < 0.1);
        }
    }

    #[test]
    fn memory_is_bounded_however_many_keys_there_are() {
        let mut paces = Paces::default();
        for number in 0..(u32::try_from(KEYS_MAX).unwrap() + 10) {
            let [_, a, b, c] = number.to_be_bytes();
            let id = KeyId::mint(Timestamp::from_millis(1), [a, b, c, 0, 0, 0, 0, 0, 0, 0]);
            let now = Duration::from_secs(u64::from(number / 1000));
            assert_eq!(paces.call(id, AISG, now), Ok(()));
        }
        assert!(paces.keys.len() <= KEYS_MAX);
    }
}

//! A circuit breaker: an endpoint that keeps failing is left alone for a while.

use std::time::Duration;

use tokio::time::Instant;

/// So many failures in a row open it: more than any profile sends of one delivery in its first minute.
pub(crate) const OPENS_AFTER: u32 = 10;
/// How long it is open at first; each further time twice as long.
pub(crate) const OPEN_MIN: Duration = Duration::from_secs(5);
/// The longest that it is open.
pub(crate) const OPEN_MAX: Duration = Duration::from_mins(1);

/// Closed, open until a time, or half open: one probe is under way or due.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    opened: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// When it stops being open, if it is open now.
    pub(crate) fn open_until(&self, now: Instant) -> Option<Instant> {
        self.open_until.filter(|until| *until > now)
    }

    /// Whether only one attempt at a time may be made, to see whether the endpoint is back.
    pub(crate) const fn is_probing(&self) -> bool {
        self.open_until.is_some()
    }

    /// Whether the last attempt failed.
    pub(crate) const fn is_troubled(&self) -> bool {
        self.failures > 0
    }

    /// Takes the end of an attempt into account.
    pub(crate) fn ended(&mut self, is_trouble: bool, now: Instant) {
        if !is_trouble {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        // Attempts that were under way when it opened do not open it further.
        if self.failures >= OPENS_AFTER && self.open_until(now).is_none() {
            let pause = OPEN_MIN.saturating_mul(1 << self.opened.min(8)).min(OPEN_MAX);
            self.opened = self.opened.saturating_add(1);
            self.open_until = Some(now + pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_probes_and_closes() {
        let mut now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 1..OPENS_AFTER {
            breaker.ended(true, now);
            assert_eq!(breaker.open_until(now), None);
        }
        assert!(breaker.is_troubled());
        let mut pauses = Vec::new();
        for _ in 0..6 {
            breaker.ended(true, now);
            let until = breaker.open_until(now).unwrap();
            breaker.ended(true, now);
            assert_eq!(breaker.open_until(now), Some(until), "a straggler changes nothing");
            pauses.push((until - now).as_secs());
            now = until;
            assert!(breaker.open_until(now).is_none() && breaker.is_probing());
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
        breaker.ended(false, now);
        assert!(!breaker.is_probing() && !breaker.is_troubled());
    }
}

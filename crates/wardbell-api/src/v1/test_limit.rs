//! How often a webhook may be tested: a Test button must not become a scanner or a hammer (`spec/egress.md` 5.4).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use wardbell_core::id::EndpointId;
use wardbell_core::time::Timestamp;

use crate::error::ApiError;

/// How many tests of one webhook are accepted within [`WINDOW`] (`spec/egress.md` 5.4).
const TESTS_MAX: usize = 10;

/// The time over which tests are counted.
const WINDOW: Duration = Duration::from_mins(1);

/// The tests of the last minute, by webhook. It holds only webhooks that exist and were tested within the minute.
#[derive(Default)]
pub(crate) struct TestLimit(Mutex<BTreeMap<EndpointId, VecDeque<Timestamp>>>);

impl TestLimit {
    /// Counts a test, or refuses it.
    pub(super) fn take(&self, id: EndpointId, now: Timestamp) -> Result<(), ApiError> {
        let mut tests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not lock anybody out: what lies ahead of it counts no more.
        let recent = |at: &Timestamp| *at <= now && now.since(*at) < WINDOW;
        tests.retain(|_, times| {
            times.retain(recent);
            !times.is_empty()
        });
        let times = tests.entry(id).or_default();
        if times.len() >= TESTS_MAX {
            let wait = times.front().map_or(WINDOW, |oldest| oldest.after(WINDOW).since(now));
            return Err(ApiError::TooManyTests { retry_after_seconds: wait.as_secs() + 1 });
        }
        times.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_test_in_a_minute_waits_and_other_webhooks_do_not() {
        let limit = TestLimit::default();
        let [one, other] = [1, 2].map(|byte| EndpointId::mint(Timestamp::from_millis(0), [byte; 10]));
        for second in 0..10 {
            limit.take(one, Timestamp::from_millis(second * 1000)).unwrap();
        }
        let refused = limit.take(one, Timestamp::from_millis(30_000));
        assert!(matches!(refused, Err(ApiError::TooManyTests { retry_after_seconds: 31 })), "{refused:?}");
        limit.take(other, Timestamp::from_millis(30_000)).unwrap();
        limit.take(one, Timestamp::from_millis(60_000)).unwrap();
        assert!(limit.take(one, Timestamp::from_millis(60_000)).is_err());
    }
}

//! Money held for one request: it settles exactly once, on every path.

#[cfg(loom)]
use loom::sync::Arc;
#[cfg(not(loom))]
use std::sync::Arc;

use crate::budget::purse::Purse;
use crate::money::Usd;

/// The most that a request may cost, in its two parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpperBound {
    /// For what is sent.
    pub input: Usd,
    /// For what is answered.
    pub output: Usd,
}

impl UpperBound {
    /// Both together.
    pub const fn total(self) -> Usd {
        self.input.plus(self.output)
    }
}

/// Money held in every scope of a request. [`settle`](Self::settle) and [`release`](Self::release) take it by value, so
/// that it can't be ended twice; one that is dropped is charged what is certain: the input's upper bound and the answer as
/// far as it was seen, so that a caller who hangs up does not dodge the bill.
#[must_use = "a reservation is settled or released; dropped, it is charged"]
#[derive(Debug)]
pub struct Reservation {
    purses: Vec<Arc<Purse>>,
    bound: UpperBound,
    seen: Usd,
}

/// How a reservation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// What was charged.
    pub charged: Usd,
    /// What of it lay beyond the upper bound; not zero only if the bound was wrong.
    pub beyond_bound: Usd,
}

impl Reservation {
    /// Money that was taken already, the bound's total from every purse.
    pub fn of_taken(purses: Vec<Arc<Purse>>, bound: UpperBound) -> Self {
        Self { purses, bound, seen: Usd::ZERO }
    }

    /// The most that the request may cost.
    pub const fn bound(&self) -> UpperBound {
        self.bound
    }

    /// Notes what the answer costs as far as it was seen: the sum so far, which only grows.
    pub fn seen(&mut self, output: Usd) {
        self.seen = self.seen.max(output);
    }

    /// What is charged if nothing else is learnt: the input's bound and the answer as far as it was seen, within the whole.
    pub fn certain(&self) -> Usd {
        self.bound.input.plus(self.seen).min(self.bound.total())
    }

    /// Charges what the request did cost and frees the rest.
    pub fn settle(mut self, actual: Usd) -> Settled {
        self.end(actual)
    }

    /// Charges nothing: the request was not sent, or the upstream failed before the first byte.
    pub fn release(mut self) {
        self.end(Usd::ZERO);
    }

    fn end(&mut self, actual: Usd) -> Settled {
        let actual = actual.max(Usd::ZERO);
        for purse in self.purses.drain(..) {
            purse.settle(self.bound.total(), actual);
        }
        Settled { charged: actual, beyond_bound: actual.minus(self.bound.total()).max(Usd::ZERO) }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // Settling has taken the purses away.
        self.end(self.certain());
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const fn usd(nanos: i64) -> Usd {
        Usd::from_nanos(nanos)
    }

    fn reserved(purse: &Arc<Purse>) -> Reservation {
        purse.lend(usd(100), Usd::ZERO);
        assert!(purse.take(usd(100)));
        Reservation::of_taken(vec![Arc::clone(purse)], UpperBound { input: usd(30), output: usd(70) })
    }

    #[test]
    fn every_end_settles_once() {
        let cases: [(fn(Reservation), i64); 6] = [
            (|held| assert_eq!(held.settle(usd(40)).beyond_bound, Usd::ZERO), 40),
            (Reservation::release, 0),
            (drop, 30),
            (
                |mut held| {
                    held.seen(usd(25));
                    held.seen(usd(20));
                },
                55,
            ),
            (|mut held| held.seen(usd(500)), 100),
            (|held| assert_eq!(held.settle(usd(-5)).charged, Usd::ZERO), 0),
        ];
        for (end, charged) in cases {
            let purse = Arc::new(Purse::default());
            end(reserved(&purse));
            assert_eq!((purse.spent(), purse.held(), purse.free()), (usd(charged), Usd::ZERO, usd(100 - charged)));
        }
    }

    #[test]
    fn what_a_request_costs_beyond_its_bound_is_charged_and_told() {
        let purse = Arc::new(Purse::default());
        let settled = reserved(&purse).settle(usd(130));
        assert_eq!(settled, Settled { charged: usd(130), beyond_bound: usd(30) });
        assert_eq!((purse.spent(), purse.free()), (usd(130), usd(-30)));
        assert!(!purse.take(usd(1)), "a purse in debt gives nothing");
    }
}

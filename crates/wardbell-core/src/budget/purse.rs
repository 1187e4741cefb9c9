//! A slice of a budget that this node has borrowed, and what became of it.
//!
//! **Theory of operation.** Three counters, each moved by one atomic step: what is `free`, what is `held` for requests,
//! what is `spent` and not told to the store yet. Money leaves one before it enters the next, so a reader between two
//! steps sees too little, never too much: two requests can't take the same money, and the store is never told of more
//! than was lent, unless a request cost more than its upper bound.
//!
//! **Proof.** `tests/loom_budget.rs` runs every interleaving: `RUSTFLAGS="--cfg loom" cargo test -p wardbell-core --test
//! loom_budget --release`.

#[cfg(loom)]
use loom::sync::Arc;
#[cfg(loom)]
use loom::sync::atomic::{AtomicI64, Ordering};
#[cfg(not(loom))]
use std::sync::Arc;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicI64, Ordering};

use crate::money::Usd;

/// A borrowed slice. Amounts are nano-dollars.
#[derive(Debug, Default)]
pub struct Purse {
    free: AtomicI64,
    held: AtomicI64,
    spent: AtomicI64,
}

impl Purse {
    /// Takes an amount, or nothing; whether it was there. Amounts are not negative.
    pub fn take(&self, amount: Usd) -> bool {
        if amount == Usd::ZERO {
            return true;
        }
        let taken = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| {
            free.checked_sub(amount.as_nanos()).filter(|left| *left >= 0)
        });
        if taken.is_ok() {
            self.held.fetch_add(amount.as_nanos(), Ordering::AcqRel);
        }
        taken.is_ok()
    }

    /// Takes what there is, up to an amount.
    pub fn take_up_to(&self, amount: Usd) -> Usd {
        let mut taken = 0;
        let _ = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| {
            taken = free.clamp(0, amount.as_nanos());
            Some(free - taken)
        });
        self.held.fetch_add(taken, Ordering::AcqRel);
        Usd::from_nanos(taken)
    }

    /// Puts what was taken back.
    pub fn put_back(&self, amount: Usd) {
        self.held.fetch_sub(amount.as_nanos(), Ordering::AcqRel);
        self.free.fetch_add(amount.as_nanos(), Ordering::AcqRel);
    }

    /// Adds what the store has lent: `held` of it for a request at once, the rest free.
    pub fn lend(&self, amount: Usd, held: Usd) {
        self.held.fetch_add(held.as_nanos(), Ordering::AcqRel);
        self.free.fetch_add(amount.minus(held).as_nanos(), Ordering::AcqRel);
    }

    /// Ends a request that held an amount. What it cost beyond that makes the purse poorer: no more is taken until the
    /// store has lent that too.
    pub fn settle(&self, held: Usd, actual: Usd) {
        self.spent.fetch_add(actual.as_nanos(), Ordering::AcqRel);
        self.held.fetch_sub(held.as_nanos(), Ordering::AcqRel);
        self.free.fetch_add(held.minus(actual).as_nanos(), Ordering::AcqRel);
    }

    /// Takes out what was spent since the last time, to be told to the store.
    pub fn take_spent(&self) -> Usd {
        Usd::from_nanos(self.spent.swap(0, Ordering::AcqRel))
    }

    /// Puts back what could not be told.
    pub fn untold(&self, spent: Usd) {
        self.spent.fetch_add(spent.as_nanos(), Ordering::AcqRel);
    }

    /// Takes out all that is free, to be given back to the store. A debt is taken out as a negative amount once nothing is
    /// held: then the store has counted it as spent.
    pub fn take_free(&self) -> Usd {
        let mut taken = 0;
        let may_owe = self.held.load(Ordering::Acquire) == 0;
        let _ = self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| {
            taken = if may_owe { free } else { free.max(0) };
            Some(free - taken)
        });
        Usd::from_nanos(taken)
    }

    /// What is free now; negative after a request that cost more than its bound.
    pub fn free(&self) -> Usd {
        Usd::from_nanos(self.free.load(Ordering::Acquire))
    }

    /// What is held for requests now.
    pub fn held(&self) -> Usd {
        Usd::from_nanos(self.held.load(Ordering::Acquire))
    }

    /// What is spent and not told yet.
    pub fn spent(&self) -> Usd {
        Usd::from_nanos(self.spent.load(Ordering::Acquire))
    }
}

/// Takes the same amount from every purse, or from none. May refuse while another request that will be refused holds part
/// of it for a moment; whoever is refused asks again where requests take turns.
pub fn take_all(purses: &[Arc<Purse>], amount: Usd) -> bool {
    for (count, purse) in purses.iter().enumerate() {
        if !purse.take(amount) {
            for taken in purses.iter().take(count) {
                taken.put_back(amount);
            }
            return false;
        }
    }
    true
}

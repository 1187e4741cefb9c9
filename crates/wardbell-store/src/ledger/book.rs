//! What this node knows of one scope's budget.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wardbell_core::budget::purse::Purse;
use wardbell_core::budget::{Account, Shortfall};
use wardbell_core::money::Usd;
use wardbell_core::time::Timestamp;

use super::{IDLE_AFTER, REFUSAL_REST};
use crate::budget::{Budget, Loan, Spender};

/// A slice of one scope's budget, of one period and one revision of its terms.
pub(super) struct Book {
    pub(super) account: Account,
    pub(super) purse: Arc<Purse>,
    pub(super) period: Timestamp,
    revision: u64,
    ends_at: Option<Timestamp>,
    /// So little is left that idle money goes back at once.
    is_tight: AtomicBool,
    used_at: AtomicI64,
    renewed_at: AtomicI64,
    last: Mutex<Option<Arc<Spender>>>,
    refusal: Mutex<Option<(Timestamp, Shortfall)>>,
}

impl Book {
    pub(super) fn new(account: Account, budget: &Budget, now: Timestamp) -> Self {
        let Budget { terms, revision } = budget;
        Self {
            account,
            purse: Arc::default(),
            period: terms.period.began(now),
            revision: *revision,
            ends_at: terms.period.ends(now),
            is_tight: AtomicBool::new(false),
            used_at: AtomicI64::new(now.as_millis()),
            renewed_at: AtomicI64::new(now.as_millis()),
            last: Mutex::new(None),
            refusal: Mutex::new(None),
        }
    }

    /// Whether it is of these terms and its period goes on.
    pub(super) fn is_current(&self, revision: u64, now: Timestamp) -> bool {
        self.revision == revision && now >= self.period && self.ends_at.is_none_or(|ends_at| now < ends_at)
    }

    /// Whether the store was told of it within a time.
    pub(super) fn is_renewed(&self, within: Duration, now: Timestamp) -> bool {
        now.since(Timestamp::from_millis(self.renewed_at.load(Ordering::Acquire))) < within
    }

    pub(super) fn renewed(&self, now: Timestamp) {
        self.renewed_at.fetch_max(now.as_millis(), Ordering::AcqRel);
    }

    /// Notes who spends from it.
    pub(super) fn used(&self, spender: &Arc<Spender>, now: Timestamp) {
        self.used_at.fetch_max(now.as_millis(), Ordering::AcqRel);
        // Whoever it is that a threshold names, it is one of the last: nobody waits for that.
        if let Ok(mut last) = self.last.try_lock() {
            *last = Some(Arc::clone(spender));
        }
    }

    pub(super) fn last(&self) -> Option<Arc<Spender>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether what is free in it should go back.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        let idle = now.since(Timestamp::from_millis(self.used_at.load(Ordering::Acquire)));
        self.is_tight.load(Ordering::Acquire) || idle >= IDLE_AFTER
    }

    /// Takes in what was lent, so much of it for a request at once.
    pub(super) fn lend(&self, loan: Loan, held: Usd, now: Timestamp) {
        self.purse.lend(loan.amount, held);
        self.is_tight.store(loan.is_tight, Ordering::Release);
        self.renewed(now);
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Notes a refusal, which stands for a while.
    pub(super) fn refused(&self, short: &Shortfall, now: Timestamp) {
        self.is_tight.store(true, Ordering::Release);
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, short.clone()));
    }

    /// The refusal that stands, if it refuses a request that lacks so much.
    pub(super) fn refusal(&self, lacks: Usd, now: Timestamp) -> Option<Shortfall> {
        let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, short) = refusal.as_ref()?;
        let stands = now >= *at && now.since(*at) < REFUSAL_REST;
        (stands && lacks > short.room()).then(|| short.clone())
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        let purse = &self.purse;
        [purse.held(), purse.spent(), purse.free()].iter().all(|amount| *amount == Usd::ZERO)
    }
}

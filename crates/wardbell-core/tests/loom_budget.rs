//! Every interleaving of reserving, settling, dropping, borrowing and giving back:
//! `RUSTFLAGS="--cfg loom" cargo test -p wardbell-core --test loom_budget --release`.
//!
//! Without `--cfg loom` there is nothing here.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use wardbell_core::budget::purse::{Purse, take_all};
use wardbell_core::budget::reservation::{Reservation, UpperBound};
use wardbell_core::money::Usd;

const fn usd(nanos: i64) -> Usd {
    Usd::from_nanos(nanos)
}

fn purse(nanos: i64) -> Arc<Purse> {
    let purse = Arc::new(Purse::default());
    purse.lend(usd(nanos), Usd::ZERO);
    purse
}

const BOUND: UpperBound = UpperBound { input: usd(2), output: usd(4) };

/// Reserves [`BOUND`] of both purses and settles at `actual`; what was billed.
fn call(purses: [Arc<Purse>; 2], actual: Option<i64>) -> i64 {
    if !take_all(&purses, BOUND.total()) {
        return 0;
    }
    let held = Reservation::of_taken(purses.to_vec(), BOUND);
    match actual {
        Some(actual) => held.settle(usd(actual)).charged.as_nanos(),
        None => {
            let certain = held.certain().as_nanos();
            drop(held);
            certain
        }
    }
}

#[test]
fn two_requests_never_spend_more_than_was_lent_in_either_scope() {
    loom::model(|| {
        // The first scope has room for one, the second for both.
        let (narrow, wide) = (purse(9), purse(12));
        let other = [Arc::clone(&narrow), Arc::clone(&wide)];
        let caller = thread::spawn(move || call(other, Some(5)));
        let billed = call([Arc::clone(&wide), Arc::clone(&narrow)], None) + caller.join().unwrap();
        assert!(billed <= 9, "{billed}");
        for (purse, lent) in [(narrow, 9), (wide, 12)] {
            assert_eq!((purse.held(), purse.spent()), (Usd::ZERO, usd(billed)));
            assert_eq!(purse.free(), usd(lent - billed), "nothing leaks");
        }
    });
}

#[test]
fn nothing_is_lost_or_doubled_while_the_store_is_told() {
    loom::model(|| {
        let purse = purse(9);
        let (caller, lender) = (Arc::clone(&purse), Arc::clone(&purse));
        let calling = thread::spawn(move || {
            if !caller.take(BOUND.total()) {
                return 0;
            }
            Reservation::of_taken(vec![caller], BOUND).settle(usd(5)).charged.as_nanos()
        });
        // What the task that tells the store does: spent first, then what is free, and a commit that fails.
        let telling = thread::spawn(move || {
            let spent = lender.take_spent();
            let free = lender.take_free();
            lender.untold(spent);
            free
        });
        let (billed, given_back) = (calling.join().unwrap(), telling.join().unwrap());
        assert!(given_back >= Usd::ZERO);
        assert_eq!((purse.spent(), purse.held()), (usd(billed), Usd::ZERO));
        assert_eq!(purse.free().plus(purse.spent()).plus(given_back), usd(9));
    });
}

#[test]
fn money_that_is_gathered_from_two_sides_is_taken_once() {
    loom::model(|| {
        let purse = purse(4);
        let other = Arc::clone(&purse);
        let quick = thread::spawn(move || other.take(usd(3)));
        // What the slow path does: takes what there is and borrows the rest.
        let part = purse.take_up_to(usd(6));
        let missing = usd(6).minus(part);
        purse.lend(missing.plus(usd(1)), missing);
        let quick = i64::from(quick.join().unwrap()) * 3;
        assert_eq!(purse.held(), usd(6 + quick));
        assert_eq!(purse.free(), usd(4 + 1 + missing.as_nanos() - 6 - quick));
    });
}

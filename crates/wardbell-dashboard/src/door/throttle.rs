//! How often one may try to come in.
//!
//! **Theory of operation.** Each address has five tries, and gets one back every twelve seconds. An IPv6 host has a whole
//! network of addresses, so the first 64 bits count. All addresses together have a hundred tries, and get one back every
//! second, so that many addresses gain little.
//!
//! **Bounds.** [`ADDRESSES_MAX`] addresses are remembered; when they are full, those that have all tries back are forgotten,
//! and if none has, every newcomer is one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use wardbell_core::time::Timestamp;

/// Tries of one address. Source: our choice; five in a minute is OWASP's example
/// (<https://cheatsheetseries.owasp.org/cheatsheets/Authentication_Cheat_Sheet.html>, read 2026-11-25).
const TRIES: f64 = 5.0;
const TRY_EVERY: Duration = Duration::from_secs(12);
/// Tries of all.
const TRIES_OF_ALL: f64 = 100.0;
const TRY_OF_ALL_EVERY: Duration = Duration::from_secs(1);
/// How many addresses are remembered.
const ADDRESSES_MAX: usize = 10_000;

/// Tries left, and when that was so.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Timestamp,
}

impl Bucket {
    fn now(self, most: f64, every: Duration, now: Timestamp) -> Self {
        let back = now.since(self.at).as_secs_f64() / every.as_secs_f64();
        Self { left: (self.left + back).min(most), at: now }
    }
}

#[derive(Debug, Default)]
struct Tries {
    each: HashMap<Option<IpAddr>, Bucket>,
    all: Option<Bucket>,
}

/// Counts tries.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<Tries>);

impl Throttle {
    /// Takes a try, or tells how long to wait for one.
    pub(crate) fn take(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), Duration> {
        let Ok(mut tries) = self.0.lock() else { return Err(TRY_EVERY) };
        let mut from = from.map(network);
        if tries.each.len() >= ADDRESSES_MAX && !tries.each.contains_key(&from) {
            tries.each.retain(|_, bucket| bucket.now(TRIES, TRY_EVERY, now).left < TRIES);
            if tries.each.len() >= ADDRESSES_MAX {
                from = None;
            }
        }
        let full = |left| Bucket { left, at: now };
        let mut all = tries.all.unwrap_or(full(TRIES_OF_ALL)).now(TRIES_OF_ALL, TRY_OF_ALL_EVERY, now);
        let mut one = tries.each.get(&from).copied().unwrap_or(full(TRIES)).now(TRIES, TRY_EVERY, now);
        for (bucket, every) in [(&one, TRY_EVERY), (&all, TRY_OF_ALL_EVERY)] {
            if bucket.left < 1.0 {
                return Err(every.mul_f64(1.0 - bucket.left));
            }
        }
        one.left -= 1.0;
        all.left -= 1.0;
        tries.all = Some(all);
        tries.each.insert(from, one);
        Ok(())
    }

    /// Forgets the tries of an address that came in.
    pub(crate) fn forget(&self, from: Option<IpAddr>) {
        if let Ok(mut tries) = self.0.lock() {
            tries.each.remove(&from.map(network));
        }
    }
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or_else(
            || {
                let [a, b, c, d, ..] = six.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            },
            IpAddr::V4,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_764_000_000_000 + seconds * 1000)
    }

    #[test]
    fn five_tries_then_one_every_twelve_seconds() {
        let throttle = Throttle::default();
        let from = Some("10.0.0.1".parse().unwrap());
        for _ in 0..5 {
            throttle.take(from, at(0)).unwrap();
        }
        assert_eq!(throttle.take(from, at(0)), Err(Duration::from_secs(12)));
        assert!(throttle.take(Some("10.0.0.2".parse().unwrap()), at(0)).is_ok(), "others have their own");
        assert!(throttle.take(from, at(12)).is_ok());
        assert!(throttle.take(from, at(12)).is_err());
        throttle.forget(from);
        assert!(throttle.take(from, at(12)).is_ok());
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_all_together_have_a_bound() {
        let throttle = Throttle::default();
        for host in 0..5 {
            throttle.take(Some(format!("2001:db8::{host}").parse().unwrap()), at(0)).unwrap();
        }
        assert!(throttle.take(Some("2001:db8::ffff".parse().unwrap()), at(0)).is_err());
        let mut taken = 0;
        for host in 0..255 {
            taken += u32::from(throttle.take(Some(format!("10.0.1.{host}").parse().unwrap()), at(0)).is_ok());
        }
        assert_eq!(taken, 95);
    }
}

//! A map with room for so many and no more.
//!
//! **Theory of operation.** The clock algorithm: entries stand in a queue; what was used since it came to the front goes back
//! to the end once, what was not is forgotten. Each step takes constant time on average. At most [`CHANCES`] entries are
//! spared at once, so that no single call is slow.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

/// How many used entries are spared in one search for room. Source: our choice.
const CHANCES: usize = 8;
/// How many entries are looked at for their age in one call. Source: our choice: one more than one call can add.
const AGED_AT_ONCE: usize = 2;

#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    slots: HashMap<K, Slot<V>>,
    queue: VecDeque<Place<K>>,
    serial: u64,
    entries_max: usize,
}

/// A key with the serial number of its slot; one without such a slot is left over.
#[derive(Debug)]
struct Place<K> {
    key: K,
    serial: u64,
    /// When the entry was put in: it was not used before. Whether it may be old is told without a look at its slot.
    since: Duration,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    serial: u64,
    used: bool,
    used_at: Duration,
}

impl<K: Hash + Eq + Copy, V> Bounded<K, V> {
    /// A map with room for `entries_max`, at least one.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { slots: HashMap::new(), queue: VecDeque::new(), serial: 0, entries_max: entries_max.max(1) }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Finds an entry and marks it as used.
    pub(crate) fn get(&mut self, key: &K, now: Duration) -> Option<&mut V> {
        let slot = self.slots.get_mut(key)?;
        (slot.used, slot.used_at) = (true, now);
        Some(&mut slot.value)
    }

    /// Finds an entry and leaves it as it is.
    pub(crate) fn peek(&mut self, key: &K) -> Option<&mut V> {
        self.slots.get_mut(key).map(|slot| &mut slot.value)
    }

    /// Puts an entry in, in place of the one of that key, and makes room for it.
    pub(crate) fn insert(&mut self, key: K, value: V, now: Duration) {
        while self.slots.len() >= self.entries_max && !self.slots.contains_key(&key) {
            self.forget_one();
        }
        if self.queue.len() >= self.entries_max.saturating_mul(2) {
            let slots = &self.slots;
            self.queue.retain(|Place { key, serial, .. }| slots.get(key).is_some_and(|slot| slot.serial == *serial));
        }
        self.serial = self.serial.wrapping_add(1);
        self.slots.insert(key, Slot { value, serial: self.serial, used: false, used_at: now });
        self.queue.push_back(Place { key, serial: self.serial, since: now });
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.slots.remove(key).map(|slot| slot.value)
    }

    /// Forgets entries at the front of the queue that nobody used since `since`.
    pub(crate) fn forget_older(&mut self, since: Duration) {
        for _ in 0..AGED_AT_ONCE {
            let Some(Place { key, serial, .. }) = self.queue.pop_front_if(|place| place.since < since) else { return };
            match self.slots.get(&key).filter(|slot| slot.serial == serial).map(|slot| slot.used_at) {
                Some(used_at) if used_at < since => drop(self.slots.remove(&key)),
                // It is used; it is looked at again when that is long ago.
                Some(used_at) => return self.queue.push_front(Place { key, serial, since: used_at }),
                None => {}
            }
        }
    }

    fn forget_one(&mut self) {
        let mut spared = 0;
        while let Some(Place { key, serial, since }) = self.queue.pop_front() {
            let Some(slot) = self.slots.get_mut(&key).filter(|slot| slot.serial == serial) else { continue };
            if slot.used && spared < CHANCES {
                slot.used = false;
                spared += 1;
                self.queue.push_back(Place { key, serial, since });
                continue;
            }
            self.slots.remove(&key);
            return;
        }
        // No queue entry is left for the slots, which cannot be; then they go.
        self.slots.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn what_is_used_outlives_what_is_not() {
        let mut map = Bounded::new(100);
        map.insert(0, (), NOW);
        for key in 1..10_000 {
            map.insert(key, (), NOW);
            assert!(map.get(&0, NOW).is_some(), "after {key}");
            assert!(map.len() <= 100 && map.queue.len() <= 200);
        }
    }

    #[test]
    fn coming_and_going_leaves_nothing_behind() {
        let mut map = Bounded::new(10);
        for key in 0..1000 {
            map.insert(key % 3, key, NOW);
            assert_eq!(map.remove(&(key % 3)), Some(key));
            assert!(map.queue.len() <= 20);
        }
        assert_eq!(map.len(), 0);
    }

    #[test]
    fn old_entries_go_by_and_by() {
        let mut map = Bounded::new(100);
        for key in 0..50 {
            map.insert(key, (), Duration::from_secs(key));
        }
        map.get(&0, Duration::from_mins(5));
        for _ in 0..100 {
            map.forget_older(Duration::from_secs(40));
        }
        assert!(map.peek(&0).is_some(), "it was used");
        assert!(map.len() <= 50);
    }
}

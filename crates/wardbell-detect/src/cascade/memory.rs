//! What was judged before, under keyed hashes.
//!
//! Two generations: what is used moves to the young one, and when that is full the old one is forgotten. So the memory is
//! bounded, what is used stays, and nothing is searched for the oldest.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

/// The keyed hash of a text or a window: 128 bits of two keys that the process drew, so that no caller can make two that
/// collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(u64, u64);

/// A bounded memory.
#[derive(Debug)]
pub(super) struct Memory<V> {
    keys: [RandomState; 2],
    generations: Mutex<Generations<V>>,
    /// How many a generation holds.
    size: usize,
}

#[derive(Debug)]
struct Generations<V> {
    young: HashMap<Key, V>,
    old: HashMap<Key, V>,
}

impl<V: Clone> Memory<V> {
    /// A memory of at most `entries`.
    pub(super) fn new(entries: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new() };
        Self { keys: [RandomState::new(), RandomState::new()], generations: Mutex::new(generations), size: entries / 2 }
    }

    /// The key of a value.
    pub(super) fn key(&self, value: &impl Hash) -> Key {
        let [first, second] = &self.keys;
        Key(first.hash_one(value), second.hash_one(value))
    }

    /// What was put under a key, if it is remembered.
    pub(super) fn get(&self, key: &Key) -> Option<V> {
        // Nothing panics while it holds the lock.
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = generations.young.get(key) {
            return Some(value.clone());
        }
        let value = generations.old.remove(key)?;
        self.keep(&mut generations, *key, value.clone());
        Some(value)
    }

    /// Remembers a value.
    pub(super) fn put(&self, key: Key, value: V) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        self.keep(&mut generations, key, value);
    }

    fn keep(&self, generations: &mut Generations<V>, key: Key, value: V) {
        if generations.young.len() >= self.size {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let memory = Memory::new(8);
        let keys: Vec<Key> = (0..100).map(|at| memory.key(&at)).collect();
        memory.put(keys[0], 0);
        for (at, key) in keys.iter().enumerate().skip(1) {
            assert_eq!(memory.get(&keys[0]), Some(0), "before {at}");
            memory.put(*key, at);
        }
        assert_eq!(memory.get(&keys[1]), None);
        assert_eq!(memory.get(&keys[99]), Some(99));
        let generations = memory.generations.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= 8);
    }
}

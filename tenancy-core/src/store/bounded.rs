//! A map that never holds more than it was told to: second chance in order of arrival.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::Identifier;

/// Entries with an end, at most `capacity` of them at a time.
///
/// Reading marks an entry as used with a shared borrow; making room drops the oldest entry that
/// was not used since it was last looked at. So a lookup needs no exclusive lock, and entries in
/// use survive a flood of ones that are asked for once.
#[derive(Debug)]
pub(super) struct Bounded<V> {
    slots: HashMap<Identifier, Slot<V>>,
    /// The order of arrival. A turn whose number is not its slot's any more is void.
    turns: VecDeque<(Identifier, u64)>,
    next_turn: u64,
}

#[derive(Debug)]
struct Slot<V> {
    value: V,
    ends: Instant,
    turn: u64,
    used: AtomicBool,
}

impl<V> Bounded<V> {
    pub(super) fn new() -> Self {
        Self {
            slots: HashMap::new(),
            turns: VecDeque::new(),
            next_turn: 0,
        }
    }

    pub(super) fn get(&self, key: &Identifier, now: Instant) -> Option<&V> {
        let slot = self.slots.get(key)?;
        if now >= slot.ends && !crate::sabotaged!("tenant.cache-without-end") {
            return None;
        }
        slot.used.store(true, Ordering::Relaxed);
        Some(&slot.value)
    }

    pub(super) fn insert(&mut self, key: Identifier, value: V, ends: Instant, capacity: usize) {
        self.slots.remove(&key);
        while !self.slots.is_empty() && self.slots.len() >= capacity {
            self.drop_one();
        }
        if capacity == 0 {
            return;
        }
        let turn = self.next_turn;
        self.next_turn += 1;
        self.turns.push_back((key.clone(), turn));
        let used = AtomicBool::new(false);
        self.slots.insert(
            key,
            Slot {
                value,
                ends,
                turn,
                used,
            },
        );
        // Removed and replaced entries leave void turns behind; they may not pile up.
        if self.turns.len() > 2 * self.slots.len() + 16 {
            let slots = &self.slots;
            self.turns
                .retain(|(key, turn)| slots.get(key).is_some_and(|slot| slot.turn == *turn));
        }
    }

    pub(super) fn remove(&mut self, key: &Identifier) {
        self.slots.remove(key);
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&V) -> bool) {
        self.slots.retain(|_, slot| keep(&slot.value));
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.turns.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    fn drop_one(&mut self) {
        while let Some((key, turn)) = self.turns.pop_front() {
            let Some(slot) = self.slots.get_mut(&key).filter(|slot| slot.turn == turn) else {
                continue;
            };
            if std::mem::take(slot.used.get_mut()) {
                self.turns.push_back((key, turn));
                continue;
            }
            self.slots.remove(&key);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Slug;
    use std::time::Duration;

    fn key(number: usize) -> Identifier {
        Identifier::Slug(Slug::parse(&format!("t{number}")).unwrap())
    }

    #[test]
    fn never_holds_more_than_its_capacity_nor_piles_up_void_turns() {
        let now = Instant::now();
        let ends = now + Duration::from_secs(1);
        let mut map = Bounded::new();
        for number in 0..10_000 {
            map.insert(key(number % 300), number, ends, 100);
            if number % 7 == 0 {
                map.remove(&key(number % 300));
            }
            assert!(map.len() <= 100);
            assert!(map.turns.len() <= 2 * map.len() + 17);
        }
    }

    #[test]
    fn used_entries_survive_a_flood_of_unused_ones() {
        let now = Instant::now();
        let ends = now + Duration::from_secs(1);
        let mut map = Bounded::new();
        map.insert(key(0), 0, ends, 10);
        for number in 1..1_000 {
            assert!(map.get(&key(0), now).is_some(), "dropped at {number}");
            map.insert(key(number), number, ends, 10);
        }
    }

    #[test]
    fn an_entry_ends_at_its_end() {
        let now = Instant::now();
        let mut map = Bounded::new();
        map.insert(key(0), 0, now + Duration::from_secs(1), 10);
        assert!(map.get(&key(0), now).is_some());
        assert!(map.get(&key(0), now + Duration::from_secs(1)).is_none());
    }
}

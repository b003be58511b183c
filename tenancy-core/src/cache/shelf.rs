//! What one tenant has in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::{CacheTag, Fill, Filled, Invalidation, Mark, Place, Read, TAGS, TOMBSTONE};

/// One tenant's entries, the least recently used first, and its history.
#[derive(Debug)]
pub(super) struct Shelf {
    history: Uuid,
    /// How many invalidations there were, and which was the last of everything.
    count: u64,
    all: u64,
    tags: HashMap<CacheTag, u64>,
    /// Fills from before this one are lost: what went might have told that they are old.
    horizon: u64,
    slots: HashMap<Place, Slot>,
    turns: BTreeMap<u64, Place>,
    next_turn: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    /// The invalidation that left it, or the history's count before the entry was loaded.
    count: u64,
    /// Nothing for a tombstone.
    entry: Option<Kept>,
    ends: Instant,
    turn: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    bytes: Arc<[u8]>,
    tags: Box<[CacheTag]>,
}

/// What it takes to find an entry, as an estimate.
const ENTRY: usize = 256;
/// What a tenant takes that has no entries.
pub(super) const EMPTY: usize = 512;

impl Shelf {
    pub(super) fn new() -> Self {
        Self {
            history: Uuid::new_v4(),
            count: 0,
            all: 0,
            tags: HashMap::new(),
            horizon: 0,
            slots: HashMap::new(),
            turns: BTreeMap::new(),
            next_turn: 0,
            bytes: EMPTY,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many entries there are, tombstones among them.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &Place> {
        self.slots.keys()
    }

    pub(super) fn read(&mut self, place: &Place, now: Instant) -> Read {
        let mark = Mark {
            history: self.history,
            count: self.count,
        };
        if self.slots.get(place).is_some_and(|slot| now >= slot.ends) {
            self.remove(place);
        }
        let Some(slot) = self.slots.get_mut(place) else {
            return Read {
                entry: None,
                mark,
                floor: self.all,
            };
        };
        let turn = self.next_turn;
        self.next_turn += 1;
        if let Some(place) = self.turns.remove(&slot.turn) {
            self.turns.insert(turn, place);
        }
        slot.turn = turn;
        let tags = slot.entry.iter().flat_map(|kept| &kept.tags);
        let tagged = tags.filter_map(|tag| self.tags.get(tag)).max();
        Read {
            entry: slot.entry.as_ref().map(|kept| Arc::clone(&kept.bytes)),
            mark,
            floor: self.all.max(tagged.copied().unwrap_or(0)),
        }
    }

    pub(super) fn fill(&mut self, place: &Place, fill: Fill<'_>, now: Instant) -> Filled {
        let missed = |last: u64| last > fill.mark.count;
        let old = self.history != fill.mark.history
            || missed(self.all)
            || missed(self.horizon)
            || fill
                .tags
                .iter()
                .any(|tag| self.tags.get(tag).is_some_and(|last| missed(*last)))
            || self
                .slots
                .get(place)
                .is_some_and(|slot| now < slot.ends && missed(slot.count));
        if old {
            return Filled::Lost;
        }
        let kept = Kept {
            bytes: fill.entry.into(),
            tags: fill.tags.into(),
        };
        self.put(place, fill.mark.count, Some(kept), now + fill.ttl);
        Filled::Stored
    }

    pub(super) fn invalidate(&mut self, what: &Invalidation, now: Instant) {
        self.count += 1;
        match what {
            Invalidation::Key(place) => self.put(place, self.count, None, now + TOMBSTONE),
            Invalidation::Tag(tag) if self.tags.len() < TAGS || self.tags.contains_key(tag) => {
                self.bytes += match self.tags.insert(tag.clone(), self.count) {
                    None => tag.as_str().len() + 64,
                    Some(_) => 0,
                };
            }
            Invalidation::Tag(_) | Invalidation::All => {
                // What was invalidated before is, too.
                self.all = self.count;
                self.tags.clear();
                self.slots.clear();
                self.turns.clear();
                self.bytes = EMPTY;
            }
        }
    }

    /// Drops the entry that was not used for the longest time, but not the one at `except`.
    pub(super) fn drop_one(&mut self, except: Option<&Place>) -> bool {
        let oldest = self
            .turns
            .values()
            .find(|place| Some(*place) != except)
            .cloned();
        let Some(place) = oldest else {
            return false;
        };
        self.remove(&place);
        true
    }

    fn put(&mut self, place: &Place, count: u64, entry: Option<Kept>, ends: Instant) {
        self.unlink(place);
        let name = place.name().as_str().len();
        let tags = entry
            .iter()
            .flat_map(|kept| &kept.tags)
            .map(|tag| tag.as_str().len() + 16);
        let value = entry.as_ref().map_or(0, |kept| kept.bytes.len());
        let bytes = ENTRY + 2 * name + value + tags.sum::<usize>();
        self.bytes += bytes;
        let turn = self.next_turn;
        self.next_turn += 1;
        self.turns.insert(turn, place.clone());
        let slot = Slot {
            count,
            entry,
            ends,
            turn,
            bytes,
        };
        self.slots.insert(place.clone(), slot);
    }

    /// Takes a slot away, and with it what it knew of invalidations of its place.
    fn remove(&mut self, place: &Place) {
        if let Some(slot) = self.unlink(place) {
            self.horizon = self.horizon.max(slot.count);
        }
    }

    fn unlink(&mut self, place: &Place) -> Option<Slot> {
        let slot = self.slots.remove(place)?;
        self.turns.remove(&slot.turn);
        self.bytes -= slot.bytes;
        Some(slot)
    }
}

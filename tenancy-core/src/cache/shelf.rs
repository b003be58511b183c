//! What one tenant has in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::{CacheTag, Fill, Filled, Invalidation, Mark, Place, Read, TAGS};

/// One tenant's entries, the least recently used first, and its history.
#[derive(Debug)]
pub(super) struct Shelf {
    history: Uuid,
    /// How many invalidations there were, and which was the last of everything.
    count: u64,
    all: u64,
    tags: HashMap<CacheTag, u64>,
    /// The last invalidations of single places, and the one before which nobody knows.
    deleted: VecDeque<(u64, Place)>,
    horizon: u64,
    slots: HashMap<Place, Slot>,
    turns: BTreeMap<u64, Place>,
    next_turn: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    entry: Arc<[u8]>,
    tags: Box<[CacheTag]>,
    ends: Instant,
    turn: u64,
    bytes: usize,
}

/// What it takes to find an entry, as an estimate.
const ENTRY: usize = 256;
/// What a tenant takes that has no entries.
const EMPTY: usize = 512;
/// How many deleted places are known; a value is not kept when more were deleted while it loaded.
const DELETED: usize = 128;

impl Shelf {
    pub(super) fn new() -> Self {
        Self {
            history: Uuid::new_v4(),
            count: 0,
            all: 0,
            tags: HashMap::new(),
            deleted: VecDeque::new(),
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

    /// How many entries there are.
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
        let tagged = slot.tags.iter().filter_map(|tag| self.tags.get(tag)).max();
        Read {
            entry: Some(Arc::clone(&slot.entry)),
            mark,
            floor: self.all.max(tagged.copied().unwrap_or(0)),
        }
    }

    pub(super) fn fill(&mut self, place: &Place, fill: Fill<'_>, now: Instant) -> Filled {
        let missed = |last: u64| last > fill.mark.count;
        let tagged = |tag| self.tags.get(tag).is_some_and(|last| missed(*last));
        let mut deleted = self.deleted.iter();
        if self.history != fill.mark.history
            || missed(self.all)
            || missed(self.horizon)
            || fill.tags.iter().any(tagged)
            || deleted.any(|(last, of)| missed(*last) && of == place)
        {
            return Filled::Lost;
        }
        self.remove(place);
        let tags = fill.tags.iter().map(|tag| tag.as_str().len() + 16);
        let name = place.name().as_str().len();
        let slot = Slot {
            entry: fill.entry.into(),
            tags: fill.tags.into(),
            ends: now + fill.ttl,
            turn: self.next_turn,
            bytes: ENTRY + 2 * name + fill.entry.len() + tags.sum::<usize>(),
        };
        self.next_turn += 1;
        self.bytes += slot.bytes;
        self.turns.insert(slot.turn, place.clone());
        self.slots.insert(place.clone(), slot);
        Filled::Stored
    }

    pub(super) fn invalidate(&mut self, what: &Invalidation) {
        self.count += 1;
        match what {
            Invalidation::Key(place) => {
                self.remove(place);
                self.bytes += cost(place);
                self.deleted.push_back((self.count, place.clone()));
                if self.deleted.len() > DELETED
                    && let Some((last, oldest)) = self.deleted.pop_front()
                {
                    self.bytes -= cost(&oldest);
                    self.horizon = last;
                }
            }
            Invalidation::Tag(tag) if self.tags.len() < TAGS || self.tags.contains_key(tag) => {
                if self.tags.insert(tag.clone(), self.count).is_none() {
                    self.bytes += tag.as_str().len() + 64;
                }
            }
            Invalidation::Tag(_) | Invalidation::All => {
                // What was invalidated before is, too.
                self.all = self.count;
                self.tags.clear();
                self.deleted.clear();
                self.slots.clear();
                self.turns.clear();
                self.bytes = EMPTY;
            }
        }
    }

    /// Drops the entry that was not used for the longest time, but not the one at `except`.
    pub(super) fn drop_one(&mut self, except: Option<&Place>) -> bool {
        let mut oldest = self.turns.values();
        let oldest = oldest.find(|place| Some(*place) != except).cloned();
        oldest.is_some_and(|place| self.remove(&place))
    }

    fn remove(&mut self, place: &Place) -> bool {
        let Some(slot) = self.slots.remove(place) else {
            return false;
        };
        self.turns.remove(&slot.turn);
        self.bytes -= slot.bytes;
        true
    }
}

/// What a deleted place takes.
fn cost(place: &Place) -> usize {
    place.name().as_str().len() + 64
}

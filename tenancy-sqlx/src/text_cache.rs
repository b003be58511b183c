//! Rendered statements, so that a hot statement is neither joined nor allocated again.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tenancy_core::{SchemaName, TenantContext, TenantId};

use crate::statement::AnyStatement;

const SHARDS: usize = 16;

/// The texts of (tenant, statement) pairs, bounded and shared by all connections of a pool.
///
/// As many texts as one connection keeps prepared are marked so; the others are sent unnamed,
/// because naming more than a connection keeps makes it prepare and forget in turns.
#[derive(Debug)]
pub(crate) struct TextCache {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    capacity_per_shard: usize,
    slots: Arc<Slots>,
}

/// A statement as the server gets it.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    pub(crate) sql: Arc<str>,
    /// Whether a connection keeps it prepared under a name.
    pub(crate) named: bool,
}

/// Two generations approximate "least recently used" without a list: what was not asked for while
/// the young one filled up once is forgotten.
#[derive(Debug, Default)]
struct Shard {
    young: HashMap<Key, Entry>,
    old: HashMap<Key, Entry>,
}

type Key = (TenantId, u64);

#[derive(Debug)]
struct Entry {
    schema: SchemaName,
    sql: Arc<str>,
    slot: Option<Slot>,
}

#[derive(Debug)]
struct Slots {
    free: AtomicUsize,
}

/// One of the names that a connection has for statements; given back when the text is forgotten.
#[derive(Debug)]
struct Slot(Arc<Slots>);

impl TextCache {
    /// Keeps about `texts` texts, of which `prepared` may be named at any time.
    pub(crate) fn new(texts: usize, prepared: usize) -> Self {
        Self {
            shards: Default::default(),
            hasher: RandomState::new(),
            capacity_per_shard: texts.div_ceil(SHARDS).max(2),
            slots: Arc::new(Slots {
                free: AtomicUsize::new(prepared),
            }),
        }
    }

    /// The text of `statement` for the tenant of `context`.
    pub(crate) fn get(&self, context: &TenantContext, statement: &dyn AnyStatement) -> Text {
        let key = (context.id(), statement.id());
        let schema = context.schema();
        let index = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        // Every operation leaves the maps whole, so a panic elsewhere takes nothing away.
        let mut shard = self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);

        let entry = shard.young.remove(&key).or_else(|| shard.old.remove(&key));
        // A tenant keeps its id when its schema is renamed; its texts do not survive that.
        let mut entry = match entry.filter(|entry| entry.schema == *schema) {
            Some(entry) => entry,
            None => Entry {
                schema: schema.clone(),
                sql: statement.render(schema).into(),
                slot: None,
            },
        };
        if entry.slot.is_none() {
            entry.slot = Slot::take(&self.slots);
        }
        let text = Text {
            sql: Arc::clone(&entry.sql),
            named: entry.slot.is_some(),
        };
        shard.keep(key, entry, self.capacity_per_shard);
        text
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let count = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.young.len() + shard.old.len()
        };
        self.shards.iter().map(count).sum()
    }
}

impl Shard {
    fn keep(&mut self, key: Key, entry: Entry, capacity: usize) {
        if self.young.len() >= capacity.div_ceil(2) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}

impl Slot {
    fn take(slots: &Arc<Slots>) -> Option<Self> {
        slots
            .free
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
                free.checked_sub(1)
            })
            .ok()
            .map(|_| Self(Arc::clone(slots)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.free.fetch_add(1, Ordering::Relaxed);
    }
}

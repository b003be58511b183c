//! The documents of one index.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use tenancy_core::outbox::Fence;
use uuid::Uuid;

use super::field::Field;
use crate::operation::{Change, Operation, Words};

/// How many deleted documents' fences are remembered one by one.
const REMEMBERED: usize = 100_000;

/// What a document costs besides its words.
const DOCUMENT_BYTES: usize = 160;

/// What a deleted document costs.
const GONE_BYTES: usize = 96;

/// The documents of one index, found by their words.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) name: Field,
    pub(super) text: Field,
    pub(super) prefixes: Field,
    documents: Vec<Option<Document>>,
    free: Vec<u32>,
    by_id: BTreeMap<Uuid, u32>,
    gone: HashMap<Uuid, Fence>,
    gone_by_fence: BTreeSet<(Fence, Uuid)>,
    /// Whatever was read under a lower fence is older than something that nobody remembers.
    floor: Fence,
    bytes: usize,
}

#[derive(Debug)]
struct Document {
    id: Uuid,
    fence: Fence,
    fingerprint: u64,
    name: Vec<Arc<str>>,
    text: Vec<Arc<str>>,
    prefixes: Vec<Arc<str>>,
}

impl Store {
    /// An empty one, where writes below `floor` lose.
    pub(super) fn new(floor: Fence) -> Self {
        Self {
            name: Field::default(),
            text: Field::default(),
            prefixes: Field::default(),
            documents: Vec::new(),
            free: Vec::new(),
            by_id: BTreeMap::new(),
            gone: HashMap::new(),
            gone_by_fence: BTreeSet::new(),
            floor,
            bytes: 0,
        }
    }

    /// Does what `operation` says, unless something newer was done.
    pub(super) fn apply(&mut self, operation: &Operation) {
        let Operation { id, fence, change } = operation;
        let last = self.last(id).max(self.floor);
        if *fence < last && !tenancy_core::sabotaged!("search.fence-ignored") {
            return;
        }
        self.remove(id);
        match change {
            Change::Put(words) => self.insert(*id, *fence, words),
            Change::Delete => self.remember(*id, *fence),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The numbers of documents are below.
    pub(super) fn numbers(&self) -> usize {
        self.documents.len()
    }

    pub(super) fn id(&self, number: u32) -> Option<Uuid> {
        let document = self.documents.get(number as usize)?;
        document.as_ref().map(|document| document.id)
    }

    pub(super) fn ids(&self, after: Option<Uuid>, most: usize) -> Vec<Uuid> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = self.by_id.range((from, Bound::Unbounded));
        ids.take(most).map(|(id, _)| *id).collect()
    }

    pub(super) fn fingerprint(&self, id: &Uuid) -> Option<u64> {
        Some(self.document(id)?.fingerprint)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn document(&self, id: &Uuid) -> Option<&Document> {
        let number = self.by_id.get(id)?;
        self.documents.get(*number as usize)?.as_ref()
    }

    fn last(&self, id: &Uuid) -> Fence {
        let kept = self.document(id).map(|document| document.fence);
        let last = kept.or_else(|| self.gone.get(id).copied());
        last.unwrap_or(self.floor)
    }

    fn insert(&mut self, id: Uuid, fence: Fence, words: &Words) {
        let next = u32::try_from(self.documents.len()).expect("memory ends long before numbers");
        let number = self.free.pop().unwrap_or(next);
        let (name, of_name) = self.name.add(number, &words.name);
        let (text, of_text) = self.text.add(number, &words.text);
        let (prefixes, of_prefixes) = self.prefixes.add(number, &words.prefixes);
        let document = Some(Document {
            id,
            fence,
            fingerprint: words.fingerprint(),
            name,
            text,
            prefixes,
        });
        match self.documents.get_mut(number as usize) {
            Some(place) => *place = document,
            None => self.documents.push(document),
        }
        self.by_id.insert(id, number);
        self.bytes += of_name + of_text + of_prefixes + DOCUMENT_BYTES;
    }

    /// Forgets a document, and that it was deleted.
    fn remove(&mut self, id: &Uuid) {
        if let Some(fence) = self.gone.remove(id) {
            self.gone_by_fence.remove(&(fence, *id));
            self.bytes -= GONE_BYTES;
        }
        let Some(number) = self.by_id.remove(id) else {
            return;
        };
        let place = self.documents.get_mut(number as usize);
        let Some(document) = place.and_then(Option::take) else {
            return;
        };
        self.bytes -= self.name.remove(number, &document.name)
            + self.text.remove(number, &document.text)
            + self.prefixes.remove(number, &document.prefixes)
            + DOCUMENT_BYTES;
        self.free.push(number);
    }

    fn remember(&mut self, id: Uuid, fence: Fence) {
        self.gone.insert(id, fence);
        self.gone_by_fence.insert((fence, id));
        self.bytes += GONE_BYTES;
        // A tenant's leases follow each other, so whoever has a lower fence than the oldest that
        // is forgotten holds none any more: nothing of it is lost that nobody tells again.
        while self.gone.len() > REMEMBERED {
            let Some((fence, id)) = self.gone_by_fence.pop_first() else {
                break;
            };
            self.gone.remove(&id);
            self.bytes -= GONE_BYTES;
            self.floor = self.floor.max(fence);
        }
    }
}

impl Change {
    /// At most about how many bytes it takes to keep.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Put(words) => {
                let fields = [&words.name, &words.text, &words.prefixes];
                let words = fields.into_iter().flatten();
                words.map(|word| word.len() + 120).sum::<usize>() + DOCUMENT_BYTES
            }
            Self::Delete => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delete(number: usize, fence: u64) -> Operation {
        Operation {
            id: Uuid::from_u128(number as u128),
            fence: Fence::new(fence),
            change: Change::Delete,
        }
    }

    #[test]
    fn deletes_are_forgotten_in_their_order_and_what_is_older_still_loses() {
        let mut store = Store::new(Fence::new(0));
        for number in 0..REMEMBERED + 10 {
            store.apply(&delete(number, 5 + number as u64));
        }
        assert_eq!(store.gone.len(), REMEMBERED);
        let late = |fence| Operation {
            id: Uuid::from_u128(3),
            fence: Fence::new(fence),
            change: Change::Put(Words::of("lamp", "")),
        };
        store.apply(&late(7));
        assert_eq!(store.len(), 0, "its delete was forgotten");
        store.apply(&late(20));
        assert_eq!(store.len(), 1, "it was read later");
    }

    #[test]
    fn what_is_removed_costs_nothing() {
        let mut store = Store::new(Fence::new(0));
        for number in 0..100 {
            store.apply(&Operation {
                id: Uuid::from_u128(number),
                fence: Fence::new(1),
                change: Change::Put(Words::of(&format!("lamp {number} lamp"), "bright bright")),
            });
        }
        assert!(store.bytes() > 100 * DOCUMENT_BYTES);
        for number in 0..100 {
            store.apply(&delete(number, 1));
        }
        assert_eq!(store.bytes(), 100 * GONE_BYTES);
        assert_eq!(store.numbers(), store.free.len());
    }
}

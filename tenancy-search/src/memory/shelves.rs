//! All indexes of the process.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tenancy_core::outbox::Fence;
use tenancy_core::{Prefix, TenantId};

use super::store::Store;
use crate::engine::{Draft, Placement};
use crate::index::Index;
use crate::operation::Operation;

/// The indexes, by the name that is searched. Nobody who holds this lock waits for a shelf.
#[derive(Debug, Default)]
pub(super) struct Shelves {
    by_index: Mutex<HashMap<Index, Place>>,
    bytes: Arc<AtomicUsize>,
    clock: AtomicU64,
}

#[derive(Debug, Default)]
struct Place {
    live: Option<Arc<Shelf>>,
    drafts: BTreeMap<Fence, Arc<Shelf>>,
}

/// One index, searched or in draft.
#[derive(Debug)]
pub(super) struct Shelf {
    store: RwLock<Store>,
    /// Who built it; zero for one that began empty.
    fence: Fence,
    placement: Placement,
    searched: AtomicU64,
    bytes: AtomicUsize,
    all_bytes: Arc<AtomicUsize>,
}

impl Shelves {
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    pub(super) fn live(&self, index: &Index) -> Option<Arc<Shelf>> {
        self.lock().get(index)?.live.clone()
    }

    pub(super) fn is_live(&self, index: &Index, shelf: &Arc<Shelf>) -> bool {
        let live = self.live(index);
        live.is_some_and(|live| Arc::ptr_eq(&live, shelf))
    }

    pub(super) fn searched(&self, shelf: &Shelf) {
        shelf.searched.store(self.tick(), Ordering::Relaxed);
    }

    pub(super) fn provision(&self, index: &Index, placement: Placement) {
        let shelf = self.shelf(placement, Fence::new(0));
        let mut all = self.lock();
        let place = all.entry(index.clone()).or_default();
        place.live.get_or_insert(shelf);
    }

    pub(super) fn draft(&self, index: &Index, placement: Placement, fence: Fence) {
        let shelf = self.shelf(placement, fence);
        let mut all = self.lock();
        let place = all.entry(index.clone()).or_default();
        place.drafts = place.drafts.split_off(&fence);
        place.drafts.insert(fence, shelf);
    }

    pub(super) fn drafted(&self, draft: &Draft) -> Option<Arc<Shelf>> {
        self.lock()
            .get(draft.index())?
            .drafts
            .get(&draft.fence())
            .cloned()
    }

    /// Whether the draft was there and is searched now.
    pub(super) fn publish(&self, draft: &Draft) -> bool {
        let mut all = self.lock();
        let Some(place) = all.get_mut(draft.index()) else {
            return false;
        };
        let Some(shelf) = place.drafts.remove(&draft.fence()) else {
            return false;
        };
        if place
            .live
            .as_ref()
            .is_some_and(|live| live.fence > shelf.fence)
        {
            return false;
        }
        shelf.searched.store(self.tick(), Ordering::Relaxed);
        place.drafts = place.drafts.split_off(&shelf.fence);
        place.live = Some(shelf);
        true
    }

    /// Removes drafts that do not know what was read under `fence`.
    pub(super) fn overtake(&self, index: &Index, fence: Fence) {
        if let Some(place) = self.lock().get_mut(index) {
            place.drafts = place.drafts.split_off(&fence);
        }
    }

    pub(super) fn discard(&self, draft: &Draft) {
        let mut all = self.lock();
        if let Some(place) = all.get_mut(draft.index()) {
            place.drafts.remove(&draft.fence());
            if place.is_empty() {
                all.remove(draft.index());
            }
        }
    }

    pub(super) fn purge(&self, prefix: &Prefix, tenant: TenantId) {
        self.lock().retain(|index, _| !is_of(index, prefix, tenant));
    }

    pub(super) fn residue(&self, prefix: &Prefix, tenant: TenantId) -> Vec<String> {
        let all = self.lock();
        let own = all.iter().filter(|(index, _)| is_of(index, prefix, tenant));
        let mut residue: Vec<String> = own
            .flat_map(|(index, place)| {
                let live = place.live.iter().map(|shelf| {
                    format!(
                        "index {} in memory ({})",
                        index.name(),
                        shelf.placement.as_str()
                    )
                });
                let drafts = place.drafts.keys();
                let drafts = drafts.map(|fence| format!("draft {fence} of index {}", index.name()));
                live.chain(drafts).collect::<Vec<_>>()
            })
            .collect();
        residue.sort();
        residue
    }

    /// Whether there is room for `bytes` more within `budget`; what was not searched for the
    /// longest time has to go for it, but not what `keeper` is.
    pub(super) fn make_room(&self, bytes: usize, budget: usize, keeper: &Arc<Shelf>) -> bool {
        while self.bytes() + bytes > budget {
            let mut all = self.lock();
            let oldest = all
                .iter()
                .filter_map(|(index, place)| Some((index, place.live.as_ref()?)))
                .filter(|(_, shelf)| !Arc::ptr_eq(shelf, keeper) && shelf.has_bytes())
                .min_by_key(|(_, shelf)| shelf.searched.load(Ordering::Relaxed))
                .map(|(index, _)| index.clone());
            let Some(oldest) = oldest else {
                return false;
            };
            if let Some(place) = all.get_mut(&oldest) {
                place.live = None;
                if place.is_empty() {
                    all.remove(&oldest);
                }
            }
        }
        true
    }

    fn shelf(&self, placement: Placement, fence: Fence) -> Arc<Shelf> {
        Arc::new(Shelf {
            store: RwLock::new(Store::new(fence)),
            fence,
            placement,
            searched: AtomicU64::new(self.tick()),
            bytes: AtomicUsize::new(0),
            all_bytes: Arc::clone(&self.bytes),
        })
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Index, Place>> {
        self.by_index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn is_empty(&self) -> bool {
        self.live.is_none() && self.drafts.is_empty()
    }
}

impl Shelf {
    pub(super) fn read<T>(&self, read: impl FnOnce(&Store) -> T) -> T {
        read(&self.store.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change(&self, operation: &Operation) {
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        store.apply(operation);
        let now = store.bytes();
        let before = self.bytes.swap(now, Ordering::AcqRel);
        self.all_bytes
            .fetch_add(now.wrapping_sub(before), Ordering::AcqRel);
    }

    fn has_bytes(&self) -> bool {
        self.bytes.load(Ordering::Acquire) > 0
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let bytes = self.bytes.load(Ordering::Acquire);
        self.all_bytes.fetch_sub(bytes, Ordering::AcqRel);
    }
}

fn is_of(index: &Index, prefix: &Prefix, tenant: TenantId) -> bool {
    index.tenant() == tenant && index.prefix() == prefix
}

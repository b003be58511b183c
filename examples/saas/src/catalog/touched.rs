//! What a change makes old in the cache: that, and nothing else.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{join, join_all};
use tenancy_core::TenantCache;
use tenancy_core::cache::{CacheKey, CacheTag, Namespace};
use uuid::Uuid;

const PRODUCTS: Namespace = Namespace::new("products");
const CATEGORIES: Namespace = Namespace::new("categories");

/// For how long the server may still carry out a commit whose answer was lost: then it has given
/// up the transaction, because nothing came for a minute.
const UNKNOWN: Duration = Duration::from_secs(65);

/// What one product is remembered as.
pub(super) fn product(id: Uuid) -> CacheKey {
    PRODUCTS.key(format!("one/{id}"))
}

/// What one page of products is remembered as.
pub(super) fn products(selection: &str) -> CacheKey {
    PRODUCTS.key(selection)
}

/// What lists of products have in common: those of one category, or those of all.
pub(super) fn products_of(category: Option<Uuid>) -> CacheTag {
    PRODUCTS.tag(category.map(|id| id.to_string()).unwrap_or_default())
}

/// What one category is remembered as.
pub(super) fn category(id: Uuid) -> CacheKey {
    CATEGORIES.key(format!("one/{id}"))
}

/// What one page of categories is remembered as.
pub(super) fn categories(limit: u8, cursor: &str) -> CacheKey {
    CATEGORIES.key(format!("list/{limit}/{cursor}"))
}

/// What all lists of categories have in common.
pub(super) fn all_categories() -> CacheTag {
    CATEGORIES.tag("lists")
}

/// Notes what a transaction changes while it does; a clone is another handle to the same notes.
#[derive(Debug, Clone, Default)]
pub(super) struct Touched(Arc<Mutex<Notes>>);

#[derive(Debug, Clone, Default)]
struct Notes {
    keys: BTreeSet<CacheKey>,
    tags: BTreeSet<CacheTag>,
}

impl Touched {
    /// A product in `category` is another, or was there and is gone.
    pub(super) fn product(&self, id: Uuid, category: Option<Uuid>) {
        self.note(|notes| {
            notes.keys.insert(product(id));
            notes.tags.insert(products_of(None));
            notes.tags.extend(category.map(|id| products_of(Some(id))));
        });
    }

    /// Categories have more or fewer products, other names, or are gone.
    pub(super) fn categories(&self, ids: impl IntoIterator<Item = Uuid>) {
        self.note(|notes| {
            for id in ids {
                notes.keys.insert(category(id));
                notes.tags.insert(all_categories());
            }
        });
    }

    /// Makes `cache` forget all of it; call it when the transaction has ended.
    pub(super) async fn forget(&self, cache: &TenantCache) {
        if tenancy_core::sabotaged!("catalog.change-not-invalidated") {
            return;
        }
        let notes = self.note(|notes| notes.clone());
        // At the same time: a cache that is slow to answer costs a write its time once.
        let keys = notes.keys.iter().map(|key| cache.delete(key));
        let tags = notes.tags.iter().map(|tag| cache.invalidate_tag(tag));
        join(join_all(keys), join_all(tags)).await;
    }

    /// Makes `cache` forget it now, and again when it is certain that the commit, whose answer was
    /// lost, will not be carried out any more.
    pub(super) async fn forget_unknown(&self, cache: &TenantCache) {
        let nothing = self.note(|notes| notes.keys.is_empty());
        if nothing || tenancy_core::sabotaged!("catalog.unknown-commit-kept") {
            return;
        }
        self.forget(cache).await;
        let (touched, cache) = (self.clone(), cache.clone());
        tokio::spawn(async move {
            tokio::time::sleep(UNKNOWN).await;
            touched.forget(&cache).await;
        });
    }

    fn note<T>(&self, note: impl FnOnce(&mut Notes) -> T) -> T {
        // A set is whole whatever panicked while it was changed.
        note(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

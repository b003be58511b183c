//! Invalidations that a back end has not confirmed yet.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{CacheScope, Invalidation, LONGEST};

/// What is owed to each tenant; bounded, for a long outage is when it fills.
#[derive(Debug, Default)]
pub(super) struct Owed {
    any: AtomicBool,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    debts: HashMap<CacheScope, Debt>,
    everyone: Option<Everyone>,
    next: u64,
}

/// What one tenant is owed, and which version of that it is.
#[derive(Debug, Clone)]
pub(super) struct Debt {
    pub(super) what: Vec<Invalidation>,
    version: u64,
}

/// There were too many tenants to remember: each is owed everything until it was paid once.
#[derive(Debug)]
struct Everyone {
    version: u64,
    paid: HashSet<CacheScope>,
    /// By then what might have been old has ended by itself.
    ends: Instant,
}

/// Beyond this many invalidations a tenant is owed one of everything.
const EACH: usize = 16;
/// Beyond this many tenants everybody is owed.
const TENANTS: usize = 10_000;

impl Owed {
    pub(super) fn remember(&self, scope: &CacheScope, what: &Invalidation) {
        if crate::sabotaged!("cache.owed-forgotten") {
            return;
        }
        let mut books = self.books();
        let version = books.next;
        books.next += 1;
        if books.debts.len() >= TENANTS && !books.debts.contains_key(scope) {
            books.debts.clear();
            books.everyone = Some(Everyone {
                version,
                paid: HashSet::new(),
                ends: Instant::now() + LONGEST,
            });
        }
        let what_now = what.clone();
        let debt = books.debts.entry(scope.clone()).or_insert_with(|| Debt {
            what: Vec::new(),
            version,
        });
        debt.version = version;
        if debt.what.len() >= EACH {
            debt.what = vec![Invalidation::All];
        } else if !debt.what.contains(&what_now) && !debt.what.contains(&Invalidation::All) {
            debt.what.push(what_now);
        }
        self.any.store(true, Ordering::Release);
    }

    /// What the tenant is owed; it stays owed until it was [`Owed::paid`].
    pub(super) fn to(&self, scope: &CacheScope) -> Option<Debt> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut books = self.books();
        if books
            .everyone
            .as_ref()
            .is_some_and(|all| all.ends <= Instant::now())
        {
            books.everyone = None;
        }
        let debt = books.debts.get(scope);
        let all = books
            .everyone
            .as_ref()
            .filter(|all| !all.paid.contains(scope));
        match (debt, all) {
            (None, None) => None,
            (debt, Some(all)) => Some(Debt {
                what: vec![Invalidation::All],
                version: debt.map_or(all.version, |debt| debt.version),
            }),
            (Some(debt), None) => Some(debt.clone()),
        }
    }

    /// Takes `debt` from the books, unless it has grown since it was asked for.
    pub(super) fn paid(&self, scope: &CacheScope, debt: &Debt) {
        let mut books = self.books();
        if books
            .debts
            .get(scope)
            .is_some_and(|now| now.version == debt.version)
        {
            books.debts.remove(scope);
        }
        if let Some(all) = &mut books.everyone
            && debt.version >= all.version
            && debt.what == [Invalidation::All]
        {
            all.paid.insert(scope.clone());
        }
        let any = !books.debts.is_empty() || books.everyone.is_some();
        self.any.store(any, Ordering::Release);
    }

    /// Some of the tenants with debts.
    pub(super) fn some(&self, count: usize) -> Vec<CacheScope> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        self.books().debts.keys().take(count).cloned().collect()
    }

    /// How many tenants are owed by name.
    pub(super) fn len(&self) -> usize {
        self.books().debts.len()
    }

    // Nothing panics while the lock is held.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

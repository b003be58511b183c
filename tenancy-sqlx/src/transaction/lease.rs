//! A transaction that is lent out and comes back by itself.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// A transaction on loan: whoever opened it ends it when it comes back.
///
/// It is used like the transaction itself and goes back when it is dropped. What it was lent for
/// decides the rest: [`TenantDb::transaction`](crate::TenantDb::transaction) commits when its
/// closure gives `Ok`, the extractor when the answer says so.
pub struct Lease<T> {
    /// `None` only while the lease is being dropped.
    lent: Option<T>,
    home: Home<T>,
}

/// Where a lent transaction comes back to.
pub(crate) struct Home<T>(Arc<Mutex<Option<T>>>);

impl<T> Home<T> {
    /// Lends `value`; it is back once the lease was dropped.
    pub(crate) fn lend(value: T) -> (Lease<T>, Self) {
        let home = Self(Arc::new(Mutex::new(None)));
        let lease = Lease {
            lent: Some(value),
            home: home.clone(),
        };
        (lease, home)
    }

    /// What came back, or `None` while it is still out.
    pub(crate) fn take(&self) -> Option<T> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.take()
    }
}

impl<T> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.lent
            .as_ref()
            .expect("what is lent is taken out by drop alone")
    }
}

impl<T> DerefMut for Lease<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.lent
            .as_mut()
            .expect("what is lent is taken out by drop alone")
    }
}

impl<T> Drop for Lease<T> {
    fn drop(&mut self) {
        let mut slot = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        *slot = self.lent.take();
    }
}

impl<T> Clone for Home<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.lent).finish()
    }
}

impl<T> fmt::Debug for Home<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Home")
    }
}

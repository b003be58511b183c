//! Where the transaction of one request is between its handler and its layer.

use std::sync::{Arc, Mutex, PoisonError};

use crate::db::TenantDb;
use crate::error::Error;
use crate::transaction::{Home, Lease, Level, ScopedTx, TenantTx, Whole, kept};

/// Notes where the request's transaction comes back to; there is one at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Desk(Arc<Mutex<Option<Lent>>>);

/// A transaction of either kind, in somebody's hands or back.
#[derive(Debug)]
pub(super) enum Lent {
    Tenant(Home<TenantTx<'static>>),
    Scoped(Home<ScopedTx<'static>>),
}

/// A kind of transaction that a request can have.
pub(super) trait OfRequest: Whole {
    /// Prepares one; nothing is sent before its first statement.
    fn prepare(db: &TenantDb) -> Self;
    fn lent(home: Home<Self>) -> Lent;
    fn home(lent: &Lent) -> Option<&Home<Self>>;
}

impl Desk {
    /// Lends the request's transaction, which a middleware may have had before: its work and the
    /// handler's are one. `None` while somebody has it, or when it is of the other kind.
    pub(super) fn lend<W: OfRequest>(&self, db: &TenantDb) -> Option<Lease<W>> {
        let mut desk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = match &*desk {
            None => W::prepare(db),
            Some(lent) => W::home(lent)?.take()?,
        };
        let (lease, home) = Home::lend(whole);
        *desk = Some(W::lent(home));
        Some(lease)
    }

    /// The transaction that was lent, if one was: an error while it is still out.
    pub(super) fn close(&self) -> Option<Result<Level<'static>, Error>> {
        let mut desk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let back = match desk.take()? {
            Lent::Tenant(home) => home.take().map(Whole::into_level),
            Lent::Scoped(home) => home.take().map(Whole::into_level),
        };
        Some(back.ok_or_else(kept))
    }
}

impl OfRequest for TenantTx<'static> {
    fn prepare(db: &TenantDb) -> Self {
        Self::lazy(db)
    }

    fn lent(home: Home<Self>) -> Lent {
        Lent::Tenant(home)
    }

    fn home(lent: &Lent) -> Option<&Home<Self>> {
        match lent {
            Lent::Tenant(home) => Some(home),
            Lent::Scoped(_) => None,
        }
    }
}

impl OfRequest for ScopedTx<'static> {
    fn prepare(db: &TenantDb) -> Self {
        Self::new(db, db.source().database.scope_of_handlers())
    }

    fn lent(home: Home<Self>) -> Lent {
        Lent::Scoped(home)
    }

    fn home(lent: &Lent) -> Option<&Home<Self>> {
        match lent {
            Lent::Scoped(home) => Some(home),
            Lent::Tenant(_) => None,
        }
    }
}

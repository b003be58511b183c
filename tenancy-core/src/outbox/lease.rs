//! Who may tell a tenant's messages now.

use std::fmt;

use crate::tenant::TenantId;

/// A number that is higher for every lease than for all leases before it.
///
/// What was read after a fence was drawn may be written with it: whoever has a higher fence has
/// read later, so the highest one wins and a writer that was overtaken changes nothing.
///
/// ```
/// use tenancy_core::outbox::Fence;
///
/// let (earlier, later) = (Fence::new(7), Fence::new(8));
/// assert!(later > earlier);
/// assert_eq!(later.get(), 8);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(u64);

/// The right to tell one tenant's messages to one consumer, until it ends or somebody else has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    consumer: String,
    tenant: TenantId,
    fence: Fence,
}

impl Fence {
    /// The fence with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Lease {
    /// A lease as a [`Feed`](super::Feed) gave it.
    pub fn new(consumer: impl Into<String>, tenant: TenantId, fence: Fence) -> Self {
        Self {
            consumer: consumer.into(),
            tenant,
            fence,
        }
    }

    /// Whose it is.
    pub fn consumer(&self) -> &str {
        &self.consumer
    }

    /// Whose messages.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Its number.
    pub fn fence(&self) -> Fence {
        self.fence
    }
}

//! Who is told.

use std::fmt;

use async_trait::async_trait;

use super::feed::Feed;
use super::lease::{Fence, Lease};
use super::message::Message;
use crate::context::TenantContext;
use crate::error::Error;

/// Tells messages to something outside the database, such as a search engine or a bus.
///
/// A message may come twice and late, so telling it again must do no harm. What it says is best
/// read anew, after the fence was drawn, and written with the fence as its version:
///
/// ```
/// use async_trait::async_trait;
/// use tenancy_core::Error;
/// use tenancy_core::outbox::{Consumer, Delivery};
///
/// #[derive(Debug)]
/// struct Shelf;
///
/// #[async_trait]
/// impl Consumer for Shelf {
///     fn name(&self) -> &'static str {
///         "shelf"
///     }
///
///     fn topics(&self) -> Vec<&str> {
///         vec!["shelf.products"]
///     }
///
///     async fn deliver(&self, delivery: Delivery<'_>) -> Result<(), Error> {
///         let tenant = delivery.context().id();
///         let version = delivery.fence().get();
///         for message in delivery.messages() {
///             // Load the product of this key as it is now, and put it there unless a higher
///             // version is there already; delete it when there is none.
///             let _ = (tenant, version, &message.key);
///         }
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Consumer: fmt::Debug + Send + Sync + 'static {
    /// A short name, the same in every program: the tenant's lease is made out to it.
    fn name(&self) -> &'static str;

    /// What it wants to be told, and no other consumer is: a message is removed once it is told.
    fn topics(&self) -> Vec<&str>;

    /// Tells one tenant's messages. Those that were given are removed when it answers that it is
    /// done; they come again, under a higher fence and after a pause, when it fails.
    ///
    /// The future is dropped when the lease is lost, and when the program stops.
    ///
    /// # Errors
    ///
    /// Whatever kept any of them from being told.
    async fn deliver(&self, delivery: Delivery<'_>) -> Result<(), Error>;
}

/// Some messages of one tenant, and the right to tell them.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    context: &'a TenantContext,
    lease: &'a Lease,
    feed: &'a dyn Feed,
    messages: &'a [Message],
}

impl<'a> Delivery<'a> {
    /// Messages of the context's tenant, read after `lease` was given.
    ///
    /// # Panics
    ///
    /// When the lease is another tenant's.
    pub fn new(
        context: &'a TenantContext,
        lease: &'a Lease,
        feed: &'a dyn Feed,
        messages: &'a [Message],
    ) -> Self {
        assert_eq!(
            context.id(),
            lease.tenant(),
            "the lease must be that of the context's tenant"
        );
        Self {
            context,
            lease,
            feed,
            messages,
        }
    }

    /// Whose they are; the tenant was looked up for this delivery.
    pub fn context(&self) -> &'a TenantContext {
        self.context
    }

    /// What to write with, where a late write must lose.
    pub fn fence(&self) -> Fence {
        self.lease.fence()
    }

    /// The messages.
    pub fn messages(&self) -> &'a [Message] {
        self.messages
    }

    /// The lease, for a consumer that reads more messages while it works for long.
    pub fn lease(&self) -> &'a Lease {
        self.lease
    }

    /// Where they come from.
    pub fn feed(&self) -> &'a dyn Feed {
        self.feed
    }
}

//! Where messages are read, and how several programs share the telling.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::lease::Lease;
use super::message::Message;
use crate::error::Error;
use crate::tenant::TenantId;

/// Messages of all tenants, of which each tenant's are told by one program at a time.
///
/// A message stays until somebody who holds the lease says that it is told. So it is told at least
/// once, perhaps twice, and perhaps not in the order of the changes.
///
/// A consumer is told in these steps, each of which is a transaction of its own. The fence is
/// drawn by the first and the messages are read after it, which is what makes it safe to write
/// with the fence as the version:
///
/// ```
/// # use std::time::Duration;
/// # use tenancy_core::Error;
/// # use tenancy_core::outbox::{Claim, Feed, Hold, Next};
/// # async fn example(feed: &dyn Feed) -> Result<(), Error> {
/// let topics = ["search.products"];
/// let claim = Claim { consumer: "search", topics: &topics, span: Duration::from_secs(30) };
/// for lease in feed.claim(&claim, 8).await? {
///     let messages = feed.messages(&lease, &topics, 500).await?;
///     // Tell them.
///     if feed.done(&lease, &messages).await? == Hold::Held {
///         feed.release(lease, Next::Now).await?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Feed: fmt::Debug + Send + Sync + 'static {
    /// Leases tenants that have messages, those first that waited longest since their last turn, of
    /// all or, where very many have messages, of a part that is another one each time;
    /// none that is not active, that another program has, or whose time has not come.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when the store does not answer.
    async fn claim(&self, claim: &Claim<'_>, most: usize) -> Result<Vec<Lease>, Error>;

    /// Leases this tenant, whether it has messages or not and without waiting for its pause; none
    /// while another program has it or when it is not active.
    ///
    /// # Errors
    ///
    /// Those of [`Feed::claim`].
    async fn claim_tenant(
        &self,
        claim: &Claim<'_>,
        tenant: TenantId,
    ) -> Result<Option<Lease>, Error>;

    /// The first messages about `topics` of the lease's tenant, at most `most`.
    ///
    /// # Errors
    ///
    /// Those of [`Feed::claim`].
    async fn messages(
        &self,
        lease: &Lease,
        topics: &[&str],
        most: usize,
    ) -> Result<Vec<Message>, Error>;

    /// Removes messages that are told, if the lease is still held, and otherwise none of them.
    ///
    /// # Errors
    ///
    /// Those of [`Feed::claim`]; the messages may be gone.
    async fn done(&self, lease: &Lease, messages: &[Message]) -> Result<Hold, Error>;

    /// Keeps the lease for another `span` from now, with the same fence; it is lost, too, when the
    /// tenant is not active any more.
    ///
    /// # Errors
    ///
    /// Those of [`Feed::claim`].
    async fn renew(&self, lease: &Lease, span: Duration) -> Result<Hold, Error>;

    /// Ends the lease and says when the tenant may have its next turn.
    ///
    /// # Errors
    ///
    /// Those of [`Feed::claim`]; the lease then ends by itself.
    async fn release(&self, lease: Lease, next: Next) -> Result<(), Error>;

    /// How much is left to tell about `topics`.
    ///
    /// # Errors
    ///
    /// Those of [`Feed::claim`].
    async fn backlog(&self, topics: &[&str]) -> Result<Backlog, Error>;

    /// Waits until something was appended in this program since it was counted to be `seen`, and
    /// gives the new count; zero has seen nothing.
    ///
    /// What others append is not counted, and a feed that does not count waits for ever, so this
    /// only makes an early look possible.
    async fn appended(&self, seen: u64) -> u64 {
        let _ = seen;
        std::future::pending().await
    }
}

/// Who wants a lease, for what and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The consumer, such as `search`; every program names it alike.
    pub consumer: &'a str,
    /// What it is to be told.
    pub topics: &'a [&'a str],
    /// When the lease ends by itself.
    pub span: Duration,
}

/// Whether a lease is still its holder's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hold {
    /// It is.
    Held,
    /// It ended, and somebody else may have it.
    Lost,
}

/// When a tenant may have its next turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// As soon as there is something to tell.
    Now,
    /// Not before the pause that its failures in a row earn; the reason is kept for people.
    AfterFailure(String),
}

/// How much is left to tell; a feed may stop counting at a large number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Messages, of tenants in any status.
    pub messages: u64,
    /// Tenants with messages.
    pub tenants: u64,
    /// When the oldest message was written.
    pub oldest: Option<OffsetDateTime>,
}

//! One turn of a tenant: some of its messages are told under one lease.

use std::any::Any;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures_util::FutureExt as _;
use tenancy_core::outbox::{Delivery, Hold, Lease, Next};
use tenancy_core::{Error, ErrorKind, Identifier, Status, TenantContext, TenantId, sabotaged};
use tokio::time::{Instant, sleep, timeout_at};

use super::Phase;
use super::telling::Telling;

/// How a turn ended that did not fail.
enum Ended {
    /// The lease is to be given back.
    Held,
    /// The lease is somebody else's.
    Lost,
}

impl Telling {
    /// Tells some messages of the lease's tenant, and gives the lease back; it was asked for at
    /// `asked`, so it lasts at least a span from then.
    pub(super) async fn turn(self: Arc<Self>, lease: Lease, asked: Instant) {
        let next = match self.tell_once(&lease, asked).await {
            Ok(Ended::Held) => Next::Now,
            Ok(Ended::Lost) => {
                self.told.counters.lost();
                // Unless somebody else has it by now, nobody needs to wait for its end.
                Next::Now
            }
            Err(reason) => {
                self.told.counters.failed();
                let (consumer, tenant) = (lease.consumer(), lease.tenant());
                tracing::warn!(target: "tenancy.outbox", consumer, %tenant, reason, "messages wait");
                Next::AfterFailure(reason)
            }
        };
        if let Err(error) = self.feed.release(lease, next).await {
            self.unanswered(&error, false);
        }
    }

    /// # Errors
    ///
    /// The reason for a pause.
    async fn tell_once(&self, lease: &Lease, asked: Instant) -> Result<Ended, String> {
        let context = self.context(lease.tenant()).await.map_err(said)?;
        // The fence was drawn when the lease was given, so what is read now is newer than whatever
        // was written with a lower one.
        let most = self.settings.messages;
        let read = self.feed.messages(lease, &self.topics(), most).await;
        let messages = read.map_err(said)?;
        if messages.is_empty() {
            return Ok(Ended::Held);
        }
        let delivery = Delivery::new(&context, lease, &*self.feed, &messages);
        let telling = AssertUnwindSafe(async { self.told.consumer.deliver(delivery).await });
        let told = tokio::select! {
            told = telling.catch_unwind() => told,
            () = self.keep(lease, asked) => return Ok(Ended::Lost),
            () = self.dropped() => return Ok(Ended::Held),
        };
        match told {
            Ok(told) => told.map_err(said)?,
            Err(panic) if sabotaged!("outbox.panic-spreads") => resume_unwind(panic),
            Err(panic) => return Err(format!("the consumer panicked: {}", words(&*panic))),
        }
        match self.feed.done(lease, &messages).await.map_err(said)? {
            Hold::Held => {
                self.told.counters.delivered(messages.len());
                Ok(Ended::Held)
            }
            Hold::Lost => Ok(Ended::Lost),
        }
    }

    /// Enters the tenant as it is now.
    async fn context(&self, id: TenantId) -> Result<TenantContext, Error> {
        let found = self.tenants.find(&Identifier::Id(id)).await?;
        let gone = || Error::new(ErrorKind::NotFound, format!("there is no tenant {id}"));
        let mut tenant = found.ok_or_else(gone)?;
        if sabotaged!("outbox.tenant-unlooked") {
            tenant = Arc::new((*tenant).clone().with_status(Status::Active));
        }
        TenantContext::new(tenant, "outbox")
    }

    /// Keeps the lease until it is lost, or may be.
    async fn keep(&self, lease: &Lease, asked: Instant) {
        let span = self.settings.lease;
        let mut until = asked + span;
        loop {
            sleep(span / 3).await;
            if sabotaged!("outbox.never-renewed") {
                continue;
            }
            let asked = Instant::now();
            match timeout_at(until, self.feed.renew(lease, span)).await {
                Ok(Ok(Hold::Held)) => until = asked + span,
                Ok(Ok(Hold::Lost)) | Err(_) => break,
                Ok(Err(error)) => self.unanswered(&error, false),
            }
        }
        if sabotaged!("outbox.lost-goes-on") {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until what is under way is to be dropped.
    async fn dropped(&self) {
        let mut phase = self.phase.clone();
        // A worker that is gone drops it with itself.
        let _ = phase.wait_for(|phase| *phase == Phase::Dropping).await;
    }
}

fn said(error: Error) -> String {
    error.to_string()
}

/// What a panic says.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let string = || panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(string).unwrap_or("without a word")
}

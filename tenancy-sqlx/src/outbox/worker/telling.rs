//! One consumer's share of a worker: leases are taken as there is room for them.

use std::sync::Arc;
use std::time::Duration;

use tenancy_core::outbox::{Claim, Feed, Lease};
use tenancy_core::{Error, TenantStore};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::settings::OutboxSettings;
use super::{Phase, Told};

pub(super) struct Telling {
    pub(super) feed: Arc<dyn Feed>,
    pub(super) tenants: Arc<dyn TenantStore>,
    pub(super) told: Told,
    pub(super) settings: OutboxSettings,
    pub(super) phase: watch::Receiver<Phase>,
}

/// How long a look is put off after a commit, so that many commits are one look.
const GATHERING: Duration = Duration::from_millis(5);

/// The longest wait before a feed that does not answer is asked again.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl Telling {
    /// Tells messages until the worker stops, and what was begun to its end.
    pub(super) async fn run(self: Arc<Self>) {
        tokio::select! {
            () = Arc::clone(&self).tell() => {}
            () = self.count() => {}
        }
    }

    async fn tell(self: Arc<Self>) {
        let mut turns = JoinSet::new();
        let mut phase = self.phase.clone();
        let (mut seen, mut idle, mut unanswered) = (0, self.settings.poll, 0);
        while *phase.borrow_and_update() == Phase::Telling {
            while turns.try_join_next().is_some() {}
            let room = self.settings.tenants - turns.len();
            let mut wait = idle;
            if room > 0 {
                let asked = Instant::now();
                match self.claim(room).await {
                    Ok(leases) if leases.is_empty() => {
                        unanswered = 0;
                        idle = idle.saturating_mul(2).min(self.settings.longest_poll);
                    }
                    Ok(leases) => {
                        (unanswered, idle) = (0, self.settings.poll);
                        wait = idle;
                        for lease in leases {
                            turns.spawn(Arc::clone(&self).turn(lease, asked));
                        }
                    }
                    Err(error) => {
                        self.unanswered(&error, unanswered == 0);
                        let longer = self.settings.poll.saturating_mul(2_u32.pow(unanswered));
                        unanswered = (unanswered + 1).min(10);
                        wait = longer.min(LONGEST_WAIT);
                    }
                }
            }
            let has_room = turns.len() < self.settings.tenants;
            tokio::select! {
                // Its end is the end of the worker, too.
                _ = phase.changed() => {}
                Some(_) = turns.join_next() => {}
                count = self.feed.appended(seen), if has_room && unanswered == 0 => {
                    (seen, idle) = (count, self.settings.poll);
                    sleep(GATHERING).await;
                }
                () = sleep(wait), if has_room => {}
            }
        }
        while turns.join_next().await.is_some() {}
    }

    async fn claim(&self, room: usize) -> Result<Vec<Lease>, Error> {
        let topics = self.topics();
        let claim = Claim {
            consumer: self.told.consumer.name(),
            topics: &topics,
            span: self.settings.lease,
        };
        self.feed.claim(&claim, room).await
    }

    /// Counts what is left, again and again.
    async fn count(&self) {
        loop {
            match self.feed.backlog(&self.topics()).await {
                Ok(backlog) => self.told.counters.counted(backlog),
                Err(error) => self.unanswered(&error, false),
            }
            sleep(self.settings.count).await;
        }
    }

    pub(super) fn topics(&self) -> Vec<&str> {
        self.told.topics.iter().map(String::as_str).collect()
    }

    /// Counts that the feed did not answer; the first time in a row is for people to see.
    pub(super) fn unanswered(&self, error: &Error, is_news: bool) {
        self.told.counters.unanswered();
        let consumer = self.told.consumer.name();
        if is_news {
            tracing::warn!(target: "tenancy.outbox", consumer, %error, "the outbox does not answer");
        } else {
            tracing::debug!(target: "tenancy.outbox", consumer, %error, "the outbox does not answer");
        }
    }
}

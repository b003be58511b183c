//! Brings the fleet to head: one ledger query, then only the tenants that are behind.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use futures_util::stream::{self, Stream, StreamExt};
use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Fleet, transaction};
use crate::error::{Error, ErrorKind};
use crate::migrate::ledger::{Listing, Scope, Subject, Target, standing};
use crate::migrate::run::run;
use crate::migrate::selection::{Selection, Shared, Tenants};
use crate::migrate::{
    FleetStatus, MigrateEvent, MigrationFailure, Outcome, RunReport, TenantReport,
};

impl Fleet {
    /// Brings what `selection` names to head, with at most `jobs` tenants at a time.
    ///
    /// The shared part comes first; when it fails, no tenant is touched. A tenant that fails, or
    /// whose ledger does not fit this program, is in the report and stops no other. Each tenant is
    /// one transaction under its own lock, so any number of programs may do this at once, and a
    /// run that is dropped half way has done some tenants wholly and the others not at all.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the framework's tables are missing or behind, and
    /// [`ErrorKind::Core`] with `NotFound` when a selected tenant does not exist. What fails in a
    /// migration is no error but in the report: ask [`RunReport::is_complete`].
    pub async fn migrate(
        &self,
        selection: Selection,
        jobs: NonZeroUsize,
        mut progress: impl FnMut(MigrateEvent),
    ) -> Result<RunReport, Error> {
        let mut connection = self.open().await?;
        let report = self
            .migrate_on(&mut connection, &selection, jobs, &mut progress)
            .await;
        transaction::finish(connection, report).await
    }

    async fn migrate_on(
        &self,
        connection: &mut PgConnection,
        selection: &Selection,
        jobs: NonZeroUsize,
        progress: &mut impl FnMut(MigrateEvent),
    ) -> Result<RunReport, Error> {
        let mut report = RunReport::start();
        let clock = Instant::now();
        let only = match &selection.tenants {
            Tenants::All => None,
            Tenants::Only(slugs) => Some(slugs.as_slice()),
            Tenants::None => Some([].as_slice()),
        };
        let standing = standing(connection, self.sets(), only, Listing::NotAtHead).await?;
        if let Some(slugs) = only {
            self.refuse_unknown(connection, slugs, &standing.subjects, standing.at_head)
                .await?;
        }
        report.at_head = standing.at_head;

        let mut shared_is_behind = false;
        let mut pending = VecDeque::new();
        for Subject { scope, ledger } in standing.subjects {
            match scope {
                Scope::Framework if !ledger.pending.is_empty() => {
                    return Err(Error::new(
                        ErrorKind::Configuration,
                        "the framework's tables are behind this program: prepare the database first",
                    ));
                }
                Scope::Framework => {}
                Scope::Shared if selection.shared == Shared::Skip => {}
                Scope::Shared => {
                    shared_is_behind = !ledger.is_at_head();
                    if !shared_is_behind {
                        report.shared = Some(Outcome::Applied {
                            versions: Vec::new(),
                        });
                    }
                }
                Scope::Tenant(target) if ledger.mismatch.is_empty() => pending.push_back(target),
                Scope::Tenant(target) => report.tenants.push(TenantReport {
                    tenant: target.id,
                    slug: target.slug,
                    duration: std::time::Duration::ZERO,
                    outcome: Outcome::Blocked(ledger.mismatch),
                }),
            }
        }
        progress(MigrateEvent::Planned {
            pending: pending.len(),
            at_head: report.at_head,
            blocked: report.tenants.len(),
        });
        for blocked in &report.tenants {
            progress(MigrateEvent::Tenant(blocked.clone()));
        }

        if shared_is_behind {
            let shared = &self.migrations.shared;
            let outcome = run(connection, &Scope::Shared, shared, report.run).await?;
            progress(MigrateEvent::Shared(outcome.clone()));
            report.shared = Some(outcome);
        }
        let shared_failed = matches!(report.shared, Some(Outcome::Failed(_)));
        if !shared_failed && !pending.is_empty() {
            // The run is entered before its first tenant, so that a crash leaves a trace of it.
            self.announce(connection, &report).await?;
            let workers = jobs.get().min(pending.len());
            let queue = Mutex::new(pending);
            let mut done =
                stream::select_all((0..workers).map(|_| Box::pin(self.work(&queue, report.run))));
            while let Some(tenant) = done.next().await {
                progress(MigrateEvent::Tenant(tenant.clone()));
                report.tenants.push(tenant);
            }
        }
        report.tenants.sort_by(|a, b| a.slug.cmp(&b.slug));
        report.duration = clock.elapsed();
        if report.applied() > 0 || report.failures().next().is_some() {
            self.record(connection, &report).await?;
        }
        Ok(report)
    }

    /// Says where the framework, the shared part and every tenant stand, in one query.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the database was never prepared.
    pub async fn status(&self) -> Result<FleetStatus, Error> {
        let mut connection = self.open().await?;
        let standing = standing(&mut connection, self.sets(), None, Listing::Everyone).await;
        let standing = transaction::finish(connection, standing).await?;
        Ok(FleetStatus::new(
            self.migrations.tenant.head(),
            standing.subjects,
        ))
    }

    /// One worker: a connection of its own, and tenants from the queue until that is empty.
    fn work<'a>(
        &'a self,
        queue: &'a Mutex<VecDeque<Target>>,
        run: Uuid,
    ) -> impl Stream<Item = TenantReport> + 'a {
        stream::unfold(None, move |mut connection| async move {
            let next = queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            let Some(target) = next else {
                if let Some(connection) = connection {
                    transaction::close(connection).await;
                }
                return None;
            };
            let clock = Instant::now();
            let (tenant, slug) = (target.id, target.slug.clone());
            let outcome = self.migrate_one(&mut connection, target, run).await;
            let report = TenantReport {
                tenant,
                slug,
                duration: clock.elapsed(),
                outcome,
            };
            Some((report, connection))
        })
    }

    /// Migrates one tenant; a connection that failed is not used again.
    async fn migrate_one(
        &self,
        slot: &mut Option<PgConnection>,
        target: Target,
        id: Uuid,
    ) -> Outcome {
        let result = async {
            let mut connection = match slot.take() {
                Some(connection) => connection,
                None => self.open().await?,
            };
            let scope = Scope::Tenant(target);
            let outcome = run(&mut connection, &scope, &self.migrations.tenant, id).await?;
            *slot = Some(connection);
            Ok::<_, Error>(outcome)
        };
        result.await.unwrap_or_else(|error| {
            Outcome::Failed(MigrationFailure {
                version: None,
                file: None,
                sqlstate: error.sqlstate().map(std::borrow::Cow::into_owned),
                message: error.to_string(),
                position: None,
            })
        })
    }

    /// Refuses a selection that names tenants that are not there.
    async fn refuse_unknown(
        &self,
        connection: &mut PgConnection,
        slugs: &[tenancy_core::Slug],
        listed: &[Subject],
        at_head: u64,
    ) -> Result<(), Error> {
        let distinct: std::collections::BTreeSet<_> = slugs.iter().collect();
        let found = listed
            .iter()
            .filter(|subject| matches!(subject.scope, Scope::Tenant(_)))
            .count() as u64
            + at_head;
        if found == distinct.len() as u64 {
            return Ok(());
        }
        for slug in distinct {
            if super::find(connection, slug).await?.is_none() {
                return Err(super::missing(slug));
            }
        }
        Ok(())
    }
}

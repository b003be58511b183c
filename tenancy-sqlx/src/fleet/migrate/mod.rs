//! Brings the fleet to head: one ledger query, then only the tenants that are behind.

mod queue;
mod work;

mod mark;
mod plan;
mod runs;
mod undo;

use sqlx::postgres::PgConnection;
use tenancy_core::Slug;
use tokio::time::Instant;

use self::queue::Turn;
use self::work::{Task, Work};
use super::{Fleet, transaction};
use crate::error::{Error, ErrorKind};
use crate::migrate::ledger::{Filter, Listing, Scope, Standing, Subject, standing, standing_of};
use crate::migrate::run::Runner;
use crate::migrate::selection::{Selection, Shared};
use crate::migrate::{FleetStatus, MigrateEvent, Outcome, Pace, RunKind, RunReport, TenantReport};

impl Fleet {
    /// Brings what `selection` names to head, at a [pace](Pace) or with so many jobs.
    ///
    /// The shared part comes first; when it fails, no tenant is touched. A tenant that fails, or
    /// whose ledger does not fit this program, is in the report and stops no other, unless the
    /// pace has canaries or waves, or stops at the first failure: those who had no turn then are
    /// [`Outcome::NotReached`]. Healthy tenants of one ledger share a transaction, each under its
    /// own lock; what fails there is rolled back and done tenant by tenant. So any number of
    /// programs may do this at once, and a run that is dropped half way has done some tenants
    /// wholly and the others not at all.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the framework's tables are missing or behind, and
    /// [`ErrorKind::Core`] with `NotFound` when a tenant that is named does not exist, and
    /// [`ErrorKind::InvalidInput`] when a canary is not among those that are selected. What fails
    /// in a migration is no error but in the report: ask [`RunReport::is_complete`].
    pub async fn migrate(
        &self,
        selection: Selection,
        pace: impl Into<Pace>,
        mut progress: impl FnMut(MigrateEvent),
    ) -> Result<RunReport, Error> {
        let pace = pace.into();
        let mut connection = self.open().await?;
        let report = self
            .migrate_on(&mut connection, &selection, &pace, &mut progress)
            .await;
        transaction::finish(connection, report).await
    }

    async fn migrate_on(
        &self,
        connection: &mut PgConnection,
        selection: &Selection,
        pace: &Pace,
        progress: &mut impl FnMut(MigrateEvent),
    ) -> Result<RunReport, Error> {
        let mut report = RunReport::start(RunKind::Migrate);
        let clock = Instant::now();
        selection.must_take(&pace.canaries)?;
        let named = selection.named().chain(&pace.canaries);
        let standing = self.selected(connection, selection, named).await?;
        report.at_head = standing.at_head;

        let mut shared_is_behind = false;
        let mut pending = Vec::new();
        for Subject { scope, ledger } in standing.subjects {
            match scope {
                Scope::Framework if !ledger.pending.is_empty() => return Err(unprepared()),
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
                Scope::Tenant(target) if ledger.mismatch.is_empty() => {
                    pending.push(Turn::new(target, ledger));
                }
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
        if !shared_is_behind && pending.is_empty() {
            report.duration = clock.elapsed();
            return Ok(report);
        }

        // The run is entered before it does anything, so that a crash leaves a trace of it.
        self.announce(connection, &report).await?;
        let runner = Runner {
            owner: &self.owner,
            set: &self.migrations.tenant,
            run: report.run,
            announcement: None,
        };
        if shared_is_behind {
            let shared = Runner {
                set: &self.migrations.shared,
                ..runner
            };
            let outcome = shared.complete(connection, &Scope::Shared).await?;
            progress(MigrateEvent::Shared(outcome.clone()));
            report.shared = Some(outcome);
        }
        let shared_failed = matches!(report.shared, Some(Outcome::Failed(_)));
        if !shared_failed && !pending.is_empty() {
            let work = Work {
                fleet: self,
                pace,
                task: Task::Migrate(runner),
                locks: locks(connection, pace).await?,
            };
            work.carry_out(pending, &mut report, progress).await;
        }
        report.tenants.sort_by(|a, b| a.slug.cmp(&b.slug));
        report.duration = clock.elapsed();
        self.record(connection, &report).await?;
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

    /// Reads where those stand that `selection` names, and refuses it when one of `named` does
    /// not exist.
    async fn selected(
        &self,
        connection: &mut PgConnection,
        selection: &Selection,
        named: impl Iterator<Item = &Slug>,
    ) -> Result<Standing, Error> {
        let filter = Filter::of(selection);
        let standing = standing_of(connection, self.sets(), filter, Listing::NotAtHead).await?;
        let named: Vec<_> = named.map(Slug::as_str).collect();
        if named.is_empty() {
            return Ok(standing);
        }
        let missing: Option<String> = sqlx::query_scalar(
            "SELECT named.slug FROM pg_catalog.unnest($1::text[]) AS named (slug)
             WHERE NOT EXISTS (SELECT FROM tenancy.tenants t
                               WHERE t.slug = named.slug AND t.status <> 'purged')
             ORDER BY named.slug LIMIT 1",
        )
        .bind(named)
        .fetch_optional(connection)
        .await?;
        match missing {
            Some(name) => Err(super::missing(&Slug::parse(&name)?)),
            None => Ok(standing),
        }
    }
}

/// How many locks one transaction of a run may hold, so that all of its jobs together leave most
/// of the server's table to others.
async fn locks(connection: &mut PgConnection, pace: &Pace) -> Result<usize, Error> {
    let slots: i64 = sqlx::query_scalar(
        "SELECT pg_catalog.current_setting('max_locks_per_transaction')::bigint
              * (pg_catalog.current_setting('max_connections')::bigint
                 + pg_catalog.current_setting('max_prepared_transactions')::bigint)",
    )
    .fetch_one(connection)
    .await?;
    Ok(usize::try_from(slots).unwrap_or(0) / 4 / pace.jobs.get())
}

fn unprepared() -> Error {
    Error::new(
        ErrorKind::Configuration,
        "the framework's tables are behind this program: prepare the database first",
    )
}

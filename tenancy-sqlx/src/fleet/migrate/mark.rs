//! Enters what is pending as applied, for tables that are there already.

use sqlx::postgres::PgConnection;
use tokio::time::Instant;

use super::{Fleet, unprepared};
use crate::error::{Error, ErrorKind};
use crate::fleet::transaction;
use crate::migrate::ledger::{Scope, Subject};
use crate::migrate::mark::mark;
use crate::migrate::selection::Shared;
use crate::migrate::{Outcome, RunKind, RunReport, Selection, TenantReport};

impl Fleet {
    /// Enters what is pending of `selection` into the ledger without running it, up to the version
    /// `up_to` or all of it. For tables that were made otherwise; nobody looks whether they are
    /// there.
    ///
    /// # Errors
    ///
    /// As [`Fleet::migrate`]; also [`ErrorKind::Configuration`] when this program has no migration
    /// `up_to`.
    pub async fn mark_applied(
        &self,
        selection: Selection,
        up_to: Option<i64>,
    ) -> Result<RunReport, Error> {
        let mut connection = self.open().await?;
        let report = self.mark_on(&mut connection, &selection, up_to).await;
        transaction::finish(connection, report).await
    }

    async fn mark_on(
        &self,
        connection: &mut PgConnection,
        selection: &Selection,
        up_to: Option<i64>,
    ) -> Result<RunReport, Error> {
        let mut report = RunReport::start(RunKind::Mark);
        let clock = Instant::now();
        let (shared, tenant) = (&self.migrations.shared, &self.migrations.tenant);
        if let Some(version) = up_to
            && tenant.get(version).is_none()
            && (selection.shared == Shared::Skip || shared.get(version).is_none())
        {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("there is no migration {version}: `migrate status` shows those there are"),
            ));
        }
        let standing = self
            .selected(connection, selection, selection.named())
            .await?;
        report.at_head = standing.at_head;
        let behind: Vec<_> = standing
            .subjects
            .into_iter()
            .filter(|subject| !subject.ledger.is_at_head())
            .collect();
        if behind
            .iter()
            .any(|subject| subject.scope == Scope::Framework)
        {
            return Err(unprepared());
        }
        self.announce(connection, &report).await?;
        for Subject { scope, .. } in behind {
            let set = match &scope {
                Scope::Tenant(_) => tenant,
                Scope::Shared if selection.shared == Shared::Include => shared,
                _ => continue,
            };
            let began = Instant::now();
            let outcome = match mark(connection, &scope, set, up_to, report.run).await {
                Ok(outcome) => outcome,
                Err(failure) => {
                    transaction::rollback(connection).await?;
                    Outcome::Failed(failure.report())
                }
            };
            match scope {
                Scope::Tenant(target) => report.tenants.push(TenantReport {
                    tenant: target.id,
                    slug: target.slug,
                    duration: began.elapsed(),
                    outcome,
                }),
                _ => report.shared = Some(outcome),
            }
        }
        report.duration = clock.elapsed();
        self.record(connection, &report).await?;
        Ok(report)
    }
}

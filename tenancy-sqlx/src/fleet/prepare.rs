//! Makes a database ready for tenants: schemas, the framework's tables, rights, what is shared.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::journal::literal;
use super::role::Roles;
use super::transaction::{self, Locks};
use super::{FRAMEWORK, Fleet, grants};
use crate::error::{Error, ErrorKind};
use crate::migrate::ledger::{Listing, Scope, standing};
use crate::migrate::run::Runner;
use crate::migrate::runs::announcement;
use crate::migrate::script::{Script, apply};
use crate::migrate::{Outcome, RunKind, RunReport};

impl Fleet {
    /// Brings the framework's tables and the shared migrations to head, and the rights of the
    /// application's login with them. Where tenants have [roles](Fleet::isolation), each that
    /// lacks its own, such as one made before, gets it.
    ///
    /// Any number of programs may call this at once: each migration is applied exactly once. An
    /// [`Outcome::Blocked`] of the shared part with unknown versions means that a newer program
    /// was here; nothing was touched then.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SchemaMismatch`] when an applied migration's file was changed,
    /// [`ErrorKind::Configuration`] when the application's login does not exist, or tenants are to
    /// have roles and the logins are not fit for that; the message says what to run. Whatever a
    /// failing migration causes; the message names its file and line. Whatever keeps a tenant from
    /// its role, after the others have theirs.
    pub async fn prepare(&self) -> Result<RunReport, Error> {
        let mut connection = self.open().await?;
        let report = self.prepare_on(&mut connection).await;
        transaction::finish(connection, report).await
    }

    async fn prepare_on(&self, connection: &mut PgConnection) -> Result<RunReport, Error> {
        let mut report = RunReport::start(RunKind::Prepare);
        let clock = tokio::time::Instant::now();
        let roles = Roles::of(self, connection).await?;
        let framework = self
            .prepare_framework(connection, &report, roles.as_ref())
            .await?;
        report.framework = Some(accept(framework, "framework")?);

        let announcement = announcement(report.run, report.kind, self.program());
        let runner = Runner {
            owner: &self.owner,
            set: &self.migrations.shared,
            run: report.run,
            announcement: Some(&announcement),
        };
        let shared = runner.complete(connection, &Scope::Shared).await?;
        report.shared = Some(accept(shared, "shared")?);
        report.duration = clock.elapsed();
        // A newer program may keep its roles otherwise.
        let is_ours = matches!(report.framework, Some(Outcome::Applied { .. }));
        if let Some(roles) = roles.filter(|_| is_ours) {
            roles.repair_all(connection).await?;
        }
        if report.applied() > 0 {
            self.record(connection, &report).await?;
        }
        Ok(report)
    }

    async fn prepare_framework(
        &self,
        connection: &mut PgConnection,
        report: &RunReport,
        roles: Option<&Roles>,
    ) -> Result<Outcome, Error> {
        transaction::send(
            connection,
            transaction::begin(&Locks::of_scope(&Scope::Framework)),
        )
        .await?;
        let there = sqlx::query(
            "SELECT pg_catalog.to_regclass('tenancy.migrations') IS NOT NULL AS prepared,
                    ARRAY(SELECT n FROM pg_catalog.unnest(ARRAY['tenancy', 'shared', 'extensions'])
                          AS n WHERE pg_catalog.to_regnamespace(n) IS NULL) AS missing,
                    $1::text IS NULL OR EXISTS
                        (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1) AS login_exists",
        )
        .bind(self.app_login.as_deref())
        .fetch_one(&mut *connection)
        .await?;
        if let (Some(login), false) = (&self.app_login, there.try_get("login_exists")?) {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("the application's login {login:?} does not exist: create it first"),
            ));
        }
        let missing: Vec<String> = there.try_get("missing")?;
        for schema in &missing {
            transaction::send(connection, format!("CREATE SCHEMA {schema}"))
                .await
                .map_err(|error| error.while_doing(format!("creating the schema {schema}")))?;
        }
        let ledger = if there.try_get("prepared")? {
            let standing = standing(connection, self.sets(), Some(&[]), Listing::NotAtHead).await?;
            standing
                .subjects
                .into_iter()
                .find(|subject| subject.scope == Scope::Framework)
                .map(|subject| subject.ledger)
                .unwrap_or_default()
        } else {
            crate::migrate::ScopeStatus::compare(&FRAMEWORK, &[])
        };
        if !ledger.mismatch.is_empty() {
            transaction::rollback(connection).await?;
            return Ok(Outcome::Blocked(ledger.mismatch));
        }
        let pending: Vec<_> = FRAMEWORK
            .iter()
            .filter(|migration| ledger.pending.contains(&migration.version()))
            .collect();
        if !pending.is_empty() {
            let mut script = Script::new(String::new(), &Scope::Framework, &pending, report.run);
            script.push(&announcement(report.run, report.kind, self.program()));
            apply(connection, &script)
                .await
                .map_err(|failure| failure.into_error().while_doing("preparing the database"))?;
        }
        if let Some(login) = &self.app_login {
            let changed = !missing.is_empty() || !pending.is_empty();
            if changed || !self.is_granted(connection, login).await? {
                transaction::send(connection, grants::shared(login))
                    .await
                    .map_err(|error| error.while_doing(format!("granting rights to {login:?}")))?;
            }
        }
        if let Some(roles) = roles {
            roles.prepare_group(connection).await?;
        }
        transaction::commit(connection).await?;
        Ok(Outcome::Applied {
            versions: ledger.pending,
        })
    }

    /// Whether the login has the rights already: granting again would lock catalog rows for
    /// nothing at every start.
    async fn is_granted(&self, connection: &mut PgConnection, login: &str) -> Result<bool, Error> {
        let [outbox, audit, jobs] = grants::APPENDED.map(|(table, _)| table);
        Ok(sqlx::query_scalar(
            "SELECT pg_catalog.has_schema_privilege($1, 'tenancy', 'USAGE')
                AND pg_catalog.has_schema_privilege($1, 'shared', 'USAGE')
                AND pg_catalog.has_schema_privilege($1, 'extensions', 'USAGE')
                AND pg_catalog.has_table_privilege($1, 'tenancy.tenants', 'SELECT')
                AND pg_catalog.has_table_privilege($1, 'tenancy.domains', 'SELECT')
                AND pg_catalog.has_table_privilege($1, 'tenancy.plans', 'SELECT')
                AND pg_catalog.has_table_privilege($1, 'tenancy.processes', 'INSERT')
                AND pg_catalog.has_table_privilege($1, 'tenancy.processes', 'DELETE')
                AND pg_catalog.has_column_privilege($1, 'tenancy.migrations', 'version', 'SELECT')
                AND pg_catalog.has_column_privilege($1, $2, 'tenant_id', 'INSERT')
                AND pg_catalog.has_column_privilege($1, $3, 'tenant_id', 'INSERT')
                AND pg_catalog.has_column_privilege($1, $4, 'tenant_id', 'INSERT')
                AND pg_catalog.has_column_privilege($1, $4, 'lease_until', 'UPDATE')
                AND pg_catalog.has_table_privilege($1, $4, 'DELETE')
                AND pg_catalog.has_column_privilege(
                    $1, 'tenancy.job_turn', 'last_tenant', 'UPDATE')
                AND pg_catalog.has_table_privilege($1, 'tenancy.job_ticks', 'INSERT')
                AND pg_catalog.has_table_privilege($1, $2, 'SELECT')
                AND pg_catalog.has_table_privilege($1, $2, 'DELETE')
                AND pg_catalog.has_table_privilege($1, 'tenancy.outbox_leases', 'SELECT')
                AND pg_catalog.has_table_privilege($1, 'tenancy.outbox_leases', 'INSERT')
                AND pg_catalog.has_table_privilege($1, 'tenancy.outbox_leases', 'UPDATE')
                AND pg_catalog.has_sequence_privilege($1, 'tenancy.outbox_fence', 'USAGE')",
        )
        .bind(login)
        .bind(outbox)
        .bind(audit)
        .bind(jobs)
        .fetch_one(connection)
        .await?)
    }

    /// Enters a run that begins.
    pub(super) async fn announce(
        &self,
        connection: &mut PgConnection,
        report: &RunReport,
    ) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO tenancy.migration_runs (id, program, kind, started_at)
             VALUES ($1, $2, $3, $4)",
        )
        .bind(report.run)
        .bind(self.program())
        .bind(report.kind.as_str())
        .bind(report.started_at)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Enters a finished run.
    pub(super) async fn record(
        &self,
        connection: &mut PgConnection,
        report: &RunReport,
    ) -> Result<(), Error> {
        let blocked = report
            .outcomes()
            .filter(|outcome| matches!(outcome, Outcome::Blocked(_)))
            .count();
        let changed = report.applied() + report.undone();
        let counts = [changed, report.failures().count(), blocked];
        self.enter(
            connection,
            report.kind,
            report.run,
            report.started_at,
            counts,
        )
        .await
    }

    /// Enters a run by its numbers of applied migrations, failed and blocked targets, or
    /// completes the one that was announced.
    pub(super) async fn enter(
        &self,
        connection: &mut PgConnection,
        kind: RunKind,
        run: Uuid,
        started_at: OffsetDateTime,
        counts: [usize; 3],
    ) -> Result<(), Error> {
        let sql = self.entered(kind, run, started_at, counts);
        transaction::send(connection, sql).await
    }

    /// The statement that does so; it may stand in any script.
    pub(super) fn entered(
        &self,
        kind: RunKind,
        run: Uuid,
        started_at: OffsetDateTime,
        counts: [usize; 3],
    ) -> String {
        let [applied, failed, blocked] = counts.map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        let microseconds = started_at.unix_timestamp_nanos() / 1000;
        format!(
            "INSERT INTO tenancy.migration_runs
                 (id, program, kind, started_at, finished_at, applied, failed, blocked)
             VALUES ('{run}', {program}, '{kind}',
                     'epoch'::pg_catalog.timestamptz
                         + '{microseconds} microseconds'::pg_catalog.interval,
                     pg_catalog.clock_timestamp(),
                     -- Who failed half way, outside a transaction, has applied something too.
                     GREATEST({applied}, (SELECT pg_catalog.count(*) FROM tenancy.migrations
                                          WHERE run_id = '{run}')), {failed}, {blocked})
             ON CONFLICT (id) DO UPDATE SET finished_at = excluded.finished_at,
                 applied = excluded.applied, failed = excluded.failed, blocked = excluded.blocked",
            program = literal(self.program()),
        )
    }
}

/// Turns outcomes that a program must not start with into errors.
fn accept(outcome: Outcome, what: &str) -> Result<Outcome, Error> {
    match outcome {
        Outcome::Failed(failure) => Err(Error::new(
            ErrorKind::SchemaMismatch,
            format!("bringing the {what} tables up to date: {failure}"),
        )),
        Outcome::Blocked(mismatch) if !mismatch.changed.is_empty() => Err(Error::new(
            ErrorKind::SchemaMismatch,
            format!(
                "{what} migrations {:?} were changed after they were applied: restore the files \
                 and add a new migration",
                mismatch.changed
            ),
        )),
        Outcome::Blocked(mismatch) => {
            tracing::warn!(
                unknown = ?mismatch.unknown,
                "the {what} tables were made by a newer program"
            );
            Ok(Outcome::Blocked(mismatch))
        }
        outcome => Ok(outcome),
    }
}

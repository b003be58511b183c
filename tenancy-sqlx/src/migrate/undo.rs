//! Takes back what one run applied, and nothing else.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, FromRow, Row};
use tenancy_core::{Slug, TenantId, sabotaged};
use uuid::Uuid;

use super::failure::Failure;
use super::ledger::{Scope, Target, explain};
use super::migration::Migration;
use super::report::Outcome;
use super::run::enter;
use super::runs::RunRecord;
use super::script::{Script, apply};
use crate::error::Error;
use crate::fleet::transaction::{self, Patience};
use crate::store::notify_of;

/// Which run is to be taken back.
///
/// ```
/// use tenancy_sqlx::Undo;
///
/// let run = uuid::Uuid::now_v7();
/// assert_ne!(Undo::run(run), Undo::run(run).skip_superseded());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undo {
    pub(crate) run: Uuid,
    pub(crate) superseded: Superseded,
}

/// What is done when a later run applied something on top of what is to be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Superseded {
    Refuse,
    Skip,
}

impl Undo {
    /// The run of this id: everything it applied, or nothing.
    pub fn run(run: Uuid) -> Self {
        Self {
            run,
            superseded: Superseded::Refuse,
        }
    }

    /// Leaves tenants out where a later run applied something on top, instead of refusing all.
    #[must_use]
    pub fn skip_superseded(self) -> Self {
        Self {
            superseded: Superseded::Skip,
            ..self
        }
    }
}

impl From<Uuid> for Undo {
    fn from(run: Uuid) -> Self {
        Self::run(run)
    }
}

/// What taking a run back would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UndoPlan {
    /// The run.
    pub run: RunRecord,
    /// The versions of the framework's own tables, newest first; they stay.
    pub framework: Vec<i64>,
    /// The versions of the shared part, newest first.
    pub shared: Vec<i64>,
    /// Every tenant that has something of it, by slug.
    pub tenants: Vec<TenantUndo>,
    /// What stands in the way of all of it, such as a migration without a down file.
    pub refusals: Vec<String>,
}

/// What taking a run back would do to one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TenantUndo {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name in URLs and commands.
    pub slug: Slug,
    /// What is taken back, newest first.
    pub versions: Vec<i64>,
    /// What later runs applied on top; it must be taken back before.
    pub later: Vec<i64>,
}

/// What one scope has of a run.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    pub(crate) scope: Scope,
    /// Version and checksum, newest first.
    pub(crate) entries: Vec<(i64, Vec<u8>)>,
    pub(crate) later: Vec<i64>,
}

impl Share {
    pub(crate) fn versions(&self) -> Vec<i64> {
        self.entries.iter().map(|(version, _)| *version).collect()
    }

    /// Everything that is in the ledger of `run`: what all share, then tenants by slug.
    pub(crate) async fn of(connection: &mut PgConnection, run: Uuid) -> Result<Vec<Self>, Error> {
        sqlx::query_as(
            "WITH own AS (
                 SELECT scope, tenant_id, pg_catalog.min(applied_at) AS since,
                        pg_catalog.array_agg(version ORDER BY version DESC) AS versions,
                        pg_catalog.array_agg(checksum ORDER BY version DESC) AS checksums
                 FROM tenancy.migrations WHERE run_id = $1 GROUP BY scope, tenant_id
             )
             SELECT own.scope, own.tenant_id, own.versions, own.checksums,
                    t.slug, t.schema_name, t.status,
                    ARRAY(SELECT l.version FROM tenancy.migrations l
                          WHERE l.scope = own.scope AND l.tenant_id = own.tenant_id
                            AND l.run_id <> $1 AND l.applied_at > own.since
                          ORDER BY l.version) AS later
             FROM own LEFT JOIN tenancy.tenants t
                 ON own.scope = 'tenant' AND t.id = own.tenant_id
             WHERE own.scope <> 'tenant' OR t.status <> 'purged'
             ORDER BY own.scope <> 'tenant' DESC, t.slug",
        )
        .bind(run)
        .fetch_all(connection)
        .await
        .map_err(explain)
    }
}

impl FromRow<'_, PgRow> for Share {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let versions: Vec<i64> = row.try_get("versions")?;
        let checksums: Vec<Vec<u8>> = row.try_get("checksums")?;
        Ok(Self {
            scope: match row.try_get("scope")? {
                "framework" => Scope::Framework,
                "shared" => Scope::Shared,
                _ => Scope::Tenant(Target::from_row(row)?),
            },
            entries: versions.into_iter().zip(checksums).collect(),
            later: row.try_get("later")?,
        })
    }
}

/// What an undo has in common for all that it takes back.
#[derive(Debug)]
pub(crate) struct Undoing {
    /// The run that is taken back.
    pub(crate) run: Uuid,
    /// The run that does it.
    pub(crate) by: Uuid,
    /// The down scripts; empty when the run had only entered what it did not run.
    pub(crate) downs: BTreeMap<i64, Migration>,
}

impl Undoing {
    /// The down scripts of these migrations.
    pub(crate) fn downs<'a>(
        migrations: impl IntoIterator<Item = &'a Migration>,
    ) -> BTreeMap<i64, Migration> {
        let downs = migrations.into_iter().filter_map(Migration::as_down);
        downs.map(|down| (down.version(), down)).collect()
    }

    /// Takes back what `scope` has of the run, in one transaction; after an `Err` that is open.
    pub(crate) async fn turn(
        &self,
        connection: &mut PgConnection,
        scope: &Scope,
        patience: Patience,
    ) -> Result<Outcome, Failure> {
        let (run, by) = (self.run, self.by);
        let (name, tenant) = (scope.name(), scope.tenant());
        let of_run = format!("run_id = '{run}'");
        let of_run = sabotaged!("migrate.undo-other-runs", "true".to_owned(), of_run);
        let own = format!("scope = '{name}' AND tenant_id = '{tenant}' AND {of_run}");
        let question = format!(
            "SELECT version, checksum FROM tenancy.migrations WHERE {own} ORDER BY version DESC"
        );
        let entries = enter(connection, scope, patience, None, &question).await?;
        // Under the lock: a run that came between is seen.
        let later: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT version FROM tenancy.migrations WHERE scope = '{name}' \
             AND tenant_id = '{tenant}' AND run_id <> '{run}' AND applied_at > \
             (SELECT pg_catalog.min(applied_at) FROM tenancy.migrations WHERE {own})"
        )))
        .fetch_all(&mut *connection)
        .await?;
        let versions: Vec<_> = entries.into_iter().map(|(version, _)| version).collect();
        if !later.is_empty() || versions.is_empty() {
            transaction::rollback(connection)
                .await
                .map_err(Failure::of)?;
            return Ok(if later.is_empty() {
                Outcome::Undone { versions }
            } else {
                Outcome::Superseded { versions: later }
            });
        }
        let downs: Vec<_> = versions.iter().filter_map(|v| self.downs.get(v)).collect();
        let mut script = Script::unentered(scope, &downs);
        script.push(&format!(
            "WITH undone AS (DELETE FROM tenancy.migrations WHERE {own} RETURNING *) \
             INSERT INTO tenancy.undone_migrations \
             (run_id, scope, tenant_id, version, name, checksum, applied_at, undone_by) \
             SELECT run_id, scope, tenant_id, version, name, checksum, applied_at, '{by}' \
             FROM undone"
        ));
        if let Scope::Tenant(target) = scope {
            script.push("; ");
            script.push(&notify_of(target.id));
        }
        apply(connection, &script).await?;
        transaction::commit(connection).await.map_err(Failure::of)?;
        Ok(Outcome::Undone { versions })
    }
}

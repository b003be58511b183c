//! One ledger for the whole fleet, and the one query that says who is behind.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{FromRow, Row};
use tenancy_core::{SchemaName, Slug, Status, TenantId, sabotaged};
use uuid::Uuid;

use super::migration::Migration;
use super::selection::Selection;
use super::set::MigrationSet;
use super::status::ScopeStatus;
use crate::error::{Error, ErrorKind};

/// Something that has migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    Framework,
    Shared,
    Tenant(Target),
}

/// A tenant as far as migrating it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) id: TenantId,
    pub(crate) slug: Slug,
    pub(crate) schema: SchemaName,
    pub(crate) status: Status,
}

impl Scope {
    /// How the ledger calls it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Framework => "framework",
            Self::Shared => "shared",
            Self::Tenant(_) => "tenant",
        }
    }

    /// The tenant's id in the ledger.
    pub(crate) fn tenant(&self) -> Uuid {
        match self {
            Self::Tenant(target) => *target.id.as_uuid(),
            _ => Uuid::nil(),
        }
    }
}

/// One scope and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) scope: Scope,
    pub(crate) ledger: ScopeStatus,
}

/// The answer to "who is behind".
#[derive(Debug)]
pub(crate) struct Standing {
    /// The framework, the shared part, and tenants by slug.
    pub(crate) subjects: Vec<Subject>,
    /// How many of the tenants asked about are at head.
    pub(crate) at_head: u64,
}

/// Which tenants the answer lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    Everyone,
    NotAtHead,
}

/// The three sets a ledger is compared with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sets<'a> {
    pub(crate) framework: &'a MigrationSet,
    pub(crate) shared: &'a MigrationSet,
    pub(crate) tenant: &'a MigrationSet,
}

impl Sets<'_> {
    fn of(&self, scope: &Scope) -> &MigrationSet {
        match scope {
            Scope::Framework => self.framework,
            Scope::Shared => self.shared,
            Scope::Tenant(_) => self.tenant,
        }
    }
}

/// Which tenants are asked about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Filter<'a> {
    /// Those of these slugs.
    pub(crate) only: Option<&'a [Slug]>,
    /// Not those of these.
    pub(crate) except: &'a [Slug],
    /// Those in one of these statuses, unless there are none.
    pub(crate) statuses: &'a [Status],
}

impl<'a> Filter<'a> {
    pub(crate) fn of(selection: &'a Selection) -> Self {
        Self {
            only: selection.slugs(),
            except: &selection.except,
            statuses: &selection.statuses,
        }
    }
}

/// Reads the whole ledger in one query; only what differs from head crosses the wire.
///
/// With `only`, tenants of other slugs are neither listed nor counted.
pub(crate) async fn standing(
    connection: &mut PgConnection,
    sets: Sets<'_>,
    only: Option<&[Slug]>,
    listing: Listing,
) -> Result<Standing, Error> {
    let filter = Filter {
        only,
        ..Filter::default()
    };
    standing_of(connection, sets, filter, listing).await
}

/// The same; tenants that `filter` leaves out are neither listed nor counted.
pub(crate) async fn standing_of(
    connection: &mut PgConnection,
    sets: Sets<'_>,
    filter: Filter<'_>,
    listing: Listing,
) -> Result<Standing, Error> {
    const STANDING: &str = "
        WITH ledger AS (
            SELECT scope, tenant_id,
                   pg_catalog.array_agg(version ORDER BY version) AS versions,
                   pg_catalog.array_agg(checksum ORDER BY version) AS checksums
            FROM tenancy.migrations GROUP BY scope, tenant_id
        ), subjects AS (
            SELECT 'framework' AS scope, '00000000-0000-0000-0000-000000000000'::uuid AS tenant_id,
                   NULL::text AS slug, NULL::text AS schema_name, NULL::text AS status,
                   $1::bigint[] AS head, $2::bytea[] AS sums
            UNION ALL
            SELECT 'shared', '00000000-0000-0000-0000-000000000000', NULL, NULL, NULL, $3, $4
            UNION ALL
            SELECT 'tenant', id, slug, schema_name, status, $5::bigint[], $6::bytea[]
            FROM tenancy.tenants
            WHERE status <> 'purged' AND ($7::text[] IS NULL OR slug = ANY ($7))
              AND slug <> ALL ($9::text[])
              AND ($10::text[] = '{}' OR status = ANY ($10))
        ), judged AS (
            SELECT subjects.scope, subjects.tenant_id, slug, schema_name, status,
                   coalesce(versions, '{}') AS versions, coalesce(checksums, '{}') AS checksums,
                   coalesce(versions, '{}') = head AND coalesce(checksums, '{}') = sums AS at_head
            FROM subjects LEFT JOIN ledger USING (scope, tenant_id)
        )
        SELECT scope, tenant_id, slug, schema_name, status, at_head,
               CASE WHEN NOT at_head THEN versions END AS versions,
               CASE WHEN NOT at_head THEN checksums END AS checksums,
               (SELECT pg_catalog.count(*) FROM judged WHERE scope = 'tenant' AND at_head)
                   AS tenants_at_head
        FROM judged
        WHERE scope <> 'tenant' OR NOT at_head OR $8
        ORDER BY slug";
    let names = |slugs: &[Slug]| slugs.iter().map(Slug::to_string).collect::<Vec<_>>();
    let statuses: Vec<_> = filter
        .statuses
        .iter()
        .map(|status| status.as_str())
        .collect();
    let rows = sqlx::query(STANDING)
        .bind(sets.framework.versions())
        .bind(sets.framework.checksums())
        .bind(sets.shared.versions())
        .bind(sets.shared.checksums())
        .bind(sets.tenant.versions())
        .bind(sets.tenant.checksums())
        .bind(filter.only.map(names))
        .bind(listing == Listing::Everyone)
        .bind(names(filter.except))
        .bind(statuses)
        .fetch_all(connection)
        .await
        .map_err(explain)?;
    let at_head: i64 = match rows.first() {
        Some(row) => row.try_get("tenants_at_head")?,
        None => 0,
    };
    let subjects = rows
        .iter()
        .map(|row| subject(row, sets))
        .collect::<Result<_, Error>>()?;
    Ok(Standing {
        subjects,
        at_head: at_head.unsigned_abs(),
    })
}

fn subject(row: &PgRow, sets: Sets<'_>) -> Result<Subject, Error> {
    let scope = match row.try_get("scope")? {
        "framework" => Scope::Framework,
        "shared" => Scope::Shared,
        _ => Scope::Tenant(Target::from_row(row)?),
    };
    let set = sets.of(&scope);
    let ledger = if row.try_get("at_head")? {
        ScopeStatus::at_head(set)
    } else {
        let versions: Vec<i64> = row.try_get("versions")?;
        let checksums: Vec<Vec<u8>> = row.try_get("checksums")?;
        let pairs: Vec<_> = versions.into_iter().zip(checksums).collect();
        ScopeStatus::compare(set, &pairs)
    };
    Ok(Subject { scope, ledger })
}

impl FromRow<'_, PgRow> for Target {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: TenantId::from_uuid(row.try_get("tenant_id")?),
            slug: parsed(row, "slug")?,
            schema: parsed(row, "schema_name")?,
            status: parsed(row, "status")?,
        })
    }
}

/// Reads a column whose text has one strict form.
pub(crate) fn parsed<T>(row: &PgRow, column: &str) -> Result<T, sqlx::Error>
where
    T: std::str::FromStr<Err = tenancy_core::Error>,
{
    let text: &str = row.try_get(column)?;
    text.parse()
        .map_err(|error: T::Err| sqlx::Error::ColumnDecode {
            index: column.into(),
            source: Box::new(error),
        })
}

/// The statement that enters `migrations` into the ledgers of all of `tenants` at once, a row for
/// each of each; their time is shared out evenly.
pub(crate) fn entries(
    scope: &str,
    tenants: &[Uuid],
    migrations: &[&Migration],
    run: Uuid,
) -> String {
    let ids: Vec<_> = tenants.iter().map(|id| format!("'{id}'")).collect();
    let rows: Vec<_> = migrations
        .iter()
        .map(|migration| {
            format!(
                "({}::bigint, {}, '\\x{}'::bytea)",
                migration.version(),
                literal(migration.name()),
                hex(migration.checksum())
            )
        })
        .collect();
    let (ids, rows) = (ids.join(", "), rows.join(", "));
    let share = (tenants.len() * migrations.len()).max(1);
    format!(
        "INSERT INTO tenancy.migrations \
         (scope, tenant_id, version, name, checksum, run_id, applied_at, duration_us) \
         SELECT '{scope}', t.id, m.version, m.name, m.checksum, '{run}', \
         pg_catalog.clock_timestamp(), (pg_catalog.date_part('epoch', \
         pg_catalog.clock_timestamp() - pg_catalog.transaction_timestamp()) \
         * 1000000 / {share})::bigint \
         FROM pg_catalog.unnest(ARRAY[{ids}]::uuid[]) AS t (id), \
         (VALUES {rows}) AS m (version, name, checksum) ORDER BY t.id, m.version"
    )
}

/// Asks the version that was just applied and the schema that it left behind.
pub(super) fn trace(version: i64) -> String {
    format!(
        "SELECT {version}::bigint AS tenancy_version, \
         pg_catalog.current_schema()::text AS tenancy_schema"
    )
}

/// Fails unless `schema` is where the path leads, and answers nothing.
pub(super) fn proof(schema: &SchemaName) -> String {
    format!(
        "SELECT WHERE 1 / (pg_catalog.current_schema() IS NOT DISTINCT FROM '{schema}')::int = 0"
    )
}

/// Gives one row, under a lock on the run, while nobody has ended it by taking it back.
pub(super) fn going(run: Uuid) -> String {
    let going = "finished_at IS NULL";
    let going = sabotaged!("migrate.undone-run-goes-on", "true", going);
    format!(
        "SELECT id AS tenancy_run FROM tenancy.migration_runs \
         WHERE id = '{run}' AND {going} FOR SHARE"
    )
}

/// Asks how many entries `scope` has.
pub(super) fn tally(scope: &Scope) -> String {
    format!(
        "SELECT pg_catalog.count(*) AS tenancy_entries FROM tenancy.migrations \
         WHERE scope = '{}' AND tenant_id = '{}'",
        scope.name(),
        scope.tenant()
    )
}

/// Fails unless these tenants have so many entries together, and answers nothing.
pub(super) fn tally_proof(tenants: &[Uuid], entries: usize) -> String {
    let ids: Vec<_> = tenants.iter().map(|id| format!("'{id}'")).collect();
    format!(
        "SELECT WHERE 1 / ((SELECT pg_catalog.count(*) FROM tenancy.migrations \
         WHERE scope = 'tenant' AND tenant_id = ANY (ARRAY[{}]::uuid[])) = {entries})::int = 0",
        ids.join(", ")
    )
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The statement that enters `migration` into the ledger; it tells the version and the schema
/// that the migration left behind, which the runner compares with what it expects.
pub(super) fn entry(scope: &Scope, migration: &Migration, run: Uuid) -> String {
    let (name, tenant) = (scope.name(), scope.tenant());
    let checksum = hex(migration.checksum());
    format!(
        "INSERT INTO tenancy.migrations \
         (scope, tenant_id, version, name, checksum, run_id, applied_at, duration_us) \
         VALUES ('{name}', '{tenant}', {version}, {label}, '\\x{checksum}', '{run}', \
         pg_catalog.clock_timestamp(), \
         (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - coalesce(\
         (SELECT pg_catalog.max(applied_at) FROM tenancy.migrations WHERE scope = '{name}' \
         AND tenant_id = '{tenant}' AND run_id = '{run}'), pg_catalog.statement_timestamp())) \
         * 1000000)::bigint) \
         RETURNING version AS tenancy_version, pg_catalog.current_schema()::text AS tenancy_schema",
        version = migration.version(),
        label = literal(migration.name()),
    )
}

/// The statement that reads one scope's ledger.
pub(super) fn of_scope(scope: &Scope) -> String {
    format!(
        "SELECT version, checksum FROM tenancy.migrations \
         WHERE scope = '{}' AND tenant_id = '{}' ORDER BY version",
        scope.name(),
        scope.tenant()
    )
}

/// A string constant, under `standard_conforming_strings`, which every transaction here sets.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Says what to do when the framework's tables are not there.
pub(crate) fn explain(error: impl Into<Error>) -> Error {
    let error = error.into();
    if error.kind() == ErrorKind::SchemaMismatch {
        return Error::new(
            ErrorKind::Configuration,
            "the framework's tables are missing or old in this database: prepare it first \
             (migrate run --shared)",
        )
        .with_source(error);
    }
    if error.kind() == ErrorKind::Forbidden {
        return error.while_doing(
            "the login may not do this with the framework's tables: connect as their owner",
        );
    }
    error
}

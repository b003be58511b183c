//! Writes one tenant into one file.

use futures_util::TryStreamExt;
use serde::Serialize;
use serde_json::json;
use sqlx::Row;
use sqlx::postgres::PgConnection;
use tenancy_core::{ExportSink, SchemaName, Slug, Status, Tenant, sabotaged};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::AsyncWrite;

use super::archive::{Applied, FORMAT, Head, Schema, Sequence, Table, Writer, hex};
use super::dump::Dump;
use super::event::{ExportSummary, MoveEvent, TableRows};
use super::structure::{self, BATCH, Needs, PLAIN};
use crate::error::{Error, ErrorKind};
use crate::fleet::Fleet;
use crate::fleet::journal::{DONE, Kind};
use crate::fleet::life::failed;
use crate::fleet::transaction::{self, Locks};
use crate::migrate::ledger::literal;
use crate::picture::{self, Picture};
use crate::search_path;

/// The form of an export.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub enum ExportFormat {
    /// One file with everything, for [`Fleet::import`].
    #[default]
    Archive,
    /// SQL that psql restores into a database without the framework, in the schema of this name;
    /// that of the tenant otherwise. What resources keep is not in it.
    Sql {
        /// The schema that it makes.
        schema: Option<SchemaName>,
    },
}

/// What takes an export.
enum Sink<W> {
    Archive(Box<Writer<W>>),
    Sql(Box<Dump<W>>),
}

impl Fleet {
    /// Writes everything that a tenant has in one moment: its tables with all rows, where its
    /// sequences stand and, in an archive, what the registered resources keep of it.
    ///
    /// The tenant serves meanwhile; what is written is as if it had been read at once, but what
    /// resources keep is read after that. Migrations and other operations on the tenant wait
    /// until the end. `into` has something whole only once this has succeeded: write into a file
    /// of another name, and rename that.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such tenant.
    /// [`ErrorKind::Conflict`] when it is provisioning, when a table was changed by hand
    /// meanwhile, or when the schema has something that cannot be made again elsewhere.
    /// [`ErrorKind::Unavailable`] when `into` fails. Whatever a resource fails with.
    pub async fn export<W: AsyncWrite + Unpin + Send>(
        &self,
        slug: &Slug,
        into: W,
        format: ExportFormat,
        mut progress: impl FnMut(MoveEvent),
    ) -> Result<ExportSummary, Error> {
        let mut life = self.enter_life(slug, Kind::Export).await?;
        let tenant = life.tenant.clone();
        let result = self
            .export_in(&mut life.connection, &tenant, into, format, &mut progress)
            .await;
        if let Ok(summary) = &result {
            let detail = json!({ "sha256": summary.sha256, "rows": summary.rows() });
            life.note(DONE, detail).await?;
        }
        life.finish(result.map_err(|error| error.while_doing(format!("exporting tenant {slug}"))))
            .await
    }

    async fn export_in<W: AsyncWrite + Unpin + Send>(
        &self,
        guard: &mut PgConnection,
        tenant: &Tenant,
        into: W,
        format: ExportFormat,
        progress: &mut impl FnMut(MoveEvent),
    ) -> Result<ExportSummary, Error> {
        if tenant.status() == Status::Provisioning {
            return Err(Error::new(
                ErrorKind::Conflict,
                "it is provisioning: only a complete tenant is exported",
            ));
        }
        let schema = tenant.schema_name();
        // No migration changes a table while its rows are read.
        transaction::send(guard, transaction::begin(&Locks::of_tenant(tenant.id()))).await?;
        let stamp = structure::stamp(guard, schema).await?;
        let mut reader = self.open().await?;
        let seen = self.read(&mut reader, tenant, into, format, progress).await;
        let (summary, sink) = transaction::finish(reader, seen).await?;
        let now = structure::stamp(guard, schema).await?;
        if now != stamp && !sabotaged!("moves.changed-unnoticed") {
            return Err(Error::new(
                ErrorKind::Conflict,
                "one of its tables was changed or emptied meanwhile: try again",
            ));
        }
        transaction::rollback(guard).await?;
        self.close(tenant, sink, summary, progress).await
    }

    /// Everything that is read in one snapshot.
    async fn read<W: AsyncWrite + Unpin + Send>(
        &self,
        reader: &mut PgConnection,
        tenant: &Tenant,
        into: W,
        format: ExportFormat,
        progress: &mut impl FnMut(MoveEvent),
    ) -> Result<(ExportSummary, Sink<W>), Error> {
        let name = tenant.schema_name();
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {PLAIN}");
        transaction::send(reader, begin).await?;
        let snapshot: String = sqlx::query_scalar("SELECT pg_catalog.pg_export_snapshot()")
            .fetch_one(&mut *reader)
            .await?;
        let picture = Picture::read(reader, name).await?;
        picture.require_whole()?;
        let schema = structure::schema(&picture);
        let needs = structure::needs(reader, name).await?;
        let now = OffsetDateTime::now_utc();
        progress(MoveEvent::Schema {
            objects: schema.objects.len(),
        });
        let mut sink = match format {
            ExportFormat::Archive => {
                let head = head(reader, tenant, &needs, now).await?;
                let time = u64::try_from(now.unix_timestamp()).unwrap_or(0);
                let mut writer = Writer::begin(into, &head, time).await?;
                writer.schema(&schema).await?;
                Sink::Archive(Box::new(writer))
            }
            ExportFormat::Sql { schema: to } => {
                let to = to.as_ref().unwrap_or(name);
                Sink::Sql(Box::new(
                    Dump::begin(into, tenant, to, &needs, &schema).await?,
                ))
            }
        };
        let mut copier = self.open().await?;
        let copied = copy_all(&mut copier, name, &snapshot, &schema, &mut sink, progress).await;
        let states = match copied {
            Ok(tables) => picture::sequence_states(&mut copier, name, &picture.sequences)
                .await
                .map(|states| (tables, states)),
            Err(error) => Err(error),
        };
        let (tables, states) = transaction::finish(copier, states).await?;
        let sequences: Vec<_> = states
            .into_iter()
            .map(|state| Sequence {
                name: state.name,
                last_value: state.last_value,
                is_called: state.is_called,
            })
            .collect();
        match &mut sink {
            Sink::Archive(writer) => writer.sequences(&sequences).await?,
            Sink::Sql(dump) => dump.end(&sequences, &schema).await?,
        }
        let summary = ExportSummary {
            slug: tenant.slug().clone(),
            schema: name.clone(),
            tables,
            resources: 0,
            bytes: 0,
            sha256: String::new(),
        };
        Ok((summary, sink))
    }

    /// What is outside the database, and the end of the file.
    async fn close<W: AsyncWrite + Unpin + Send>(
        &self,
        tenant: &Tenant,
        sink: Sink<W>,
        mut summary: ExportSummary,
        progress: &mut impl FnMut(MoveEvent),
    ) -> Result<ExportSummary, Error> {
        (summary.bytes, summary.sha256) = match sink {
            Sink::Archive(mut writer) => {
                for resource in &self.resources {
                    let mut entries = Entries {
                        writer: &mut writer,
                        resource: resource.name(),
                    };
                    resource
                        .export(tenant, &mut entries)
                        .await
                        .map_err(|error| failed(&**resource, error))?;
                    progress(MoveEvent::Resource {
                        resource: resource.name(),
                    });
                }
                let (manifest, bytes, sha256) = writer.finish().await?;
                summary.resources = manifest.resources.len();
                (bytes, sha256)
            }
            Sink::Sql(dump) => dump.finish().await?,
        };
        Ok(summary)
    }
}

/// Copies the rows of every table, as they were when `snapshot` was taken, in transactions that
/// lock only so many.
async fn copy_all<W: AsyncWrite + Unpin>(
    connection: &mut PgConnection,
    name: &SchemaName,
    snapshot: &str,
    schema: &Schema,
    sink: &mut Sink<W>,
    progress: &mut impl FnMut(MoveEvent),
) -> Result<Vec<TableRows>, Error> {
    let mut tables = Vec::with_capacity(schema.tables.len());
    for batch in schema.tables.chunks(BATCH) {
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}; \
             {PLAIN}; SET LOCAL lock_timeout = '60s'; {}",
            literal(snapshot),
            search_path::set_local(name)
        );
        transaction::send(connection, begin).await?;
        for table in batch {
            let rows = copy(connection, name, table, sink)
                .await
                .map_err(|error| error.while_doing(format!("table {}", table.name)))?;
            progress(MoveEvent::Table {
                table: table.name.clone(),
                rows,
            });
            tables.push(TableRows::new(&table.name, rows));
        }
        transaction::commit(connection).await?;
    }
    Ok(tables)
}

async fn copy<W: AsyncWrite + Unpin>(
    connection: &mut PgConnection,
    name: &SchemaName,
    table: &Table,
    sink: &mut Sink<W>,
) -> Result<u64, Error> {
    match sink {
        Sink::Archive(writer) => writer.table(&table.name),
        Sink::Sql(dump) => dump.table(table).await?,
    }
    let statement = table.copy(name, "TO STDOUT");
    let mut pieces = connection.copy_out_raw(&statement).await?;
    while let Some(piece) = pieces.try_next().await? {
        match sink {
            Sink::Archive(writer) => writer.rows(&piece).await?,
            Sink::Sql(dump) => dump.rows(&piece).await?,
        }
    }
    match sink {
        Sink::Archive(writer) => writer.end_table().await,
        Sink::Sql(dump) => dump.end_table().await,
    }
}

async fn head(
    connection: &mut PgConnection,
    tenant: &Tenant,
    needs: &Needs,
    now: OffsetDateTime,
) -> Result<Head, Error> {
    let version: String = sqlx::query_scalar("SELECT pg_catalog.current_setting('server_version')")
        .fetch_one(&mut *connection)
        .await?;
    let rows = sqlx::query(
        "SELECT version, name, checksum FROM tenancy.migrations
         WHERE scope = 'tenant' AND tenant_id = $1 ORDER BY version",
    )
    .bind(tenant.id().as_uuid())
    .fetch_all(connection)
    .await?;
    let migrations = rows.iter().map(|row| {
        Ok(Applied {
            version: row.try_get("version")?,
            name: row.try_get("name")?,
            checksum: hex(row.try_get("checksum")?),
        })
    });
    Ok(Head {
        format: FORMAT,
        made_by: format!("tenancy-sqlx {}", env!("CARGO_PKG_VERSION")),
        made_at: now.format(&Rfc3339).unwrap_or_default(),
        tenant_id: tenant.id().to_string(),
        slug: tenant.slug().to_string(),
        schema: tenant.schema_name().to_string(),
        name: tenant.name().to_owned(),
        description: tenant.description().to_owned(),
        postgresql: version,
        extensions: needs.extensions.clone(),
        migrations: migrations.collect::<Result<_, sqlx::Error>>()?,
    })
}

/// What a resource writes its entries into.
struct Entries<'a, W> {
    writer: &'a mut Writer<W>,
    resource: &'static str,
}

#[async_trait::async_trait]
impl<W: AsyncWrite + Unpin + Send> ExportSink for Entries<'_, W> {
    async fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), tenancy_core::Error> {
        let written = self.writer.stored(self.resource, path, bytes).await;
        written.map_err(tenancy_core::Error::from)
    }
}

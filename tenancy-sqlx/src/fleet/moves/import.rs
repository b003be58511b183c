//! Makes a tenant of an archive: all of it or nothing.

use std::io::SeekFrom;

use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tenancy_core::{Status, Tenant, TenantId, sabotaged};
use tokio::io::{AsyncRead, AsyncSeek, AsyncSeekExt, BufReader};

use super::archive::{Reader, Shape, Verified, When, hex, verify};
use super::definition;
use super::event::MoveEvent;
use super::load::Load;
use super::register::activate;
use super::structure::{self, BATCH, PLAIN};
use crate::error::{Error, ErrorKind};
use crate::fleet::journal::{BEGUN, Kind, Operation};
use crate::fleet::life::{failed, release};
use crate::fleet::names::refuse_taken;
use crate::fleet::provision::change;
use crate::fleet::role::Roles;
use crate::fleet::transaction::{self, Locks};
use crate::fleet::{Fleet, NewTenant, TenantPlan, grants};
use crate::migrate::Migration;
use crate::picture::{self, Picture};
use crate::store::notify;

/// How many objects are made with one message.
const AT_ONCE: usize = 100;

/// How many differences are named in a message.
const NAMED: usize = 5;

impl Fleet {
    /// Makes a new tenant of an archive: tables, rows, sequences and what resources keep.
    ///
    /// The archive is read twice: first to see that every byte is what its manifest says, before
    /// anything is made; then into a schema that is provisioning and serves nobody. In the end its
    /// structure must be that of the archive and its rows as many. When anything fails, everything
    /// is taken back; when the program dies, the same import removes what is left and begins anew.
    /// The tenant has an id of its own, the domains that are asked for, and the name and
    /// description of the archive unless others are.
    ///
    /// An archive that is behind this program's migrations becomes a tenant that is behind, and
    /// the next run of migrations brings it to head.
    ///
    /// Only import what you trust. Nothing is run but definitions of the forms that an export
    /// writes, and one that names another tenant's tables is taken back; but the functions among
    /// them are code, which runs as the owner, some of it during the import.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] when the archive is damaged, of a form that is not known, or would
    /// have anything else run than what makes its own objects.
    /// [`ErrorKind::SchemaMismatch`] when it has migrations that this program has not, or
    /// others of the same version. [`ErrorKind::Configuration`] when it has entries of a resource
    /// that is not registered. [`ErrorKind::Conflict`] when a name is taken or still reserved, or
    /// the same import is under way. Whatever a [validator](Fleet::validator) or a resource fails
    /// with.
    pub async fn import<R>(
        &self,
        mut archive: R,
        new: NewTenant,
        mut progress: impl FnMut(MoveEvent),
    ) -> Result<Tenant, Error>
    where
        R: AsyncRead + AsyncSeek + Unpin + Send,
    {
        rewind(&mut archive).await?;
        let verified = verify(BufReader::new(&mut archive)).await?;
        progress(MoveEvent::Verified {
            bytes: verified.bytes,
        });
        if !sabotaged!("moves.statements-unchecked") {
            definition::check(&verified)?;
        }
        let applied = self.known(&verified)?;
        self.refuse_unknown_resources(&verified)?;
        let head = &verified.head;
        let plan = new.described_or(&head.name, &head.description).resolve()?;
        for domain in &plan.domains {
            self.refuse_public(domain)?;
        }
        for validator in &self.validators {
            let valid = validator.validate(&plan).await;
            valid.map_err(|error| importing(&plan, error))?;
        }
        rewind(&mut archive).await?;
        let mut connection = self.open().await?;
        let import = Import {
            fleet: self,
            plan: &plan,
            verified: &verified,
            applied: &applied,
        };
        let tenant = import
            .run(&mut connection, archive, &mut progress)
            .await
            .map_err(|error| importing(&plan, error));
        transaction::finish(connection, tenant).await
    }

    /// The migrations of this program that the archive's tables are at.
    fn known(&self, verified: &Verified) -> Result<Vec<&Migration>, Error> {
        let mut known = Vec::new();
        for applied in &verified.head.migrations {
            let mut ours = self.migrations.tenant.iter();
            let ours = ours.find(|one| one.version() == applied.version);
            let Some(ours) = ours else {
                return Err(Error::new(
                    ErrorKind::SchemaMismatch,
                    format!(
                        "the archive is at migration {}_{}, which this program has not: import it \
                         with a program that has",
                        applied.version, applied.name
                    ),
                ));
            };
            if hex(ours.checksum()) != applied.checksum {
                return Err(Error::new(
                    ErrorKind::SchemaMismatch,
                    format!(
                        "migration {} is not the one that the archive is at: import it with the \
                         program that it was exported with",
                        ours.file_name()
                    ),
                ));
            }
            known.push(ours);
        }
        Ok(known)
    }

    fn refuse_unknown_resources(&self, verified: &Verified) -> Result<(), Error> {
        let is_known = |name: &str| self.resources.iter().any(|one| one.name() == name);
        let stored = verified.manifest.resources.iter();
        match stored
            .map(|stored| &stored.resource)
            .find(|name| !is_known(name))
        {
            None => Ok(()),
            Some(name) => Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "the archive has entries of resource {name}, which this program has not: register it"
                ),
            )),
        }
    }
}

/// One import under way.
struct Import<'a> {
    fleet: &'a Fleet,
    plan: &'a TenantPlan,
    verified: &'a Verified,
    applied: &'a [&'a Migration],
}

impl Import<'_> {
    async fn run<R: AsyncRead + Unpin + Send>(
        &self,
        connection: &mut PgConnection,
        archive: R,
        progress: &mut impl FnMut(MoveEvent),
    ) -> Result<Tenant, Error> {
        if self.fleet.remove_half(connection, self.plan).await? {
            progress(MoveEvent::Removed);
        }
        let id = TenantId::generate();
        let operation = self.fleet.operation(id, Kind::Import);
        // Nobody changes, migrates or removes the tenant while it is being made.
        let mut guard = self.fleet.open().await?;
        let locks = format!(
            "{}; SAVEPOINT still{}",
            transaction::begin(&Locks::of_life(id)),
            transaction::take(&Locks::of_tenant(id), "60s"),
        );
        transaction::send(&mut guard, locks).await?;
        let made = self
            .run_alone(connection, &mut guard, &operation, archive, progress)
            .await;
        release(guard).await;
        made
    }

    async fn run_alone<R: AsyncRead + Unpin + Send>(
        &self,
        connection: &mut PgConnection,
        guard: &mut PgConnection,
        operation: &Operation,
        archive: R,
        progress: &mut impl FnMut(MoveEvent),
    ) -> Result<Tenant, Error> {
        let tenant = self.reserve(connection, operation).await?;
        progress(MoveEvent::Reserved);
        let error = match self
            .fill(connection, guard, &tenant, operation, archive, progress)
            .await
        {
            Ok(tenant) => return Ok(tenant),
            Err(error) => error,
        };
        progress(MoveEvent::Undoing);
        // What failed may have left a transaction, or the connection, unusable.
        let undone = async {
            let mut connection = self.fleet.open().await?;
            let undone = self
                .fleet
                .remove_import(&mut connection, &tenant, operation)
                .await;
            transaction::finish(connection, undone).await
        };
        // A table that the failed transaction locked is not free before that has ended.
        let _ = transaction::rollback(connection).await;
        let _ = still(guard).await;
        Err(match undone.await {
            Ok(()) => error,
            Err(left) => error.while_doing(format!(
                "what was made could not be taken back ({left}); run the same again for that"
            )),
        })
    }

    /// The tenant's record and its empty schema, with every right in it.
    async fn reserve(
        &self,
        connection: &mut PgConnection,
        operation: &Operation,
    ) -> Result<Tenant, Error> {
        let (plan, id) = (self.plan, operation.tenant());
        let roles = Roles::of(self.fleet, connection).await?;
        let locks = Locks::of_names(&plan.slug, &plan.schema, &plan.domains);
        transaction::send(connection, transaction::begin(&locks)).await?;
        refuse_taken(connection, plan.wanted()).await?;
        let made = self
            .fleet
            .insert(connection, id, plan, Status::Provisioning);
        let tenant = made.await?;
        let mut sql = format!("CREATE SCHEMA {}", plan.schema.quoted());
        if let Some(login) = &self.fleet.app_login {
            sql.push_str("; ");
            sql.push_str(&grants::tenant(&plan.schema, login));
        }
        if let Some(roles) = roles {
            sql.push_str("; ");
            sql.push_str(&roles.provision(id, &plan.schema)?);
        }
        transaction::send(connection, sql).await?;
        let detail = json!({
            "sha256": self.verified.sha256,
            "of": self.verified.head.tenant_id,
            "slug": plan.slug, "schema": plan.schema, "domains": plan.domains,
        });
        operation.enter(connection, BEGUN, detail).await?;
        notify(connection, &change(id, plan)).await?;
        transaction::commit(connection).await?;
        Ok(tenant)
    }

    /// Everything else, until the tenant serves.
    async fn fill<R: AsyncRead + Unpin + Send>(
        &self,
        connection: &mut PgConnection,
        guard: &mut PgConnection,
        tenant: &Tenant,
        operation: &Operation,
        archive: R,
        progress: &mut impl FnMut(MoveEvent),
    ) -> Result<Tenant, Error> {
        let schema = &self.verified.schema;
        self.make(connection, When::Before).await?;
        progress(MoveEvent::Schema {
            objects: schema.objects.len(),
        });
        let reader = Reader::new(BufReader::with_capacity(1 << 16, archive));
        let mut load = Load::new(reader, self.verified);
        for tables in schema.tables.chunks(BATCH) {
            transaction::send(connection, self.begin()).await?;
            for table in tables {
                let rows = load
                    .table(connection, &self.plan.schema, table)
                    .await
                    .map_err(|error| error.while_doing(format!("table {}", table.name)))?;
                progress(MoveEvent::Table {
                    table: table.name.clone(),
                    rows,
                });
            }
            transaction::commit(connection).await?;
        }
        self.restore_sequences(connection).await?;
        self.make(connection, When::After).await?;
        self.refresh(connection).await?;
        progress(MoveEvent::Completed);
        self.prove(connection, tenant).await?;
        // The tables are done: what resources do may take long.
        still(guard).await?;
        let head = self.applied.last().map_or(0, |last| last.version());
        let tenant = tenant.clone().with_migration(head);
        for resource in &self.fleet.resources {
            resource
                .provision(&tenant)
                .await
                .map_err(|error| failed(&**resource, error))?;
        }
        for stored in &self.verified.manifest.resources {
            let bytes = load.stored(stored).await?;
            let name = &stored.resource;
            let resource = self.fleet.resources.iter().find(|one| one.name() == name);
            let Some(resource) = resource else { continue };
            resource
                .import(&tenant, &stored.path, &bytes)
                .await
                .map_err(|error| failed(&**resource, error))?;
        }
        for resource in &self.fleet.resources {
            progress(MoveEvent::Resource {
                resource: resource.name(),
            });
        }
        let tenant = activate(connection, tenant, operation).await?;
        progress(MoveEvent::Active);
        Ok(tenant)
    }

    /// What begins every transaction in the new schema.
    fn begin(&self) -> String {
        format!(
            "{}; {PLAIN}; {}",
            transaction::begin(&Locks::none()),
            picture::scope(&self.plan.schema)
        )
    }

    /// Makes the objects of the schema, so many in each transaction.
    async fn make(&self, connection: &mut PgConnection, when: When) -> Result<(), Error> {
        let objects = self.verified.schema.objects.iter();
        let objects: Vec<&Shape> = objects.filter(|object| object.when == when).collect();
        for batch in objects.chunks(AT_ONCE) {
            let mut sql = self.begin();
            for object in batch {
                if definition::is_compound(object) {
                    transaction::send(connection, sql).await.map_err(making)?;
                    sql = String::from("SELECT");
                    self.make_alone(connection, object).await.map_err(making)?;
                    continue;
                }
                sql.push_str(";\n");
                sql.push_str(&object.sql);
                sql.push('\n');
            }
            transaction::send(connection, sql).await.map_err(making)?;
            transaction::commit(connection).await?;
        }
        Ok(())
    }

    /// Makes an object with semicolons in its statement, which the server must take for one.
    async fn make_alone(&self, connection: &mut PgConnection, object: &Shape) -> Result<(), Error> {
        sqlx::query(AssertSqlSafe(object.sql.clone()))
            .persistent(false)
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn restore_sequences(&self, connection: &mut PgConnection) -> Result<(), Error> {
        for batch in self.verified.sequences.chunks(BATCH) {
            let mut sql = self.begin();
            for sequence in batch {
                sql.push_str("; ");
                sql.push_str(&sequence.restore());
            }
            transaction::send(connection, sql).await?;
            transaction::commit(connection).await?;
        }
        Ok(())
    }

    async fn refresh(&self, connection: &mut PgConnection) -> Result<(), Error> {
        for view in &self.verified.schema.filled {
            let sql = format!("{}; REFRESH MATERIALIZED VIEW {view}", self.begin());
            transaction::send(connection, sql).await?;
            transaction::commit(connection).await?;
        }
        Ok(())
    }

    /// Proves that the schema is the archive's, and enters its migrations.
    async fn prove(&self, connection: &mut PgConnection, tenant: &Tenant) -> Result<(), Error> {
        transaction::send(connection, transaction::begin(&Locks::none())).await?;
        let made = Picture::read(connection, &self.plan.schema).await?;
        // Whoever made the archive may have known the names of others.
        made.require_whole()?;
        let differences = structure::schema(&made).differences(&self.verified.schema);
        if !differences.is_empty() && !sabotaged!("moves.structure-unproved") {
            return Err(Error::new(
                ErrorKind::SchemaMismatch,
                format!(
                    "{} objects did not become what they are in the archive ({}): see that the \
                     server and its extensions are those of the export",
                    differences.len(),
                    differences[..differences.len().min(NAMED)].join(", ")
                ),
            ));
        }
        self.fleet
            .enter_migrations(connection, tenant.id(), self.applied, Kind::Import)
            .await?;
        transaction::commit(connection).await
    }
}

/// Lets migrations have the tenant, and keeps everybody else from it.
async fn still(guard: &mut PgConnection) -> Result<(), Error> {
    transaction::send(guard, "ROLLBACK TO still".to_owned()).await
}

async fn rewind<R: AsyncSeek + Unpin>(archive: &mut R) -> Result<(), Error> {
    archive
        .seek(SeekFrom::Start(0))
        .await
        .map(drop)
        .map_err(|error| {
            let why = format!("the archive cannot be read twice: {error}");
            Error::new(ErrorKind::Unavailable, why).with_source(error)
        })
}

fn making(error: Error) -> Error {
    error.while_doing("making its objects")
}

fn importing(plan: &TenantPlan, error: Error) -> Error {
    error.while_doing(format!("importing tenant {}", plan.slug))
}

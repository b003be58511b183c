//! Makes a tenant of a schema that is there already.

use std::collections::BTreeMap;

use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tenancy_core::{Status, Tenant, TenantId, TenantResource, sabotaged};

use super::adoption::{Adopted, Adoption, AdoptionPlan, Kept};
use super::belongings::{self, Object};
use super::made;
use super::register::activate;
use crate::error::{Error, ErrorKind};
use crate::fleet::journal::{self, BEGUN, DONE, JournalEntry, Kind, Operation};
use crate::fleet::life::{failed, release};
use crate::fleet::names::refuse_taken_but;
use crate::fleet::provision::change;
use crate::fleet::role::Roles;
use crate::fleet::transaction::{self, Locks};
use crate::fleet::{Fleet, TenantPlan, dependents, find, find_by, grants};
use crate::migrate::Migration;
use crate::migrate::ledger;
use crate::role::TenantRole;
use crate::search_path;
use crate::store::notify;

/// The schema that every database has, and that stays.
const PUBLIC: &str = "public";

/// What a schema holds, and what would become of it.
struct Found {
    plan: AdoptionPlan,
    moving: Vec<Object>,
}

impl Fleet {
    /// Makes a tenant of a schema with tables, in one transaction and without copying a row.
    ///
    /// The schema is renamed where its name is not the tenant's. From `public`, everything moves
    /// into a new schema but what an extension owns, what the shared migrations make as far as
    /// their text says it, and what the adoption [keeps](Adoption::keep). Functions that are bound
    /// to the old schema by name follow. The application gets its rights, the tenant its role
    /// where tenants have one, and the migrations of this program up to the version that was named
    /// are entered as applied, without being run.
    ///
    /// Without resources the tenant is active from the end of the transaction; with them it is
    /// suspended until each is ready, and nothing is taken back when one fails: the same adoption
    /// is repeated, and goes on. One that is complete is answered as it was.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when there is no such schema,
    /// object to keep or version, or no name follows.
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict) when a name is taken, when the schema
    /// is a tenant's, the framework's or an extension's, or when anything outside depends on what
    /// moves. [`ErrorKind::Forbidden`](crate::ErrorKind::Forbidden) when something in it belongs
    /// to another login; the message says what to run. [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) when a table of
    /// `public` is in use for too long. Whatever a [validator](Fleet::validator) or a resource
    /// fails with.
    pub async fn adopt(&self, adoption: Adoption) -> Result<Adopted, Error> {
        let plan = self.accept(&adoption).await?;
        let mut connection = self.open().await?;
        let adopted = self
            .adopt_on(&mut connection, &adoption, &plan)
            .await
            .map_err(|error| adopting(&adoption, error));
        transaction::finish(connection, adopted).await
    }

    /// Says what [`adopt`](Fleet::adopt) would do, and changes nothing.
    ///
    /// What depends on the schema from outside is only found by adopting it.
    ///
    /// # Errors
    ///
    /// As [`Fleet::adopt`].
    pub async fn adoption_plan(&self, adoption: &Adoption) -> Result<AdoptionPlan, Error> {
        let plan = self.accept(adoption).await?;
        let mut connection = self.open().await?;
        let found = self
            .survey(&mut connection, adoption, &plan)
            .await
            .map(|found| found.plan)
            .map_err(|error| adopting(adoption, error));
        transaction::finish(connection, found).await
    }

    /// Decides the names and lets everybody refuse them who may.
    async fn accept(&self, adoption: &Adoption) -> Result<TenantPlan, Error> {
        let plan = adoption.plan()?;
        for domain in &plan.domains {
            self.refuse_public(domain)?;
        }
        for validator in &self.validators {
            let valid = validator.validate(&plan).await;
            valid.map_err(|error| adopting(adoption, error))?;
        }
        Ok(plan)
    }

    async fn adopt_on(
        &self,
        connection: &mut PgConnection,
        adoption: &Adoption,
        plan: &TenantPlan,
    ) -> Result<Adopted, Error> {
        if let Some((tenant, begun)) = begun(self, connection, adoption, plan).await? {
            return self.go_on(tenant, begun, adoption).await;
        }
        let id = TenantId::generate();
        let operation = self.operation(id, Kind::Adopt);
        let guard = if self.resources.is_empty() {
            None
        } else {
            let mut guard = self.open().await?;
            transaction::send(&mut guard, transaction::begin(&Locks::of_life(id))).await?;
            Some(guard)
        };
        let (mut tenant, found) = self
            .adopt_rows(connection, &operation, adoption, plan)
            .await?;
        if let Some(guard) = guard {
            let ready = self.provide(connection, tenant, &operation).await;
            release(guard).await;
            tenant = ready?;
        }
        Ok(Adopted {
            tenant,
            plan: found.plan,
        })
    }

    /// Everything in PostgreSQL, in one transaction.
    async fn adopt_rows(
        &self,
        connection: &mut PgConnection,
        operation: &Operation,
        adoption: &Adoption,
        plan: &TenantPlan,
    ) -> Result<(Tenant, Found), Error> {
        let id = operation.tenant();
        let roles = Roles::of(self, connection).await?;
        transaction::send(
            connection,
            transaction::begin(&Locks::of_names(&plan.slug, &plan.schema, &plan.domains)),
        )
        .await?;
        let found = self.survey(connection, adoption, plan).await?;
        let status = if self.resources.is_empty() {
            Status::Active
        } else {
            // Nobody takes this for something half made that may be removed.
            Status::Suspended
        };
        let tenant = self.insert(connection, id, plan, status).await?;
        self.take_over(connection, adoption, plan, &found).await?;
        if let Some(roles) = roles {
            let role = TenantRole::of(id).to_string();
            let made = roles.provision(id, &plan.schema)?;
            let sql = format!("{made}; {}", grants::existing(&plan.schema, &role));
            transaction::send(connection, sql).await?;
        }
        let applied = self.applied(adoption)?;
        self.enter_migrations(connection, id, &applied, Kind::Adopt)
            .await?;
        let detail = json!({ "from": adoption.from, "plan": found.plan });
        operation.enter(connection, BEGUN, detail).await?;
        if status == Status::Active {
            operation.enter(connection, DONE, json!({})).await?;
        }
        notify(connection, &change(id, plan)).await?;
        transaction::commit(connection).await?;
        let head = applied.last().map_or(0, |migration| migration.version());
        Ok((tenant.with_migration(head), found))
    }

    /// Gives the schema its name and the application its rights in it.
    async fn take_over(
        &self,
        connection: &mut PgConnection,
        adoption: &Adoption,
        plan: &TenantPlan,
        found: &Found,
    ) -> Result<(), Error> {
        let schema = plan.schema.quoted();
        let mut statements = Vec::new();
        if adoption.from == PUBLIC {
            statements.push(format!("CREATE SCHEMA {schema}"));
            statements.extend(
                found
                    .moving
                    .iter()
                    .map(|object| object.to_schema(&plan.schema)),
            );
        } else if adoption.from != plan.schema.as_str() {
            let from = grants::role(&adoption.from);
            statements.push(format!("ALTER SCHEMA {from} RENAME TO {schema}"));
        }
        if let Some(login) = &self.app_login {
            statements.push(grants::tenant(&plan.schema, login));
            statements.push(grants::existing(&plan.schema, login));
        }
        if !statements.is_empty() {
            transaction::send(connection, statements.join("; "))
                .await
                .map_err(in_use)?;
        }
        let bound: Vec<String> = sqlx::query_scalar(AssertSqlSafe(search_path::rebind_routines(
            &adoption.from,
            &plan.schema,
        )))
        .fetch_all(&mut *connection)
        .await?;
        if !bound.is_empty() && adoption.from != plan.schema.as_str() {
            transaction::send(connection, bound.join("; ")).await?;
        }
        if sabotaged!("moves.dependents-adopted") {
            return Ok(());
        }
        dependents::refuse(connection, &plan.schema).await
    }

    /// Makes the resources ready; whatever fails, the tenant keeps its tables and is suspended.
    pub(in crate::fleet) async fn provide(
        &self,
        connection: &mut PgConnection,
        tenant: Tenant,
        operation: &Operation,
    ) -> Result<Tenant, Error> {
        for resource in &self.resources {
            let resource: &dyn TenantResource = &**resource;
            resource.provision(&tenant).await.map_err(|error| {
                failed(resource, error).while_doing(
                    "its tables are adopted and it is suspended; run the same again to go on",
                )
            })?;
        }
        activate(connection, tenant, operation).await
    }

    /// Goes on with an adoption that was cut off, or answers one that is complete.
    async fn go_on(
        &self,
        tenant: Tenant,
        begun: Begun,
        adoption: &Adoption,
    ) -> Result<Adopted, Error> {
        let head = self
            .applied(adoption)?
            .last()
            .map_or(0, |last| last.version());
        let mut tenant = tenant.with_migration(head);
        if !begun.is_complete && tenant.status() == Status::Suspended {
            let mut life = self.enter_life(tenant.slug(), Kind::Adopt).await?;
            let held = life.tenant.clone().with_migration(head);
            let ready = match held.status() {
                Status::Suspended => {
                    self.provide(&mut life.connection, held, &begun.operation)
                        .await
                }
                // Another program went on meanwhile.
                _ => Ok(held),
            };
            tenant = life.finish(ready).await?;
        }
        Ok(Adopted {
            tenant,
            plan: begun.plan,
        })
    }

    /// The migrations whose effects the tables have already.
    fn applied(&self, adoption: &Adoption) -> Result<Vec<&Migration>, Error> {
        let all = self.migrations.tenant.iter();
        let Some(version) = adoption.version else {
            return Ok(all.collect());
        };
        let applied: Vec<_> = all.take_while(|one| one.version() <= version).collect();
        if version == 0 || applied.last().is_some_and(|last| last.version() == version) {
            return Ok(applied);
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "there is no tenant migration {version}: name one of {:?}, or 0 for none",
                self.migrations.tenant.versions()
            ),
        ))
    }

    /// Looks at the schema, and refuses what cannot become a tenant's.
    async fn survey(
        &self,
        connection: &mut PgConnection,
        adoption: &Adoption,
        plan: &TenantPlan,
    ) -> Result<Found, Error> {
        let versions = self.applied(adoption)?;
        let from = adoption.from.as_str();
        refuse_schema(connection, from).await?;
        let wanted = plan.wanted();
        refuse_taken_but(connection, wanted, Some(from)).await?;
        let objects = belongings::of(connection, from).await?;
        let mut hints = Vec::new();
        let extensions = belongings::extensions(connection, from).await?;
        let (moving, keeps) = if from == PUBLIC {
            for extension in extensions {
                hints.push(format!(
                    "extension {extension} stays in public, where no tenant looks for it: run \
                     `ALTER EXTENSION {extension} SET SCHEMA extensions`"
                ));
            }
            self.choose(objects, adoption)?
        } else {
            if let Some(extension) = extensions.first() {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    format!(
                        "extension {extension} is in it and everybody's: run `ALTER EXTENSION \
                         {extension} SET SCHEMA extensions` first"
                    ),
                ));
            }
            if let Some(name) = adoption.kept.first() {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!("{name:?} cannot be kept: only of public does anything stay"),
                ));
            }
            (objects, Vec::new())
        };
        if !sabotaged!("moves.foreign-owner-adopted") {
            belongings::refuse_foreign(connection, &moving).await?;
        }
        if from != plan.schema.as_str() {
            hints.extend(belongings::mentions(connection, from).await?);
        }
        let moves = match from {
            PUBLIC => moving.iter().map(Object::label).collect(),
            _ => Vec::new(),
        };
        let plan = AdoptionPlan {
            from: from.to_owned(),
            slug: plan.slug.clone(),
            schema: plan.schema.clone(),
            moves,
            keeps,
            versions: versions.iter().map(|one| one.version()).collect(),
            hints,
        };
        Ok(Found { plan, moving })
    }

    /// Divides what is in `public` into what moves and what stays.
    fn choose(
        &self,
        objects: Vec<Object>,
        adoption: &Adoption,
    ) -> Result<(Vec<Object>, Vec<Kept>), Error> {
        let mut reasons: BTreeMap<String, String> = made::by(&self.migrations.shared)
            .into_iter()
            .map(|(name, file)| (name, format!("the shared migration {file} makes it")))
            .collect();
        for name in &adoption.kept {
            if !objects.iter().any(|object| object.name == *name) {
                return Err(Error::new(
                    ErrorKind::InvalidInput,
                    format!("{name:?} cannot be kept: public has nothing of this name to move"),
                ));
            }
            reasons.insert(name.clone(), "it is to be kept".to_owned());
        }
        let (mut moving, mut keeps) = (Vec::new(), Vec::new());
        for object in objects {
            match reasons.get(&object.name) {
                Some(because) => keeps.push(Kept {
                    object: object.label(),
                    because: because.clone(),
                }),
                None => moving.push(object),
            }
        }
        if moving.is_empty() {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "there is nothing in it to adopt: create a tenant instead",
            ));
        }
        Ok((moving, keeps))
    }
}

/// An adoption that an earlier call began.
struct Begun {
    operation: Operation,
    plan: AdoptionPlan,
    is_complete: bool,
}

/// The tenant that the same adoption made before, if it did.
async fn begun(
    fleet: &Fleet,
    connection: &mut PgConnection,
    adoption: &Adoption,
    plan: &TenantPlan,
) -> Result<Option<(Tenant, Begun)>, Error> {
    let Some(tenant) = find(connection, &plan.slug).await? else {
        return Ok(None);
    };
    let entries = journal::of_tenant(connection, tenant.id()).await?;
    let first = entries.iter().find(|entry| {
        entry.kind == Kind::Adopt.as_str()
            && entry.step == BEGUN
            && entry.detail.get("from").and_then(|from| from.as_str()) == Some(&adoption.from)
    });
    let Some(first) = first else { return Ok(None) };
    let plan = first.detail.get("plan").cloned().unwrap_or_default();
    let plan = serde_json::from_value(plan).map_err(|error| {
        Error::new(ErrorKind::Internal, "the journal's entry cannot be read").with_source(error)
    })?;
    let is_last = |entry: &JournalEntry| entry.operation == first.operation && entry.step == DONE;
    let begun = Begun {
        operation: fleet.continued(first, Kind::Adopt),
        plan,
        is_complete: entries.iter().any(is_last),
    };
    Ok(Some((tenant, begun)))
}

/// Refuses a schema that is not there, or is somebody's already.
async fn refuse_schema(connection: &mut PgConnection, name: &str) -> Result<(), Error> {
    let is_framework = matches!(
        name,
        "tenancy" | "shared" | "extensions" | "information_schema"
    );
    if is_framework || name.starts_with("pg_") {
        return Err(Error::new(
            ErrorKind::Conflict,
            "it is not an application's: name the schema that has its tables",
        ));
    }
    let (exists, of_extension): (bool, bool) = sqlx::query_as(
        "SELECT pg_catalog.count(*) > 0, pg_catalog.count(*) FILTER (WHERE EXISTS
             (SELECT FROM pg_catalog.pg_depend d
              WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                AND d.objid = n.oid AND d.deptype = 'e')) > 0
         FROM pg_catalog.pg_namespace n WHERE nspname = $1",
    )
    .bind(name)
    .fetch_one(&mut *connection)
    .await?;
    if !exists {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "there is no such schema: names count with upper and lower case",
        ));
    }
    if of_extension {
        return Err(Error::new(
            ErrorKind::Conflict,
            "it is an extension's: name the schema that has your tables",
        ));
    }
    match find_by(connection, "schema_name", name).await? {
        None => Ok(()),
        Some(tenant) => Err(Error::new(
            ErrorKind::Conflict,
            format!("it is tenant {}'s already", tenant.slug()),
        )),
    }
}

fn in_use(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Timeout => error.while_doing("its tables are in use; try again later"),
        _ => ledger::explain(error),
    }
}

fn adopting(adoption: &Adoption, error: Error) -> Error {
    error.while_doing(format!("adopting schema {:?}", adoption.from))
}

//! Gives a tenant other names; its id and everything keyed by that stay.

use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tenancy_core::{Domain, SchemaName, Slug, Status, Tenant};

use super::journal::{BEGUN, DONE, Kind};
use super::life::{Life, failed, tell};
use super::names::{Freed, Wanted, refuse_taken, reserve};
use super::transaction::{self, Locks};
use super::{Fleet, domains, existing};
use crate::error::{Error, ErrorKind};
use crate::search_path;

/// The names that a tenant is to have.
///
/// A slug alone gives the schema, as for a new tenant; domains stay unless they are replaced.
///
/// # Example
///
/// ```
/// use tenancy_core::{Domain, Slug};
/// use tenancy_sqlx::Rename;
///
/// let rename = Rename::to(Slug::parse("my-shop")?).domain(
///     Domain::parse("old.example.com")?,
///     Domain::parse("shop.example.com")?,
/// );
/// # let _ = rename;
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Rename {
    slug: Slug,
    schema: Option<SchemaName>,
    domains: Vec<(Domain, Domain)>,
}

impl Rename {
    /// Begins with the name in URLs; it may be the present one.
    pub fn to(slug: Slug) -> Self {
        Self {
            slug,
            schema: None,
            domains: Vec::new(),
        }
    }

    /// Names a schema that does not follow from the slug; the present one to keep it.
    #[must_use]
    pub fn schema(mut self, schema: SchemaName) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Replaces one of its domains; a primary one stays primary.
    #[must_use]
    pub fn domain(mut self, from: Domain, to: Domain) -> Self {
        self.domains.push((from, to));
        self
    }
}

impl Fleet {
    /// Gives a tenant other names, in one transaction: slug, schema and whatever domains are
    /// asked for.
    ///
    /// Functions that are bound to the schema by name follow it. Before the end each resource is
    /// told, in order of registration; when one fails, those that were told are told the opposite
    /// and every name stays. The old names are reserved ([`Fleet::name_reservation`]), other
    /// programs are told, and requests that still have the old names fail rather than meet
    /// somebody else's rows.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there is no such tenant or it has no such domain,
    /// or with `InvalidName` when no schema follows from the slug. [`ErrorKind::Conflict`] when a
    /// name is taken or still reserved, or the tenant is archived or provisioning. Whatever a
    /// resource fails with; the message names it, and the same call may be repeated.
    pub async fn rename(&self, slug: &Slug, to: Rename) -> Result<Tenant, Error> {
        for (_, domain) in &to.domains {
            self.refuse_public(domain)?;
        }
        let schema = match &to.schema {
            Some(schema) => schema.clone(),
            None => SchemaName::from_slug(&to.slug)?,
        };
        let mut life = self.enter_life(slug, Kind::Rename).await?;
        let result = self.rename_in(&mut life, &to, &schema).await;
        life.finish(result.map_err(|error| error.while_doing(format!("renaming tenant {slug}"))))
            .await
    }

    async fn rename_in(
        &self,
        life: &mut Life,
        to: &Rename,
        schema: &SchemaName,
    ) -> Result<Tenant, Error> {
        let before = &life.tenant;
        if !matches!(
            before.status(),
            Status::Active | Status::Suspended | Status::Maintenance
        ) {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("it is {}: only a tenant in use has names", before.status()),
            ));
        }
        let (old, new): (Vec<_>, Vec<_>) = to.domains.iter().cloned().unzip();
        // Before any resource is told, so that a crash leaves a trace of what they were told.
        let names = json!({
            "from": { "slug": before.slug(), "schema": before.schema_name(), "domains": old },
            "to": { "slug": to.slug, "schema": schema, "domains": new },
        });
        let before = &before.clone();
        life.note(BEGUN, names).await?;
        let connection = &mut life.connection;
        transaction::send(
            connection,
            transaction::begin(&Locks::of_rename(before.id(), &to.slug, schema, &new)),
        )
        .await?;
        let wanted = Wanted {
            slug: &to.slug,
            schema,
            domains: &new,
            by: Some(before.id()),
        };
        refuse_taken(connection, wanted).await?;

        let freed = Freed {
            slug: Some(before.slug()).filter(|slug| **slug != to.slug),
            schema: Some(before.schema_name()).filter(|name| *name != schema),
            domains: &old,
        };
        if freed.schema.is_some() {
            rename_schema(connection, before.schema_name(), schema).await?;
        }
        for (from, to) in &to.domains {
            replace_domain(connection, before, from, to).await?;
        }
        sqlx::query(
            "UPDATE tenancy.tenants SET slug = $2, schema_name = $3, updated_at = pg_catalog.now()
             WHERE id = $1",
        )
        .bind(before.id().as_uuid())
        .bind(to.slug.as_str())
        .bind(schema.as_str())
        .execute(&mut *connection)
        .await?;
        let after = existing(connection, &to.slug).await?;
        tell(connection, &after, &[before.slug()], &old).await?;
        reserve(connection, before.id(), freed, self.reservation).await?;
        self.rename_resources(before, &after).await?;
        let done = life.entry(DONE, json!({}));
        transaction::send(&mut life.connection, transaction::commit_after(&done)).await?;
        Ok(after)
    }

    /// Everything outside, or nothing of it.
    async fn rename_resources(&self, before: &Tenant, after: &Tenant) -> Result<(), Error> {
        for (index, resource) in self.resources.iter().enumerate() {
            let Err(error) = resource.rename(before, after).await else {
                continue;
            };
            let mut error = failed(&**resource, error);
            // The one that failed may have come half way.
            for told in self.resources[..=index].iter().rev() {
                if let Err(left) = told.rename(after, before).await {
                    let left = failed(&**told, left);
                    error =
                        error.while_doing(format!("its old name could not be given back ({left})"));
                }
            }
            return Err(error);
        }
        Ok(())
    }
}

/// Renames the schema, and binds to its new name the functions that were bound to the old one:
/// they would look for their tables in it, whoever has it next.
async fn rename_schema(
    connection: &mut PgConnection,
    from: &SchemaName,
    to: &SchemaName,
) -> Result<(), Error> {
    let rename = format!("ALTER SCHEMA {} RENAME TO {}", from.quoted(), to.quoted());
    transaction::send(connection, rename).await?;
    let bound: Vec<String> = sqlx::query_scalar(AssertSqlSafe(search_path::rebind_routines(
        from.as_str(),
        to,
    )))
    .fetch_all(&mut *connection)
    .await?;
    if bound.is_empty() {
        return Ok(());
    }
    transaction::send(connection, bound.join("; ")).await
}

async fn replace_domain(
    connection: &mut PgConnection,
    tenant: &Tenant,
    from: &Domain,
    to: &Domain,
) -> Result<(), Error> {
    let done =
        sqlx::query("UPDATE tenancy.domains SET domain = $3 WHERE tenant_id = $1 AND domain = $2")
            .bind(tenant.id().as_uuid())
            .bind(from.as_str())
            .bind(to.as_str())
            .execute(connection)
            .await
            .map_err(|error| domains::taken(error, to))?;
    if done.rows_affected() == 0 {
        return Err(domains::not_its(tenant.slug(), from));
    }
    Ok(())
}

//! What is the case when a scoped transaction begins, and still has to be when it is committed.

use sqlx::Row;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgRow;
use tenancy_core::{TenantContext, sabotaged};

use super::fault::Fault;
use super::scoped::Scope;
use crate::error::{Error, ErrorKind};
use crate::role::TenantRole;
use crate::search_path;

/// The first schema of the path in force, by the number that no other schema ever has.
const SCHEMA_OID: &str = "pg_catalog.to_regnamespace(pg_catalog.quote_ident(pg_catalog.current_schema()))\
     ::pg_catalog.oid";

/// Where unqualified names lead and whom the statements run as, as the server said it.
pub(super) struct Proof {
    /// The path as the server writes it.
    path: String,
    /// The number of the tenant's schema: another one may have been made of its name.
    schema: String,
    /// Whom the transaction acts as, where that is not the login.
    role: Option<TenantRole>,
}

impl Proof {
    /// How many statements of [`Proof::commit`] have ended when the transaction is committed.
    pub(super) const COMMITTED: usize = 3;

    /// The message that opens, scopes and asks; [`Proof::of`] judges its answer.
    pub(super) fn opening(tenant: &TenantContext, scope: Scope) -> String {
        let role = role(tenant, scope).filter(|_| !sabotaged!("role.not-set"));
        format!(
            "BEGIN; {}; {}SELECT pg_catalog.current_schema()::text, {}, {SCHEMA_OID}::text, \
             CURRENT_USER::text",
            search_path::set_local(tenant.schema()),
            role.map_or_else(String::new, |role| format!("{}; ", role.set_local())),
            search_path::CURRENT
        )
    }

    /// Takes the answer to [`Proof::opening`] where it is what the tenant's must be.
    pub(super) fn of(tenant: &TenantContext, scope: Scope, row: &PgRow) -> Result<Self, Fault> {
        let (schema, role) = (tenant.schema(), role(tenant, scope));
        let current: Option<String> = row.try_get(0)?;
        if current.as_deref() != Some(schema.as_str()) && !sabotaged!("transaction.scope-unchecked")
        {
            let (who, next) = match role {
                None => (
                    "the application's login",
                    "`tenant show` says where the tenant lives",
                ),
                Some(_) => (
                    "the tenant's role",
                    "`migrate` with role isolation gives it its rights",
                ),
            };
            return Err(mismatch(format!(
                "schema {schema} is not there, or {who} may not use it: {next}"
            )));
        }
        let user: String = row.try_get(3)?;
        if let Some(role) = role.filter(|role| role.to_string() != user) {
            return Err(mismatch(format!(
                "the transaction acts as {user:?} instead of role {role} of tenant {}: connect to \
                 PostgreSQL itself, or to a pooler that passes on SET ROLE",
                tenant.slug()
            )));
        }
        Ok(Self {
            path: row.try_get(1)?,
            schema: row.try_get(2)?,
            role: role.filter(|_| !sabotaged!("role.not-proved")),
        })
    }

    /// Says why the server did not open the transaction, where that is because of the role.
    pub(super) fn refused(tenant: &TenantContext, scope: Scope, error: sqlx::Error) -> Fault {
        let code = error.as_database_error().and_then(DatabaseError::code);
        let (Some(role), Some(code)) = (role(tenant, scope), code.as_deref()) else {
            return Fault::Driver(error);
        };
        let (slug, schema) = (tenant.slug(), tenant.schema());
        let (kind, what) = match code {
            "22023" => (
                ErrorKind::SchemaMismatch,
                format!("tenant {slug} has no role {role}"),
            ),
            "42501" => (
                ErrorKind::Configuration,
                format!(
                    "the application's login may not act as role {role} of tenant {slug}, or that \
                     may not use schema {schema}"
                ),
            ),
            _ => return Fault::Driver(error),
        };
        let next = "run `migrate` with role isolation, which makes and grants it";
        Fault::Ours(Error::new(kind, format!("{what}: {next}")).with_source(error))
    }

    /// Commits only a healthy transaction whose path and role are still what it was opened with:
    /// a division by zero ends the message before its COMMIT.
    pub(super) fn commit(&self) -> String {
        let role = self
            .role
            .map_or_else(String::new, |role| format!(" AND CURRENT_USER = '{role}'"));
        let sql = format!(
            "SAVEPOINT tenancy_commit; \
             SELECT 1 / (({} = '{}' AND {SCHEMA_OID}::text = '{}'{role}) IS TRUE)\
             ::pg_catalog.int4; COMMIT",
            search_path::CURRENT,
            self.path.replace('\'', "''"),
            self.schema
        );
        sabotaged!("transaction.path-unproved", sql.replace("1 /", "1 +"), sql)
    }

    /// Whether it is the proof of [`Proof::commit`] that failed, its second statement.
    pub(super) fn is_lacking(done: usize, error: &sqlx::Error) -> bool {
        let code = error.as_database_error().and_then(DatabaseError::code);
        // Who may use no schema of the path is not told which one is the first.
        done == 1 && matches!(code.as_deref(), Some("22012" | "42501"))
    }
}

/// Whom a transaction of this scope acts as, where that is not the login.
fn role(tenant: &TenantContext, scope: Scope) -> Option<TenantRole> {
    (scope == Scope::Role).then(|| TenantRole::of(tenant.id()))
}

fn mismatch(message: String) -> Fault {
    Fault::Ours(Error::new(ErrorKind::SchemaMismatch, message))
}

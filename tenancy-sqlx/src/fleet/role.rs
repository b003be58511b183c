//! Tenants' roles: made and granted with the tenant, repaired by preparing, removed by purging.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use tenancy_core::{SchemaName, Slug, TenantId, sabotaged};
use uuid::Uuid;

use super::transaction::{self, Locks};
use super::{Fleet, Isolation, grants};
use crate::error::{Error, ErrorKind};
use crate::role::TenantRole;

/// What has to be the case before a tenant can have a role, and what its statements need.
#[derive(Debug)]
pub(super) struct Roles {
    /// The application's login.
    login: String,
    /// The role that all tenants' roles of this database are members of. What they have in common
    /// is granted to it: the rights on one table have no room for thousands of roles.
    group: String,
    has_group: bool,
    /// From PostgreSQL 16 on a membership says itself what it is good for.
    says_inherit: bool,
}

/// How servers count PostgreSQL 16.
const SIXTEEN: i32 = 160_000;

impl Roles {
    /// What the fleet's roles need, when it has any.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when a login is not fit for it; the message says what to run.
    pub(super) async fn of(
        fleet: &Fleet,
        connection: &mut PgConnection,
    ) -> Result<Option<Self>, Error> {
        if fleet.isolation == Isolation::Schema {
            return Ok(None);
        }
        let unfit = |message| Err(Error::new(ErrorKind::Configuration, message));
        let Some(login) = fleet.app_login.as_deref() else {
            return unfit(
                "role isolation needs a login of the application's own beside the owner's: give \
                 the fleet its name"
                    .to_owned(),
            );
        };
        let facts = sqlx::query(AssertSqlSafe(format!(
            "SELECT pg_catalog.current_setting('server_version_num')::int AS version,
                    {GROUP} AS group_name,
                    EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {GROUP}) AS has_group,
                    {MAY_MAKE} AS may_make, CURRENT_USER::text AS owner,
                    (SELECT rolinherit FROM pg_catalog.pg_roles WHERE rolname = $1) AS inherits"
        )))
        .bind(login)
        .fetch_one(connection)
        .await?;
        let says_inherit = facts.try_get::<i32, _>("version")? >= SIXTEEN;
        if !facts.try_get("may_make")? {
            return Err(may_not_make(facts.try_get("owner")?));
        }
        match facts.try_get("inherits")? {
            None => {
                return unfit(format!(
                    "the application's login {login:?} does not exist: create it first"
                ));
            }
            Some(true) if !says_inherit => {
                return unfit(format!(
                    "the application's login {login:?} would have the rights of every tenant's \
                     role at once: run `ALTER ROLE {} NOINHERIT;` and try again",
                    grants::role(login)
                ));
            }
            Some(_) => {}
        }
        Ok(Some(Self {
            login: login.to_owned(),
            group: facts.try_get("group_name")?,
            has_group: facts.try_get("has_group")?,
            says_inherit,
        }))
    }

    /// Makes the role that tenants' roles are members of and gives it its rights, where that is
    /// not done.
    pub(super) async fn prepare_group(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let doing = |error: Error| error.while_doing(format!("preparing role {}", self.group));
        // Another program may have been quicker.
        let exists: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)",
        )
        .bind(&self.group)
        .fetch_one(&mut *connection)
        .await?;
        if !exists {
            let create = format!("CREATE ROLE \"{}\" NOLOGIN", self.group);
            transaction::send(connection, create).await.map_err(doing)?;
        }
        let granted: bool = sqlx::query_scalar(AssertSqlSafe(format!(
            "SELECT NOT EXISTS (SELECT FROM pg_catalog.unnest(ARRAY['tenancy', 'shared',
                        'extensions']) AS n
                    WHERE NOT pg_catalog.has_schema_privilege($1, n, 'USAGE'))
                AND NOT EXISTS (SELECT FROM pg_catalog.unnest(ARRAY[{}]) AS t
                    WHERE NOT pg_catalog.has_column_privilege($1, t, 'tenant_id', 'INSERT'))",
            grants::APPENDED
                .map(|(table, _)| format!("'{table}'"))
                .join(", ")
        )))
        .bind(&self.group)
        .fetch_one(&mut *connection)
        .await?;
        if granted {
            return Ok(());
        }
        transaction::send(connection, grants::tenants(&self.group))
            .await
            .map_err(doing)
    }

    /// The statements that make and grant the role of a tenant whose schema is being made.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the database was not prepared for roles.
    pub(super) fn provision(&self, id: TenantId, schema: &SchemaName) -> Result<String, Error> {
        if !self.has_group {
            return Err(Error::new(
                ErrorKind::Configuration,
                "the database was not prepared for tenants' roles: run `migrate` first",
            ));
        }
        let role = TenantRole::of(id);
        Ok(format!(
            "CREATE ROLE {quoted} NOLOGIN; {}; {}",
            self.memberships(role),
            grants::tenant(schema, &role.to_string()),
            quoted = role.quoted(),
        ))
    }

    /// The statements that give its role to a tenant whose tables are there.
    fn repair(&self, tenant: &Lacking) -> Result<String, Error> {
        let quoted = tenant.role.quoted();
        let role = match tenant.found {
            Found::Nothing => format!("CREATE ROLE {quoted} NOLOGIN"),
            Found::Plain => format!("ALTER ROLE {quoted} NOLOGIN INHERIT NOCREATEDB NOCREATEROLE"),
            Found::Mighty => {
                return Err(Error::new(
                    ErrorKind::Configuration,
                    format!(
                        "no grant and no policy counts for its role {quoted}: run `ALTER ROLE \
                         {quoted} NOSUPERUSER NOREPLICATION NOBYPASSRLS;` as a superuser"
                    ),
                ));
            }
        };
        Ok(format!(
            "{role}; {}; {}; {}",
            self.memberships(tenant.role),
            grants::tenant(&tenant.schema, &tenant.role.to_string()),
            grants::existing(&tenant.schema, &tenant.role.to_string()),
        ))
    }

    /// Makes a tenant's role one of those, and lets the application act as it without having its
    /// rights before.
    fn memberships(&self, role: TenantRole) -> String {
        let [has, becomes] = if self.says_inherit {
            [
                " WITH INHERIT TRUE, SET FALSE",
                " WITH INHERIT FALSE, SET TRUE",
            ]
        } else {
            [""; 2]
        };
        let (group, role, login) = (&self.group, role.quoted(), grants::role(&self.login));
        format!("GRANT \"{group}\" TO {role}{has}; GRANT {role} TO {login}{becomes}")
    }

    /// Gives their roles to the tenants that lack them, each in a transaction of its own; one that
    /// fails does not keep the others from theirs.
    pub(super) async fn repair_all(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let mut failed = None;
        for tenant in self.lacking(connection, None).await? {
            let Err(error) = self.repair_one(connection, &tenant).await else {
                continue;
            };
            transaction::rollback(connection).await?;
            let error = error.while_doing(format!("giving tenant {} its role", tenant.slug));
            tracing::error!(target: "tenancy.sql", tenant = %tenant.slug, %error, "no role");
            failed.get_or_insert(error);
        }
        failed.map_or(Ok(()), Err)
    }

    async fn repair_one(
        &self,
        connection: &mut PgConnection,
        tenant: &Lacking,
    ) -> Result<(), Error> {
        let id = tenant.role.tenant();
        transaction::send(connection, transaction::begin(&Locks::of_tenant(id))).await?;
        // Another program may have been quicker, or the tenant have another name now.
        if let Some(tenant) = self.lacking(connection, Some(id)).await?.first() {
            transaction::send(connection, self.repair(tenant)?).await?;
        }
        transaction::commit(connection).await
    }

    /// The tenants, or the one, whose schema is there and whose role is not as it must be.
    async fn lacking(
        &self,
        connection: &mut PgConnection,
        only: Option<TenantId>,
    ) -> Result<Vec<Lacking>, Error> {
        let rows: Vec<(Uuid, String, String, Option<bool>)> =
            sqlx::query_as(AssertSqlSafe(format!(
                "SELECT t.id, t.slug, t.schema_name,
                        r.rolsuper OR r.rolreplication OR r.rolbypassrls
                 FROM tenancy.tenants t
                 JOIN pg_catalog.pg_namespace n ON n.nspname = t.schema_name
                 LEFT JOIN pg_catalog.pg_roles r ON r.rolname = {}
                 WHERE t.status <> 'purged' AND ($3::uuid IS NULL OR t.id = $3) AND NOT COALESCE(
                     r.rolinherit AND NOT (r.rolcanlogin OR r.rolcreatedb OR r.rolcreaterole
                         OR r.rolsuper OR r.rolreplication OR r.rolbypassrls)
                     AND pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')
                     AND EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                         JOIN pg_catalog.pg_roles g ON g.oid = m.roleid
                         WHERE g.rolname = $1 AND m.member = r.oid)
                     AND EXISTS (SELECT FROM pg_catalog.pg_auth_members m
                         JOIN pg_catalog.pg_roles l ON l.oid = m.member
                         WHERE l.rolname = $2 AND m.roleid = r.oid
                           AND pg_catalog.to_jsonb(m) ->> 'set_option' IS DISTINCT FROM 'false'),
                     false)
                 ORDER BY t.slug",
                TenantRole::name_in_sql("t.id")
            )))
            .bind(&self.group)
            .bind(&self.login)
            .bind(only.map(|id| *id.as_uuid()))
            .fetch_all(connection)
            .await?;
        let lacking = rows.into_iter().map(|(id, slug, schema, mighty)| {
            Ok(Lacking {
                role: TenantRole::of(TenantId::from_uuid(id)),
                slug: Slug::parse(&slug)?,
                schema: SchemaName::parse(&schema)?,
                found: match mighty {
                    None => Found::Nothing,
                    Some(false) => Found::Plain,
                    Some(true) => Found::Mighty,
                },
            })
        });
        lacking.collect()
    }
}

/// A tenant without its role, or with one that is not as it must be.
struct Lacking {
    role: TenantRole,
    slug: Slug,
    schema: SchemaName,
    found: Found,
}

/// What has the role's name already.
enum Found {
    Nothing,
    /// A role that we may change.
    Plain,
    /// A role for which no right is needed.
    Mighty,
}

/// A role that is to be removed.
struct Doomed {
    role: TenantRole,
    /// The other databases of this server in which it has something.
    elsewhere: Vec<String>,
    says_inherit: bool,
}

impl Doomed {
    /// The role of the tenant, if there is one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when the owner may not remove it.
    async fn find(connection: &mut PgConnection, id: TenantId) -> Result<Option<Self>, Error> {
        let role = TenantRole::of(id);
        let found = sqlx::query(AssertSqlSafe(format!(
            "SELECT pg_catalog.current_setting('server_version_num')::int AS version,
                    {MAY_MAKE} AS may_make, CURRENT_USER::text AS owner,
                    ARRAY(SELECT DISTINCT COALESCE(d.datname::text, s.dbid::text)
                          FROM pg_catalog.pg_shdepend s
                          LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid
                          WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
                            AND s.refobjid = r.oid AND s.dbid <> 0
                            AND d.datname IS DISTINCT FROM pg_catalog.current_database()
                          ORDER BY 1) AS elsewhere
             FROM pg_catalog.pg_roles r WHERE r.rolname = $1"
        )))
        .bind(role.to_string())
        .fetch_optional(connection)
        .await?;
        let Some(found) = found else { return Ok(None) };
        if !found.try_get("may_make")? {
            return Err(may_not_make(found.try_get("owner")?));
        }
        Ok(Some(Self {
            role,
            elsewhere: found.try_get("elsewhere")?,
            says_inherit: found.try_get::<i32, _>("version")? >= SIXTEEN,
        }))
    }
}

/// Refuses to remove a tenant whose role could not be removed.
pub(super) async fn refuse(connection: &mut PgConnection, id: TenantId) -> Result<(), Error> {
    Doomed::find(connection, id).await.map(drop)
}

/// Removes the role of a tenant whose schema is gone, and whatever else it has in this database.
///
/// A role that another database of this server still uses, such as a copy of this one, stays.
pub(super) async fn remove(connection: &mut PgConnection, id: TenantId) -> Result<(), Error> {
    if sabotaged!("role.not-dropped") {
        return Ok(());
    }
    let Some(doomed) = Doomed::find(connection, id).await? else {
        return Ok(());
    };
    let role = doomed.role.quoted();
    // Only who has its rights may drop what it owns.
    let with = if doomed.says_inherit {
        " WITH INHERIT TRUE"
    } else {
        ""
    };
    let last = if doomed.elsewhere.is_empty() {
        format!("DROP ROLE {role}")
    } else {
        tracing::warn!(
            target: "tenancy.sql",
            %role,
            databases = doomed.elsewhere.join(", "),
            "a purged tenant's role stays, because other databases of this server use it"
        );
        format!("REVOKE {role} FROM CURRENT_USER")
    };
    transaction::send(
        connection,
        format!("GRANT {role} TO CURRENT_USER{with}; DROP OWNED BY {role}; {last}"),
    )
    .await
    .map_err(|error| error.while_doing(format!("removing role {role}")))
}

/// The name of the role that this database's tenants' roles are members of: roles are the whole
/// server's, and the database's number is its own.
const GROUP: &str = "'tenancy_tenants_' || (SELECT oid::pg_catalog.text FROM pg_catalog.pg_database \
     WHERE datname = pg_catalog.current_database())";

/// Whether this login may make roles.
const MAY_MAKE: &str = "(SELECT rolcreaterole OR rolsuper FROM pg_catalog.pg_roles \
     WHERE rolname = CURRENT_USER)";

fn may_not_make(owner: &str) -> Error {
    Error::new(
        ErrorKind::Configuration,
        format!(
            "the owner {owner:?} may not make or remove tenants' roles: run `ALTER ROLE {} \
             CREATEROLE;` as a superuser and try again",
            grants::role(owner)
        ),
    )
}

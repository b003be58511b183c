//! What the application's login may do beyond its work, and what it lacks for it.

use super::Finding;
use super::look::{Found, Look};
use crate::doctor::Code;
use crate::error::Error;
use crate::fleet::grants;

/// Looks at the login's own powers, those of roles it may become, and its rights.
pub(super) async fn look(look: &mut Look<'_>, owner: &str) -> Result<(), Error> {
    let single = look.login == owner;
    let owner = grants::role(owner);
    look.ask(&powers(&owner, single), |found| power(found, single))
        .await?;
    look.ask(OPEN, open).await?;
    look.ask(&missing(), lacking).await
}

/// Roles by what they can do, the login's own and those of roles that it is a member of.
///
/// Only roles with a power are followed: a login may be a member of thousands without any.
fn powers(owner: &str, single: bool) -> String {
    let give_back = if single {
        "NULL".to_owned()
    } else {
        format!(
            "'REASSIGN OWNED BY ' || login.name || ' TO {}'",
            owner.replace('\'', "''")
        )
    };
    format!(
        "WITH owners AS (
            SELECT nspowner AS oid FROM looked WHERE nspname <> 'public'
            UNION SELECT c.relowner FROM pg_class c JOIN fleet ON fleet.oid = c.relnamespace
            UNION SELECT datdba FROM pg_database WHERE datname = current_database()
        ), powers (role, code, taken) AS MATERIALIZED (
            SELECT oid, 'login_superuser', 'NOSUPERUSER' FROM pg_roles WHERE rolsuper
            UNION ALL SELECT oid, 'login_bypasses_rls', 'NOBYPASSRLS' FROM pg_roles
                WHERE rolbypassrls AND NOT rolsuper
            UNION ALL SELECT oid, 'login_creates_roles', 'NOCREATEROLE' FROM pg_roles
                WHERE rolcreaterole AND NOT rolsuper
            UNION ALL SELECT oid, 'login_creates_databases', 'NOCREATEDB' FROM pg_roles
                WHERE rolcreatedb AND NOT rolsuper
            UNION ALL SELECT oid, 'login_reaches_server', NULL FROM pg_roles WHERE rolname IN
                ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
            UNION ALL SELECT r.oid, 'login_owns_tenants', NULL FROM owners JOIN pg_roles r USING (oid)
                WHERE NOT r.rolsuper
        )
        SELECT code, login.name, '', CASE code WHEN 'login_owns_tenants' THEN {give_back}
            ELSE format('ALTER ROLE %s %s', login.name, taken) END
        FROM powers JOIN login ON login.oid = role
        UNION ALL
        SELECT code, login.name, 'through the role ' || quote_ident(min(g.rolname)),
            format('REVOKE %I FROM %s', min(g.rolname), login.name)
        FROM login JOIN pg_auth_members m ON m.member = login.oid
        JOIN pg_roles g ON g.oid = m.roleid
        JOIN powers ON role = g.oid OR NOT g.rolsuper AND pg_has_role(g.oid, role, 'MEMBER')
        WHERE NOT login.rolsuper GROUP BY code, login.name"
    )
}

fn power(found: Found, single: bool) -> Finding {
    let login = &found.subject;
    let how = match found.detail.as_str() {
        "" => String::new(),
        through => format!(", {through}"),
    };
    let message = match found.code {
        Code::LoginSuperuser => format!(
            "the application's login {login} is a superuser{how}: no grant and no policy counts for it"
        ),
        Code::LoginBypassesRls => format!(
            "the application's login {login} has BYPASSRLS{how}: no row level policy counts for it"
        ),
        Code::LoginCreatesRoles => format!(
            "the application's login {login} has CREATEROLE{how}: it can make itself a member of \
             roles that own tenants"
        ),
        Code::LoginCreatesDatabases => {
            format!("the application's login {login} has CREATEDB{how}, which no request needs")
        }
        Code::LoginReachesServer => format!(
            "the application's login {login} may use files or programs of the server{how}: that is \
             as good as a superuser"
        ),
        _ if single && how.is_empty() => format!(
            "the application's login {login} is the owner of what it works on: no grant counts for \
             it, and a mistake can change or drop tables. Give requests a login of their own, and \
             this one to migrations"
        ),
        _ => format!(
            "the application's login {login} owns a tenant's objects, one of the framework's \
             schemas or the database{how}: no grant counts for it there, and it can change and \
             drop them"
        ),
    };
    found.says(message)
}

/// What anybody, or the login, may make where nobody but the owner should. Rights of an owner are
/// a finding of their own.
const OPEN: &str = "
    WITH rights AS (
        SELECT n.nspname, NULL::name AS database, n.nspowner AS owner, a.grantee, a.privilege_type
        FROM looked n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
        WHERE a.privilege_type = 'CREATE'
        UNION ALL
        SELECT NULL, d.datname, d.datdba, a.grantee, a.privilege_type
        FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
        WHERE d.datname = current_database() AND a.privilege_type IN ('CREATE', 'TEMPORARY')
    )
    SELECT CASE WHEN privilege_type = 'TEMPORARY' THEN 'login_creates_temporary'
            WHEN database IS NOT NULL THEN 'login_creates_schemas'
            WHEN grantee = 0 THEN 'schema_open_to_public'
            ELSE 'login_creates_in_schema' END,
        quote_ident(coalesce(database, nspname)),
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
        format('REVOKE %s ON %s %I FROM %s', privilege_type,
            CASE WHEN database IS NULL THEN 'SCHEMA' ELSE 'DATABASE' END,
            coalesce(database, nspname),
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
    FROM rights, login
    WHERE grantee <> owner
      AND (grantee = 0 AND database IS NULL
        OR (grantee = 0 OR pg_has_role(login.oid, grantee, 'MEMBER'))
            AND NOT pg_has_role(login.oid, owner, 'MEMBER'))";

fn open(found: Found) -> Finding {
    let (subject, who) = (&found.subject, &found.detail);
    let message = match found.code {
        Code::LoginCreatesTemporary => format!(
            "{who} may make temporary tables in the database {subject}, and one of them can stand \
             in front of a tenant's table in SQL that names no schema"
        ),
        Code::LoginCreatesSchemas => format!(
            "{who} may make schemas in the database {subject}: one could take a tenant's name"
        ),
        Code::SchemaOpenToPublic => format!(
            "every login may make objects in schema {subject}, which others then call or read by \
             mistake"
        ),
        _ => format!(
            "{who}, as which the application works, may make objects in schema {subject}: it needs \
             rows, and one statement could leave a routine there for others to run"
        ),
    };
    found.says(message)
}

/// Tables on which the login has no right at all. One that it may only read, or only add to, was
/// made so by a migration.
fn missing() -> String {
    let rows = grants::ROWS;
    format!(
        "WITH closed AS (
            SELECT c.relnamespace AS oid, min(c.relname) AS relname
            FROM login, pg_class c JOIN fleet ON fleet.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
              AND NOT has_table_privilege(login.oid, c.oid, '{rows}')
              AND NOT has_any_column_privilege(login.oid, c.oid, 'SELECT, INSERT, UPDATE')
            GROUP BY c.relnamespace
        ), unusable AS (
            SELECT fleet.nspname, closed.relname,
                has_schema_privilege(login.oid, fleet.oid, 'USAGE') AS enters
            FROM login, fleet LEFT JOIN closed USING (oid)
        )
        SELECT 'grants_missing', quote_ident(nspname),
            CASE WHEN enters THEN 'the table ' || quote_ident(relname) ELSE 'the schema' END,
            format('GRANT USAGE ON SCHEMA %1$I TO %2$s; '
                'GRANT {rows} ON ALL TABLES IN SCHEMA %1$I TO %2$s; '
                'GRANT USAGE ON ALL SEQUENCES IN SCHEMA %1$I TO %2$s; '
                'GRANT EXECUTE ON ALL ROUTINES IN SCHEMA %1$I TO %2$s', nspname, login.name)
        FROM unusable, login WHERE NOT enters OR relname IS NOT NULL
        UNION ALL
        SELECT 'extensions_not_usable', 'extensions', '',
            'GRANT USAGE ON SCHEMA extensions TO ' || login.name
        FROM looked n, login
        WHERE n.nspname = 'extensions' AND NOT has_schema_privilege(login.oid, n.oid, 'USAGE')"
    )
}

fn lacking(found: Found) -> Finding {
    let message = if found.code == Code::ExtensionsNotUsable {
        "the application's login may not use the schema extensions: types and functions of \
         extensions are out of its reach"
            .to_owned()
    } else {
        format!(
            "the application's login has no right on {} of {}: the tenant's requests fail",
            found.detail, found.subject
        )
    };
    found.says(message)
}

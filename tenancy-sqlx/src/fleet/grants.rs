//! What the application's login may do; it never owns anything.

use tenancy_core::SchemaName;

/// A role's name as an SQL identifier.
pub(super) fn role(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Rights in one tenant's schema: rows, never structure. They hold for later tables too, because
/// they are the defaults for whatever the owner makes there.
pub(crate) fn tenant(schema: &SchemaName, login: &str) -> String {
    let (schema, login) = (schema.quoted(), role(login));
    format!(
        "GRANT USAGE ON SCHEMA {schema} TO {login}; {}",
        defaults(&schema, &login, "SELECT, INSERT, UPDATE, DELETE")
    )
}

/// Rights in what is not a tenant's.
pub(super) fn shared(login: &str) -> String {
    let login = role(login);
    format!(
        "GRANT USAGE ON SCHEMA tenancy, shared, extensions, public TO {login}; \
         REVOKE CREATE ON SCHEMA public FROM PUBLIC; \
         GRANT SELECT ON tenancy.tenants, tenancy.domains TO {login}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA shared TO {login}; \
         {}; {}",
        defaults("shared", &login, "SELECT"),
        defaults("public", &login, "SELECT, INSERT, UPDATE, DELETE"),
    )
}

fn defaults(quoted: &str, login: &str, tables: &str) -> String {
    let alter = format!("ALTER DEFAULT PRIVILEGES IN SCHEMA {quoted} GRANT");
    format!(
        "{alter} {tables} ON TABLES TO {login}; \
         {alter} USAGE ON SEQUENCES TO {login}; \
         {alter} EXECUTE ON ROUTINES TO {login}"
    )
}

//! What the application's login and tenants' roles may do; they never own anything.

use tenancy_core::SchemaName;

/// Rows, never structure.
pub(crate) const ROWS: &str = "SELECT, INSERT, UPDATE, DELETE";

/// The tables that take rows of tenants' transactions, with the columns that those may write: the
/// order and the times are the server's.
pub(super) const APPENDED: [(&str, &str); 3] = [
    ("tenancy.outbox", "id, tenant_id, topic, key, payload"),
    (
        "tenancy.audit",
        "id, tenant_id, actor, action, target, detail",
    ),
    (
        "tenancy.jobs",
        "id, tenant_id, kind, payload, priority, unique_key, max_attempts, timeout_ms, run_at",
    ),
];

/// What the outbox takes to be told: messages are read and removed, leases kept. Tenants' roles have
/// nothing of it.
const FEED: [(&str, &str); 2] = [
    ("SELECT, DELETE", "tenancy.outbox"),
    ("SELECT, INSERT, UPDATE", "tenancy.outbox_leases"),
];

/// What the application's login needs besides to claim and settle jobs: whose a job is and what it
/// says stay as they were.
const WORK: &str = "GRANT SELECT, DELETE, UPDATE (run_at, status, attempt, fence, lease_until, \
     cancelled, progress, error, finished_at) ON tenancy.jobs TO {login}; \
     GRANT SELECT, UPDATE (last_tenant) ON tenancy.job_turn TO {login}; \
     GRANT SELECT, INSERT, UPDATE ON tenancy.job_ticks TO {login}";

/// A role's name as an SQL identifier.
pub(crate) fn role(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Rights in one tenant's schema, of a login or of the tenant's role: rows, never structure. They hold for later tables too, because
/// they are the defaults for whatever the owner makes there.
pub(crate) fn tenant(schema: &SchemaName, login: &str) -> String {
    let (schema, login) = (schema.quoted(), role(login));
    format!(
        "GRANT USAGE ON SCHEMA {schema} TO {login}; {}",
        defaults(&schema, &login, ROWS)
    )
}

/// The same rights in what the schema has already.
pub(super) fn existing(schema: &SchemaName, login: &str) -> String {
    let (schema, login) = (schema.quoted(), role(login));
    format!(
        "GRANT {ROWS} ON ALL TABLES IN SCHEMA {schema} TO {login}; \
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {login}; \
         GRANT EXECUTE ON ALL ROUTINES IN SCHEMA {schema} TO {login}"
    )
}

/// What all tenants' roles have in common, for the role that they are members of.
pub(super) fn tenants(group: &str) -> String {
    let group = role(group);
    format!(
        "GRANT USAGE ON SCHEMA tenancy, shared, extensions TO {group}; {}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA shared TO {group}; \
         ALTER DEFAULT PRIVILEGES IN SCHEMA shared GRANT SELECT ON TABLES TO {group}",
        append(&group)
    )
}

/// Rights in what is not a tenant's. What is published in `shared` may be written here; that
/// tenants only read it is up to the statements that they may send.
pub(super) fn shared(login: &str) -> String {
    let login = role(login);
    let append = append(&login);
    let feed = FEED.map(|(rights, table)| format!("GRANT {rights} ON {table} TO {login}"));
    let feed = feed.join("; ");
    let work = WORK.replace("{login}", &login);
    format!(
        "GRANT USAGE ON SCHEMA tenancy, shared, extensions, public TO {login}; \
         REVOKE CREATE ON SCHEMA public FROM PUBLIC; \
         GRANT SELECT ON tenancy.tenants, tenancy.domains, tenancy.plans TO {login}; \
         GRANT SELECT (scope, tenant_id, version) ON tenancy.migrations TO {login}; \
         GRANT {ROWS} ON tenancy.processes TO {login}; \
         GRANT USAGE ON SEQUENCE tenancy.outbox_fence TO {login}; \
         {append}; {feed}; {work}; \
         GRANT {ROWS} ON ALL TABLES IN SCHEMA shared TO {login}; \
         {}; {}",
        defaults("shared", &login, ROWS),
        defaults("public", &login, ROWS),
    )
}

fn append(quoted: &str) -> String {
    APPENDED
        .map(|(table, columns)| format!("GRANT INSERT ({columns}) ON {table} TO {quoted}"))
        .join("; ")
}

fn defaults(quoted: &str, login: &str, tables: &str) -> String {
    let alter = format!("ALTER DEFAULT PRIVILEGES IN SCHEMA {quoted} GRANT");
    format!(
        "{alter} {tables} ON TABLES TO {login}; \
         {alter} USAGE ON SEQUENCES TO {login}; \
         {alter} EXECUTE ON ROUTINES TO {login}"
    )
}

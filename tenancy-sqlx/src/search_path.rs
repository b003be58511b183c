//! The only file that writes a search path: inside one transaction, or as a login's default.

use tenancy_core::{SchemaName, sabotaged};

use crate::migrate::ledger::literal;

/// Scopes the open transaction to `schema`: unqualified names resolve there, then among the
/// extensions, and never among temporary tables first.
pub(crate) fn set_local(schema: &SchemaName) -> String {
    let set = format!(
        "SET LOCAL search_path TO {}, extensions, pg_temp",
        schema.quoted()
    );
    let set = sabotaged!("transaction.session-path", set.replace("LOCAL", ""), set);
    let set = sabotaged!("transaction.public-on-path", set + ", public", set);
    sabotaged!("transaction.temp-first", set.replace(", pg_temp", ""), set)
}

/// Scopes the transaction of a dump, which is restored where there is no framework: extensions may
/// be in the schema that every database has.
pub(crate) fn set_local_elsewhere(schema: &SchemaName) -> String {
    format!(
        "SET LOCAL search_path TO {}, extensions, public, pg_temp",
        schema.quoted()
    )
}

/// Scopes the open transaction to a schema of the framework's own choosing.
pub(crate) fn set_local_shared() -> &'static str {
    "SET LOCAL search_path TO public, extensions, pg_temp"
}

/// The startup options of tools that look at the tables of `schema` by their bare names, with the
/// path of a scoped transaction. A connection of the application never has them.
pub(crate) fn startup_options(schema: &SchemaName) -> String {
    format!("-c search_path={schema},extensions,pg_temp")
}

/// The same as a name and its value, for a connection that is opened for one tenant and closed
/// afterwards; without a schema, for what all tenants share.
pub(crate) fn startup(schema: Option<&SchemaName>) -> (&'static str, String) {
    let first = schema.map_or("public", SchemaName::as_str);
    (NAME, format!("{first},extensions,pg_temp"))
}

/// What the setting is called.
pub(crate) const NAME: &str = "search_path";

/// What to write into a routine that looks for its names wherever its caller does.
pub(crate) const PIN_HINT: &str =
    "add SET search_path FROM CURRENT, or write its body as BEGIN ATOMIC … END";

/// The same for tools that look at what all tenants share.
#[cfg(feature = "cli")]
pub(crate) fn startup_options_shared() -> &'static str {
    "-c search_path=public,extensions,pg_temp"
}

/// The path that is in force, as a value in SQL.
pub(crate) const CURRENT: &str = "pg_catalog.current_setting('search_path')";

/// The path that the login starts with, whatever the session has now.
pub(crate) const OF_LOGIN: &str =
    "(SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'search_path')";

/// Whether `path`, as [`CURRENT`] gives it, names no schema; that of the framework's logins does
/// not.
pub(crate) fn is_empty(path: &str) -> bool {
    matches!(path, "" | "\"\"")
}

/// Gives a login an empty path in one database; both names come quoted.
pub(crate) fn empty_login_path(role: &str, database: &str) -> String {
    format!("ALTER ROLE {role} IN DATABASE {database} SET search_path = ''")
}

/// Asks for the statements that bind the routines of the schema `to`, which was called `from` or
/// had them from there, to its present name.
pub(crate) fn rebind_routines(from: &str, to: &SchemaName) -> String {
    let bare = format!("pg_catalog.quote_ident({})", literal(from));
    let quoted_from = literal(&format!("\"{}\"", from.replace('"', "\"\"")));
    format!(
        "SELECT pg_catalog.format('ALTER ROUTINE %s SET search_path TO %s', \
             p.oid::pg_catalog.regprocedure, \
             (SELECT pg_catalog.string_agg(CASE WHEN pg_catalog.btrim(name) \
                  IN ({bare}, {quoted_from}) THEN '{quoted}' ELSE pg_catalog.btrim(name) END, \
                  ', ' ORDER BY place) \
              FROM pg_catalog.string_to_table(pg_catalog.split_part(setting, '=', 2), ',') \
                  WITH ORDINALITY AS names (name, place))) \
         FROM pg_catalog.pg_proc p, pg_catalog.unnest(p.proconfig) AS setting \
         WHERE p.pronamespace = '{quoted}'::pg_catalog.regnamespace \
           AND setting LIKE 'search\\_path=%'",
        quoted = to.quoted(),
    )
}

/// Lets the open transaction find what is PostgreSQL's own by bare names, and print every other
/// name with its schema.
pub(crate) const SET_LOCAL_CATALOG: &str = "SET LOCAL search_path TO pg_catalog, pg_temp";

/// In a question about `pg_proc p`: the setting that pins the path of the routine, or NULL.
pub(crate) const ROUTINE_PIN: &str = "(SELECT split_part(setting, '=', 2) \
     FROM unnest(p.proconfig) AS setting WHERE setting LIKE 'search\\_path=%')";

/// In a question about `pg_proc p` in a schema `n`: the action that pins the path of the routine
/// to its own schema.
pub(crate) const PIN_ROUTINE: &str =
    "'SET search_path TO ' || quote_ident(n.nspname) || ', extensions, pg_temp'";

/// In a question about several schemas `target`: scopes the open transaction to the one of the
/// row, before anything is asked that depends on the result.
pub(crate) const SCOPE_TO_ROW: &str =
    "set_config('search_path', quote_ident(target.name) || ', extensions, pg_temp', true)";

/// In such a question: the path of a routine that is pinned to its own schema, as [`ROUTINE_PIN`]
/// gives it.
pub(crate) const OWN_PIN: &str = "(quote_ident(target.name) || ', extensions, pg_temp')";

/// In such a question: the line with which PostgreSQL prints that pin.
pub(crate) const OWN_PIN_PRINTED: &str = "(E'\\n SET search_path TO ' || quote_literal(target.name) \
     || E', ''extensions'', ''pg_temp''\\n')";

/// The line that pins a routine to the schema that the transaction is scoped to, as an SQL value.
pub(crate) const PIN_TO_CURRENT: &str = "E'\\n SET search_path FROM CURRENT\\n'";

//! Functions of extensions that an app may not add: they take SQL text or the name of an object,
//! or touch the session, the server or files.

/// Whether a function stays refused although an app lists it.
pub(super) fn stays_refused(name: &str) -> bool {
    NAMES.binary_search(&name).is_ok()
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || PARTS.iter().any(|part| name.contains(part))
}

/// Why a function of PostgreSQL's own is not listed, and the way out, when both are known.
pub(super) fn reason(name: &str) -> Option<(&'static str, &'static str)> {
    match name {
        "currval" | "lastval" | "nextval" | "setval" => Some((
            "names a sequence in a string",
            "make the column GENERATED … AS IDENTITY, and read it with RETURNING",
        )),
        "current_catalog" | "current_database" | "current_query" | "current_role"
        | "current_schema" | "current_schemas" | "current_setting" | "current_user"
        | "inet_client_addr" | "session_user" | "set_config" | "setseed" | "system_user"
        | "user" | "version" => Some((
            "is about the session, not about rows",
            "bind what it would give as a parameter",
        )),
        _ if name.ends_with("_to_xml") || ["ts_rewrite", "ts_stat"].contains(&name) => Some((
            "takes SQL text or the name of a table",
            "write the query itself",
        )),
        _ if stays_refused(name) => Some((
            "takes the name of an object, or touches the session, the server or files",
            "leave that to the library or to a migration",
        )),
        _ => None,
    }
}

/// Beginnings of such names, by the extension that brings them.
const PREFIXES: &[&str] = &[
    "_postgis_",
    "bt_",
    "chunk",
    "citus",
    "connectby",
    "cron",
    "crosstab",
    "current_",
    "dblink",
    "dbms_",
    "exec",
    "file_fdw",
    "has_",
    "hypertable",
    "lo_",
    "master_",
    "partition_",
    "pg_",
    "pgr_",
    "pgstat",
    "plpgsql_",
    "plv8",
    "postgis_extensions_",
    "postgres_fdw",
    "run_",
    "ssl_",
    "to_reg",
    "ts_rewrite",
    "ts_stat",
    "txid_",
    "utl_",
];

/// What such names hold.
const PARTS: &[&str] = &["_to_xml", "_fdw_", "advisory", "regclass"];

/// The others, sorted.
const NAMES: &[&str] = &[
    "add_job",
    "addauth",
    "addgeometrycolumn",
    "addoverviewconstraints",
    "addrasterconstraints",
    "alter_job",
    "autoinc",
    "check_foreign_key",
    "check_primary_key",
    "checkauth",
    "create_hypertable",
    "create_parent",
    "currval",
    "cypher",
    "delete_job",
    "disablelongtransactions",
    "drop_chunks",
    "dropgeometrycolumn",
    "dropgeometrytable",
    "dropoverviewconstraints",
    "droprasterconstraints",
    "enablelongtransactions",
    "find_srid",
    "get_raw_page",
    "lastval",
    "lockrow",
    "nextval",
    "populate_geometry_columns",
    "resolve",
    "row_security_active",
    "schedule",
    "schedule_in_database",
    "set_config",
    "setseed",
    "setval",
    "show_chunks",
    "st_createoverview",
    "st_estimatedextent",
    "st_findextent",
    "st_retile",
    "triggered_change_notification",
    "unlockrows",
    "unschedule",
    "updategeometrysrid",
    "updaterastersrid",
    "xpath_table",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_sorted() {
        assert!(NAMES.is_sorted() && PREFIXES.is_sorted());
    }

    #[test]
    fn what_takes_sql_or_names_or_touches_the_server_stays_refused() {
        for name in [
            "connectby",
            "crosstab",
            "crosstab4",
            "crosstab_hash",
            "cursor_to_xmlschema",
            "database_to_xml_and_xmlschema",
            "dblink",
            "dblink_exec",
            "lo_get",
            "lo_import",
            "pg_advisory_xact_lock",
            "pg_read_binary_file",
            "pg_terminate_backend",
            "pgr_dijkstra",
            "postgres_fdw_get_connections",
            "query_to_xml",
            "set_config",
            "ts_stat",
            "xpath_table",
        ] {
            assert!(stays_refused(name), "{name}");
        }
    }

    #[test]
    fn what_is_listed_is_not_refused() {
        for theme in super::super::extensions::THEMES {
            for name in *theme {
                assert!(!stays_refused(name), "{name}");
            }
        }
        for name in ["st_clusterdbscan", "h3_latlng_to_cell", "st_hexagongrid"] {
            assert!(!stays_refused(name), "{name}");
        }
    }
}

//! The names that tenant SQL may use besides its own tables.
//!
//! A function is listed only when it neither takes SQL text, nor the name of a relation or
//! schema, nor touches the state of the session, of the server or of files. What is not listed
//! is refused: `query_to_xml`, `ts_stat`, `ts_rewrite`, `nextval`, `dblink`, `set_config`,
//! `pg_advisory_lock` and everything that a later PostgreSQL may bring.

mod dictionaries;
mod extensions;
mod functions;
mod never;
mod types;

use crate::side::Side;

pub(crate) use dictionaries::dictionary;

/// Whether a function of PostgreSQL itself may be called.
pub(crate) fn function(name: &str) -> bool {
    contains(functions::THEMES, name)
}

/// Whether a name stands for a value without parentheses, as `CURRENT_DATE` does.
pub(crate) fn bare_function(name: &str) -> bool {
    functions::BARE.binary_search(&name).is_ok()
}

/// Whether a set-returning function has a column of this name.
pub(crate) fn function_column(name: &str) -> bool {
    functions::COLUMNS.binary_search(&name).is_ok()
}

/// Whether the only column of a function of PostgreSQL is called as the function's alias.
///
/// A function with a named result keeps that name: with `json_array_elements('[]') AS n` the
/// column is `n.value`, and `n.n` would be a call of the function n.
pub(crate) fn column_is_called_as_the_alias(name: &str) -> bool {
    functions::UNNAMED.binary_search(&name).is_ok()
}

/// Whether a function in schema `extensions` may be called.
pub(crate) fn extension_function(name: &str) -> bool {
    contains(extensions::THEMES, name)
}

/// Whether a function of schema `extensions` may not be added by an app.
pub(crate) fn stays_refused(name: &str) -> bool {
    never::stays_refused(name)
}

/// Why a function of schema `extensions` is refused, and the way out.
pub(crate) fn unlisted_in_extensions(name: &str) -> (String, &'static str) {
    if stays_refused(name) {
        return (
            format!(
                "function extensions.{name} takes SQL text or the name of an object, or touches \
                 the session or the server"
            ),
            "write the query itself, or a function of a migration",
        );
    }
    (
        format!("function extensions.{name} is not on the list of functions of extensions"),
        "add it to functions in [extensions] of tenancy.toml, beside Cargo.toml",
    )
}

/// Why a function that is not listed is refused, and the way out unless it is the app's own.
pub(crate) fn unlisted(name: &str, side: Side) -> (String, Option<&'static str>) {
    let refused = format!(
        "function {name} is not on the list of functions for {}",
        side.sql()
    );
    match never::reason(name.strip_prefix("pg_catalog.").unwrap_or(name)) {
        Some((reason, help)) => (format!("{refused}: it {reason}"), Some(help)),
        None => (refused, None),
    }
}

/// What to do about a type of an extension that is not listed.
pub(crate) const TYPE_HELP: &str =
    "add it to types in [extensions] of tenancy.toml, beside Cargo.toml";

/// Whether a type in schema `extensions` may be named.
pub(crate) fn extension_type(name: &str) -> bool {
    extensions::TYPES.binary_search(&name).is_ok()
}

/// Whether a type of PostgreSQL itself may be named.
pub(crate) fn type_name(name: &str) -> bool {
    types::NAMES.binary_search(&name).is_ok()
}

/// Whether a type turns text into the object of that name, in any schema.
pub(crate) fn is_object_type(name: &str) -> bool {
    types::OBJECTS
        .binary_search(&name.trim_start_matches('_'))
        .is_ok()
}

fn contains(themes: &[&[&str]], name: &str) -> bool {
    themes
        .iter()
        .any(|theme| theme.binary_search(&name).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_sorted() {
        for theme in functions::THEMES.iter().chain(extensions::THEMES) {
            let mut sorted = theme.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted, *theme);
        }
        for list in [
            dictionaries::CONFIGURATIONS,
            extensions::TYPES,
            functions::BARE,
            functions::COLUMNS,
            functions::UNNAMED,
            types::NAMES,
            types::OBJECTS,
        ] {
            let mut sorted = list.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted, list);
        }
    }

    #[test]
    fn functions_that_take_sql_or_names_or_touch_state_are_not_listed() {
        for name in [
            "currval",
            "database_to_xml",
            "dblink",
            "lo_get",
            "lo_import",
            "nextval",
            "pg_notify",
            "pg_read_file",
            "pg_relation_size",
            "pg_sleep",
            "pg_terminate_backend",
            "query_to_xml",
            "regclass",
            "set_config",
            "setseed",
            "setval",
            "table_to_xml",
            "to_regclass",
            "ts_rewrite",
            "ts_stat",
            "txid_current",
            "pg_advisory_xact_lock",
            "current_setting",
            "pg_get_serial_sequence",
            "has_table_privilege",
            "crosstab",
            "connectby",
        ] {
            assert!(
                !function(name) && !bare_function(name) && !extension_function(name),
                "{name}"
            );
        }
    }
}

//! How PostgreSQL reads names, and which names mean something.

/// The explicit form of the tenant's own schema.
pub(crate) const TENANT: &str = "tenant";
/// What the application publishes to every tenant.
pub(crate) const SHARED: &str = "shared";
/// The app's own global tables.
pub(crate) const PUBLIC: &str = "public";
/// The framework's tables.
pub(crate) const TENANCY: &str = "tenancy";
/// Types, functions and operators of extensions.
pub(crate) const EXTENSIONS: &str = "extensions";
/// PostgreSQL's own types, functions and operators.
pub(crate) const CATALOG: &str = "pg_catalog";

/// Whether a name is, or may be, a schema that every database has.
pub(crate) fn is_schema(name: &str) -> bool {
    [
        TENANT,
        SHARED,
        EXTENSIONS,
        "information_schema",
        PUBLIC,
        TENANCY,
    ]
    .contains(&name)
        || name.starts_with("pg_")
}

/// An unquoted name as PostgreSQL stores it.
pub(crate) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Whether PostgreSQL does not take the unquoted word for the name of a table or column.
///
/// The parser takes some of these for names, and PostgreSQL would then read another statement.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.binary_search(&fold(word).as_str()).is_ok()
}

/// The reserved words of PostgreSQL, with those that may be functions or types only.
const RESERVED: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_sorted() {
        assert!(RESERVED.is_sorted());
        assert!(is_reserved("ONLY") && !is_reserved("blogs"));
    }
}

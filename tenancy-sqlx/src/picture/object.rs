//! One object of a schema and the statement that makes it.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

use super::ObjectKind;

/// One object of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) kind: ObjectKind,
    /// What it is called in the schema, such as `posts.title` or `posts_pkey`.
    pub(crate) name: String,
    pub(crate) phase: Phase,
    /// What makes it, without a semicolon at the end; nothing for a part of another statement.
    pub(crate) sql: String,
    /// What two schemas are compared by: for a table, this leaves its columns to themselves.
    pub(crate) definition: String,
    /// Which type, routine or relation it is.
    pub(super) node: Option<u32>,
    /// The table that it is a part of, and where.
    pub(super) part_of: Option<u32>,
    pub(super) place: i32,
}

/// When an object is made. Rows come after [`Phase::Attach`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Phase {
    /// It comes with another object.
    Part,
    /// Types, sequences, routines and tables with their columns, each after what it needs.
    Structure,
    /// Partitions become parts of their tables.
    Attach,
    /// Primary keys and unique constraints, which a view may rely on.
    Keys,
    /// Views, and the routines that need one, each after what it needs.
    Views,
    Indexes,
    /// Indexes of partitions become parts of those of their tables, and the like.
    AttachIndexes,
    Ownership,
    Defaults,
    Checks,
    References,
    Rules,
    Triggers,
    Security,
    Statistics,
    Comments,
}

impl Phase {
    /// The first that comes after the rows.
    pub(crate) const AFTER_ROWS: Self = Self::Keys;

    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "part" => Self::Part,
            "structure" => Self::Structure,
            "attach" => Self::Attach,
            "keys" => Self::Keys,
            "views" => Self::Views,
            "indexes" => Self::Indexes,
            "attach_indexes" => Self::AttachIndexes,
            "ownership" => Self::Ownership,
            "defaults" => Self::Defaults,
            "checks" => Self::Checks,
            "references" => Self::References,
            "rules" => Self::Rules,
            "triggers" => Self::Triggers,
            "security" => Self::Security,
            "statistics" => Self::Statistics,
            "comments" => Self::Comments,
            _ => return None,
        })
    }
}

impl Object {
    /// Whether no statement makes it.
    pub(super) fn is_uncovered(&self) -> bool {
        self.kind == ObjectKind::Uncovered
    }
}

impl FromRow<'_, PgRow> for Object {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (kind, phase): (&str, &str) = (row.try_get("kind")?, row.try_get("phase")?);
        let unknown = |what: &str| sqlx::Error::Protocol(format!("unknown sort of object {what}"));
        let node = |column: &str| -> Result<Option<u32>, sqlx::Error> {
            let oid: Option<sqlx::postgres::types::Oid> = row.try_get(column)?;
            Ok(oid.map(|oid| oid.0))
        };
        let definition: String = row.try_get("definition")?;
        let definition = definition.trim_end().trim_end_matches(';').to_owned();
        let statement: Option<String> = row.try_get("statement")?;
        Ok(Self {
            kind: ObjectKind::parse(kind).ok_or_else(|| unknown(kind))?,
            name: row.try_get("name")?,
            phase: Phase::parse(phase).ok_or_else(|| unknown(phase))?,
            sql: statement.unwrap_or_else(|| definition.clone()),
            definition,
            node: node("node")?,
            part_of: node("part_of")?,
            place: row.try_get("place")?,
        })
    }
}

//! How far an export or an import has come, and what it came to.

use std::fmt;

use serde::Serialize;
use tenancy_core::{SchemaName, Slug};

/// How far an export or an import has come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MoveEvent {
    /// The whole archive was read, and is what its manifest says.
    Verified {
        /// How large it is.
        bytes: u64,
    },
    /// What an earlier import of the same tenant left was removed.
    Removed,
    /// Every name is free, and kept until the end.
    Reserved,
    /// The structure of the schema is known, or made but for what comes after its rows.
    Schema {
        /// How many objects it has.
        objects: usize,
    },
    /// The rows of a table are copied.
    Table {
        /// Its name.
        table: String,
        /// How many there were.
        rows: u64,
    },
    /// Indexes, constraints and whatever else comes after the rows is made.
    Completed,
    /// The entries of a resource are copied.
    Resource {
        /// Its name.
        resource: &'static str,
    },
    /// The tenant serves.
    Active,
    /// Something failed and everything is being taken back.
    Undoing,
}

impl fmt::Display for MoveEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified { bytes } => write!(f, "archive verified, {bytes} bytes"),
            Self::Removed => f.write_str("what an earlier import left is removed"),
            Self::Reserved => f.write_str("names are free"),
            Self::Schema { objects } => write!(f, "schema, {objects} objects"),
            Self::Table { table, rows } => write!(f, "table {table}, {rows} rows"),
            Self::Completed => f.write_str("indexes and constraints made"),
            Self::Resource { resource } => write!(f, "resource {resource}"),
            Self::Active => f.write_str("active"),
            Self::Undoing => f.write_str("failed: taking everything back"),
        }
    }
}

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportSummary {
    /// The tenant.
    pub slug: Slug,
    /// The schema that its tables were read from.
    pub schema: SchemaName,
    /// Its tables, by name.
    pub tables: Vec<TableRows>,
    /// How many entries of resources are in it.
    pub resources: usize,
    /// How large it is.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
}

impl ExportSummary {
    /// The rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// How many rows a table has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TableRows {
    /// Its name.
    pub table: String,
    /// How many there are.
    pub rows: u64,
}

impl TableRows {
    pub(super) fn new(table: impl Into<String>, rows: u64) -> Self {
        Self {
            table: table.into(),
            rows,
        }
    }
}

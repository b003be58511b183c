//! The documents of an archive.

use serde::{Deserialize, Serialize};

/// What an archive is, and of whom: the first entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Head {
    pub(in super::super) format: u32,
    /// The program that wrote it.
    pub(in super::super) made_by: String,
    /// In RFC 3339.
    pub(in super::super) made_at: String,
    pub(in super::super) tenant_id: String,
    pub(in super::super) slug: String,
    pub(in super::super) schema: String,
    pub(in super::super) name: String,
    pub(in super::super) description: String,
    pub(in super::super) postgresql: String,
    /// The extensions of its database, which its tables may need.
    pub(in super::super) extensions: Vec<String>,
    /// The migrations that its tables are at.
    pub(in super::super) migrations: Vec<Applied>,
}

/// A migration that the tenant has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Applied {
    pub(in super::super) version: i64,
    pub(in super::super) name: String,
    /// In hexadecimal digits.
    pub(in super::super) checksum: String,
}

/// Everything that makes the schema what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Schema {
    /// In the order in which they are made.
    pub(in super::super) objects: Vec<Shape>,
    pub(in super::super) tables: Vec<Table>,
    /// The materialized views that have rows, as quoted names.
    pub(in super::super) filled: Vec<String>,
}

/// One object of the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Shape {
    pub(in super::super) kind: String,
    pub(in super::super) name: String,
    pub(in super::super) when: When,
    /// What makes it; empty for a part of another statement.
    pub(in super::super) sql: String,
    /// What the object that it becomes is compared with.
    pub(in super::super) definition: String,
}

/// When an object is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum When {
    /// It comes with another.
    Part,
    /// Before the rows.
    Before,
    /// After the rows.
    After,
}

/// A table with rows of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Table {
    pub(in super::super) name: String,
    /// The columns that are copied, as quoted names.
    pub(in super::super) columns: Vec<String>,
}

/// Where a sequence stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Sequence {
    /// As a quoted name.
    pub(in super::super) name: String,
    pub(in super::super) last_value: i64,
    pub(in super::super) is_called: bool,
}

/// What the archive holds, down to the byte: the last entry but its own seal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Manifest {
    pub(in super::super) entries: Vec<Entry>,
    pub(in super::super) tables: Vec<Counted>,
    pub(in super::super) resources: Vec<Stored>,
}

/// One entry of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Entry {
    pub(in super::super) path: String,
    pub(in super::super) size: u64,
    pub(in super::super) sha256: String,
}

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Counted {
    pub(in super::super) table: String,
    /// Where they are.
    pub(in super::super) folder: String,
    pub(in super::super) rows: u64,
}

/// One entry of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Stored {
    pub(in super::super) resource: String,
    pub(in super::super) path: String,
    /// The entries of the archive that it is cut into.
    pub(in super::super) parts: Vec<String>,
}

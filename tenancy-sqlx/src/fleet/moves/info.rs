//! What an archive says of itself.

use serde::Serialize;
use tokio::io::{AsyncRead, BufReader};

use super::archive::{Verified, verify};
use super::event::TableRows;
use crate::error::Error;

/// What is in an archive, every checksum of which is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ArchiveInfo {
    /// The form of the archive.
    pub format: u32,
    /// The program that wrote it.
    pub made_by: String,
    /// When, in RFC 3339.
    pub made_at: String,
    /// The tenant that it was written of, by its id in that installation.
    pub tenant_id: String,
    /// Its slug there.
    pub slug: String,
    /// Its schema there.
    pub schema: String,
    /// Its name for people.
    pub name: String,
    /// What it is, in a sentence.
    pub description: String,
    /// The version of PostgreSQL that it was read from.
    pub postgresql: String,
    /// The extensions that its tables need.
    pub extensions: Vec<String>,
    /// The migrations that its tables are at.
    pub versions: Vec<i64>,
    /// Its tables, by name.
    pub tables: Vec<TableRows>,
    /// The entries of resources in it, by resource and path.
    pub resources: Vec<String>,
    /// How large the file is.
    pub bytes: u64,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub sha256: String,
}

impl ArchiveInfo {
    /// Reads a whole archive and compares every byte of it with its manifest.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when it is damaged, cut off or
    /// of a form that this program does not know; the message says where.
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) when it cannot be read.
    ///
    /// ```
    /// use tenancy_sqlx::{ArchiveInfo, ErrorKind};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let error = ArchiveInfo::read(&b"PK\x03\x04"[..]).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
    /// # }
    /// ```
    pub async fn read(archive: impl AsyncRead + Unpin) -> Result<Self, Error> {
        let verified = verify(BufReader::new(archive)).await?;
        Ok(Self::of(&verified))
    }

    fn of(verified: &Verified) -> Self {
        let head = verified.head.clone();
        let tables = verified.manifest.tables.iter();
        let resources = verified.manifest.resources.iter();
        Self {
            format: head.format,
            made_by: head.made_by,
            made_at: head.made_at,
            tenant_id: head.tenant_id,
            slug: head.slug,
            schema: head.schema,
            name: head.name,
            description: head.description,
            postgresql: head.postgresql,
            extensions: head.extensions,
            versions: head.migrations.iter().map(|one| one.version).collect(),
            tables: tables
                .map(|table| TableRows::new(&table.table, table.rows))
                .collect(),
            resources: resources
                .map(|stored| format!("{}/{}", stored.resource, stored.path))
                .collect(),
            bytes: verified.bytes,
            sha256: verified.sha256.clone(),
        }
    }
}

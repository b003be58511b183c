//! The second reading of an archive: its rows into tables, its entries to resources.

use sqlx::postgres::PgConnection;
use tenancy_core::{SchemaName, sabotaged};
use tokio::io::AsyncRead;

use super::archive::{Reader, Sequence, Stored, Table, Verified};
use crate::error::{Error, ErrorKind};
use crate::migrate::ledger::literal;

/// The second reading of an archive, in its own order.
pub(super) struct Load<'a, R> {
    reader: Reader<R>,
    verified: &'a Verified,
    /// The entry that comes next, once it was looked at.
    next: Option<(String, Vec<u8>)>,
    place: usize,
}

impl<'a, R: AsyncRead + Unpin> Load<'a, R> {
    pub(super) fn new(reader: Reader<R>, verified: &'a Verified) -> Self {
        Self {
            reader,
            verified,
            next: None,
            place: 0,
        }
    }

    /// Copies the rows of a table, and gives their number: the one that the manifest says.
    pub(super) async fn table(
        &mut self,
        connection: &mut PgConnection,
        schema: &SchemaName,
        table: &Table,
    ) -> Result<u64, Error> {
        let tables = &self.verified.manifest.tables;
        let listed = tables.iter().find(|one| one.table == table.name);
        let (folder, rows) = match listed {
            Some(listed) => (format!("{}/", listed.folder), listed.rows),
            None => return Err(changed()),
        };
        let statement = table.copy(schema, "FROM STDIN");
        let mut copy = connection.copy_in_raw(&statement).await?;
        let fed = async {
            while let Some(bytes) = self.part_of(&folder).await? {
                copy.send(bytes).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = fed.await {
            // It had failed already, or has now.
            let _ = copy.abort("the archive cannot be read").await;
            return Err(error);
        }
        let copied = copy.finish().await?;
        if copied != rows && !sabotaged!("moves.rows-uncounted") {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("{copied} rows were copied, and the archive says {rows}"),
            ));
        }
        Ok(copied)
    }

    /// One entry of a resource, put together.
    pub(super) async fn stored(&mut self, stored: &Stored) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        for path in &stored.parts {
            loop {
                let (found, bytes) = self.take().await?;
                if found == *path {
                    whole.extend_from_slice(&bytes);
                    break;
                }
            }
        }
        Ok(whole)
    }

    /// The next entry of a folder, or nothing when another comes.
    async fn part_of(&mut self, folder: &str) -> Result<Option<Vec<u8>>, Error> {
        loop {
            let (path, bytes) = self.take().await?;
            if path.starts_with(folder) {
                return Ok(Some(bytes));
            }
            // What comes before the rows has been read.
            if path.starts_with("schema/") || path == "archive.json" {
                continue;
            }
            self.next = Some((path, bytes));
            return Ok(None);
        }
    }

    /// The next entry, which is what it was when the archive was verified.
    async fn take(&mut self) -> Result<(String, Vec<u8>), Error> {
        if let Some(next) = self.next.take() {
            return Ok(next);
        }
        let (path, bytes) = self.reader.next().await?.ok_or_else(changed)?;
        if self.place < self.verified.manifest.entries.len() {
            self.verified.check(self.place, &path, &bytes)?;
        }
        self.place += 1;
        Ok((path, bytes))
    }
}

impl Sequence {
    /// The statement that brings the sequence there, on the path of its schema.
    pub(super) fn restore(&self) -> String {
        format!(
            "SELECT pg_catalog.setval({}, {}, {})",
            literal(&self.name),
            self.last_value,
            self.is_called
        )
    }
}

fn changed() -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "the archive was changed while it was read",
    )
}

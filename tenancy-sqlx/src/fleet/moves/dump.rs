//! Writes a tenant as SQL that psql restores where there is no framework.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use tenancy_core::{SchemaName, Tenant};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::archive::{Schema, Sequence, Table, When, count_lines, hex, write_failed};
use super::structure::Needs;
use crate::error::Error;
use crate::search_path;

/// Writes SQL from front to end, in the order of its methods: one transaction, which makes the
/// schema.
pub(super) struct Dump<W> {
    into: W,
    digest: Sha256,
    bytes: u64,
    rows: u64,
}

impl<W: AsyncWrite + Unpin> Dump<W> {
    pub(super) async fn begin(
        into: W,
        tenant: &Tenant,
        to: &SchemaName,
        needs: &Needs,
        schema: &Schema,
    ) -> Result<Self, Error> {
        let mut dump = Self {
            into,
            digest: Sha256::new(),
            bytes: 0,
            rows: 0,
        };
        let mut head = format!(
            "-- Tenant {} in schema {to}. Restore it with `psql -v ON_ERROR_STOP=1 -f FILE`.\n",
            tenant.slug()
        );
        for extension in &needs.extensions {
            let extension = extension.replace(['\n', '\r'], " ");
            let _ = writeln!(
                head,
                "-- It needs the extension {extension}, in schema public or extensions."
            );
        }
        for object in &needs.objects {
            // A name may have a line of its own in it, which psql would run.
            let object = object.replace(['\n', '\r'], " ");
            let _ = writeln!(head, "-- It needs {object}.");
        }
        let _ = write!(
            head,
            "\nBEGIN;\nSET LOCAL client_encoding = 'UTF8';\n\
             SET LOCAL standard_conforming_strings = on;\nSET LOCAL check_function_bodies = off;\n\
             SET LOCAL datestyle = 'ISO';\nSET LOCAL intervalstyle = 'postgres';\n\
             SET LOCAL xmloption = 'content';\nSET LOCAL row_security = off;\n\
             SET LOCAL client_min_messages = warning;\nSET LOCAL statement_timeout = 0;\n\n\
             CREATE SCHEMA {};\n{};\n\n",
            to.quoted(),
            search_path::set_local_elsewhere(to)
        );
        dump.put(head.as_bytes()).await?;
        dump.objects(schema, When::Before).await?;
        Ok(dump)
    }

    async fn objects(&mut self, schema: &Schema, when: When) -> Result<(), Error> {
        for object in schema.objects.iter().filter(|object| object.when == when) {
            self.put(object.sql.as_bytes()).await?;
            // A definition may end in a comment.
            self.put(b"\n;\n\n").await?;
        }
        Ok(())
    }

    pub(super) async fn table(&mut self, table: &Table) -> Result<(), Error> {
        self.rows = 0;
        let copy = format!("COPY {} FROM stdin;\n", table.with_columns());
        self.put(copy.as_bytes()).await
    }

    pub(super) async fn rows(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.rows += count_lines(bytes);
        self.put(bytes).await
    }

    pub(super) async fn end_table(&mut self) -> Result<u64, Error> {
        self.put(b"\\.\n\n").await?;
        Ok(self.rows)
    }

    /// Writes what comes after the rows.
    pub(super) async fn end(
        &mut self,
        sequences: &[Sequence],
        schema: &Schema,
    ) -> Result<(), Error> {
        for sequence in sequences {
            let sql = format!("{};\n", sequence.restore());
            self.put(sql.as_bytes()).await?;
        }
        self.put(b"\n").await?;
        self.objects(schema, When::After).await?;
        for view in &schema.filled {
            let sql = format!("REFRESH MATERIALIZED VIEW {view};\n");
            self.put(sql.as_bytes()).await?;
        }
        self.put(b"COMMIT;\n").await
    }

    pub(super) async fn finish(mut self) -> Result<(u64, String), Error> {
        self.into.flush().await.map_err(write_failed)?;
        Ok((self.bytes, hex(&self.digest.finalize())))
    }

    async fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.into.write_all(bytes).await.map_err(write_failed)
    }
}

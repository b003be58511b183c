//! Writes an archive from front to end.

use std::collections::BTreeSet;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::content::{Counted, Entry};
use super::ustar::{BLOCK, END, Header, Unfit};
use super::{
    HEAD, Head, MANIFEST, MANIFEST_LIMIT, Manifest, PART, SEAL, SEQUENCES, Schema, Sequence,
    Stored, digest_of, hex, path, write_failed,
};
use crate::error::{Error, ErrorKind};

/// Writes an archive from front to end, in the order of its methods.
pub(in super::super) struct Writer<W> {
    into: W,
    /// The time of every entry, in seconds since 1970.
    time: u64,
    manifest: Manifest,
    taken: BTreeSet<String>,
    digest: Sha256,
    bytes: u64,
    /// The rows that are being written and were not cut yet.
    buffer: Vec<u8>,
    parts: usize,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// Begins with what the archive is.
    pub(in super::super) async fn begin(into: W, head: &Head, time: u64) -> Result<Self, Error> {
        let mut writer = Self {
            into,
            time,
            manifest: Manifest::default(),
            taken: BTreeSet::new(),
            digest: Sha256::new(),
            bytes: 0,
            buffer: Vec::new(),
            parts: 0,
        };
        writer.entry(HEAD, &json(head)?).await?;
        Ok(writer)
    }

    pub(in super::super) async fn schema(&mut self, schema: &Schema) -> Result<(), Error> {
        for (number, part) in (1..).zip(json(schema)?.chunks(PART)) {
            let path = format!("schema/{number:04}.json");
            self.entry(&path, part).await?;
        }
        Ok(())
    }

    /// Begins the rows of a table.
    pub(in super::super) fn table(&mut self, name: &str) {
        let number = self.manifest.tables.len() + 1;
        self.parts = 0;
        self.manifest.tables.push(Counted {
            table: name.to_owned(),
            folder: format!("data/{number:04}-{}", path::plain(name)),
            rows: 0,
        });
    }

    /// Adds to the rows of the table; they end with line ends, and have none inside.
    pub(in super::super) async fn rows(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        if let Some(table) = self.manifest.tables.last_mut() {
            table.rows += count_lines(bytes);
        }
        while self.buffer.len() + bytes.len() >= PART {
            let (now, later) = bytes.split_at(PART - self.buffer.len());
            self.buffer.extend_from_slice(now);
            bytes = later;
            self.cut().await?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Ends the rows of the table, and says how many there were.
    pub(in super::super) async fn end_table(&mut self) -> Result<u64, Error> {
        if !self.buffer.is_empty() {
            self.cut().await?;
        }
        Ok(self.manifest.tables.last().map_or(0, |table| table.rows))
    }

    async fn cut(&mut self) -> Result<(), Error> {
        let folder = self.manifest.tables.last().map(|table| &table.folder);
        self.parts += 1;
        let path = format!(
            "{}/{:04}.copy",
            folder.map_or("", String::as_str),
            self.parts
        );
        let mut part = std::mem::take(&mut self.buffer);
        self.entry(&path, &part).await?;
        part.clear();
        self.buffer = part;
        Ok(())
    }

    pub(in super::super) async fn sequences(&mut self, all: &[Sequence]) -> Result<(), Error> {
        self.entry(SEQUENCES, &json(&all)?).await
    }

    /// Writes one entry of a resource.
    pub(in super::super) async fn stored(
        &mut self,
        resource: &str,
        path: &str,
        bytes: &[u8],
    ) -> Result<(), Error> {
        let whole = format!("resources/{resource}/{path}");
        if let Some(fault) = path::fault(&whole) {
            return Err(unfit(&whole, fault));
        }
        let mut parts = Vec::new();
        let mut rest = bytes;
        loop {
            let (now, later) = rest.split_at(rest.len().min(PART));
            let name = match parts.len() {
                0 => whole.clone(),
                more => format!("{whole}.part-{}", more + 1),
            };
            self.entry(&name, now).await?;
            parts.push(name);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        self.manifest.resources.push(Stored {
            resource: resource.to_owned(),
            path: path.to_owned(),
            parts,
        });
        Ok(())
    }

    /// Writes what the archive must hold, and gives its size and digest.
    pub(in super::super) async fn finish(mut self) -> Result<(Manifest, u64, String), Error> {
        let manifest = self.manifest.clone();
        let text = json(&manifest)?;
        if text.len() > MANIFEST_LIMIT {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "it has too many entries for one archive: dump it with pg_dump",
            ));
        }
        self.entry(MANIFEST, &text).await?;
        let seal = format!("{}  {MANIFEST}\n", digest_of(&text));
        self.entry(SEAL, seal.as_bytes()).await?;
        self.put(&[0; END * BLOCK]).await?;
        self.into.flush().await.map_err(write_failed)?;
        Ok((manifest, self.bytes, hex(&self.digest.finalize())))
    }

    async fn entry(&mut self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        if !self.taken.insert(path.to_owned()) {
            return Err(unfit(path, "there is one already"));
        }
        let header = Header {
            path: path.to_owned(),
            size: bytes.len() as u64,
            time: self.time,
        };
        let block = header.block().map_err(|fault| match fault {
            Unfit::Long => unfit(path, "it is too long for an archive"),
            Unfit::Foreign => unfit(path, "it is none"),
        })?;
        self.put(&block).await?;
        self.put(bytes).await?;
        self.put(&[0; BLOCK][..header.padding()]).await?;
        self.manifest.entries.push(Entry {
            path: path.to_owned(),
            size: header.size,
            sha256: digest_of(bytes),
        });
        Ok(())
    }

    async fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.into.write_all(bytes).await.map_err(write_failed)
    }
}

/// How many rows end in `bytes`: COPY writes a line end that is part of a value as two characters.
pub(in super::super) fn count_lines(bytes: &[u8]) -> u64 {
    bytes.split(|&byte| byte == b'\n').skip(1).count() as u64
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| {
        Error::new(ErrorKind::Internal, "a document cannot be written").with_source(error)
    })
}

fn unfit(path: &str, fault: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("{path:?} is no path in an archive: {fault}"),
    )
}

//! Reads a whole archive before anything is made of it.

use serde::Deserialize;
use tenancy_core::sabotaged;
use tokio::io::AsyncRead;

use super::content::Entry;
use super::writer::count_lines;
use super::{
    FORMAT, HEAD, Head, MANIFEST, Manifest, Reader, SEAL, SEQUENCES, Schema, Sequence, damaged,
    digest_of,
};
use crate::error::{Error, ErrorKind};

/// What an archive holds that has been read to its end.
#[derive(Debug)]
pub(in super::super) struct Verified {
    pub(in super::super) head: Head,
    pub(in super::super) schema: Schema,
    pub(in super::super) sequences: Vec<Sequence>,
    pub(in super::super) manifest: Manifest,
    pub(in super::super) bytes: u64,
    pub(in super::super) sha256: String,
}

impl Verified {
    /// Refuses an entry that is not the one at this place of the manifest.
    pub(in super::super) fn check(
        &self,
        place: usize,
        path: &str,
        bytes: &[u8],
    ) -> Result<(), Error> {
        check(
            self.manifest.entries.get(place),
            path,
            bytes.len() as u64,
            &digest_of(bytes),
        )
    }
}

/// Reads a whole archive, and refuses one that is not what its manifest says.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`]; the message says where it is damaged.
pub(in super::super) async fn verify(from: impl AsyncRead + Unpin) -> Result<Verified, Error> {
    let mut reader = Reader::new(from);
    let head = match reader.next().await? {
        Some((path, bytes)) if path == HEAD => bytes,
        _ => return Err(damaged(format!("it does not begin with {HEAD}"))),
    };
    refuse_format(&head)?;
    let mut entries = vec![entry(HEAD, &head)];
    let head: Head = document(HEAD, &head)?;
    let (mut schema, mut sequences, mut rows) = (Vec::new(), None, Vec::<(String, u64)>::new());
    let manifest = loop {
        let Some((path, bytes)) = reader.next().await? else {
            return Err(damaged(format!("it has no {MANIFEST}")));
        };
        if path == MANIFEST {
            break bytes;
        }
        entries.push(entry(&path, &bytes));
        match path.split_once('/') {
            Some(("schema", _)) => schema.extend_from_slice(&bytes),
            Some(("data", _)) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                let lines = count_lines(&bytes);
                match rows.last_mut() {
                    Some((last, count)) if last == folder => *count += lines,
                    _ => rows.push((folder.to_owned(), lines)),
                }
            }
            Some(("resources", _)) => {}
            None if path == SEQUENCES => sequences = Some(document(SEQUENCES, &bytes)?),
            _ => return Err(damaged(format!("entry {path} belongs to no part of it"))),
        }
    };
    let seal = format!("{}  {MANIFEST}\n", digest_of(&manifest));
    match reader.next().await? {
        Some((path, bytes)) if path == SEAL && bytes == seal.as_bytes() => {}
        Some((path, _)) if path == SEAL => {
            return Err(damaged(format!(
                "{MANIFEST} has another checksum than {SEAL} says"
            )));
        }
        _ => return Err(damaged(format!("it has no {SEAL}"))),
    }
    if let Some((path, _)) = reader.next().await? {
        return Err(damaged(format!("entry {path} follows its end")));
    }
    let manifest: Manifest = document(MANIFEST, &manifest)?;
    for (place, entry) in entries.iter().enumerate() {
        let listed = manifest.entries.get(place);
        check(listed, &entry.path, entry.size, &entry.sha256)?;
    }
    if manifest.entries.len() != entries.len() {
        let missing = manifest.entries.get(entries.len());
        return Err(damaged(format!(
            "entry {} is missing",
            missing.map_or("", |entry| entry.path.as_str())
        )));
    }
    let schema: Schema = document("schema", &schema)?;
    count(&manifest, &rows, &schema)?;
    refuse_stray(&manifest)?;
    let sequences = sequences.ok_or_else(|| damaged(format!("it has no {SEQUENCES}")))?;
    let (bytes, sha256) = reader.finish();
    Ok(Verified {
        head,
        schema,
        sequences,
        manifest,
        bytes,
        sha256,
    })
}

fn entry(path: &str, bytes: &[u8]) -> Entry {
    Entry {
        path: path.to_owned(),
        size: bytes.len() as u64,
        sha256: digest_of(bytes),
    }
}

fn check(listed: Option<&Entry>, path: &str, size: u64, sha256: &str) -> Result<(), Error> {
    let Some(listed) = listed.filter(|listed| listed.path == path) else {
        return Err(damaged(format!(
            "entry {path} is not where {MANIFEST} lists it"
        )));
    };
    if listed.size != size {
        return Err(damaged(format!(
            "entry {path} has {size} bytes and {MANIFEST} says {}",
            listed.size
        )));
    }
    if listed.sha256 != sha256 && !sabotaged!("moves.checksum-unchecked") {
        return Err(damaged(format!(
            "entry {path} has another checksum than {MANIFEST} says"
        )));
    }
    Ok(())
}

/// Compares the rows that are there with those that there should be.
fn count(manifest: &Manifest, rows: &[(String, u64)], schema: &Schema) -> Result<(), Error> {
    let mut found = rows.iter().peekable();
    for table in &manifest.tables {
        let there = found.next_if(|(folder, _)| *folder == table.folder);
        let there = there.map_or(0, |(_, rows)| *rows);
        if there != table.rows && !sabotaged!("moves.rows-uncounted") {
            return Err(damaged(format!(
                "table {} has {there} rows and {MANIFEST} says {}",
                table.table, table.rows
            )));
        }
    }
    if let Some((folder, _)) = found.next() {
        return Err(damaged(format!("{folder} belongs to no table")));
    }
    let listed = manifest.tables.iter().map(|table| &table.table);
    if !listed.eq(schema.tables.iter().map(|table| &table.name)) {
        return Err(damaged("its tables are not those of its schema"));
    }
    Ok(())
}

/// Refuses entries of resources that nobody asks for.
fn refuse_stray(manifest: &Manifest) -> Result<(), Error> {
    let stored = manifest.resources.iter().flat_map(|stored| &stored.parts);
    let entries = manifest.entries.iter().map(|entry| &entry.path);
    if !stored.eq(entries.filter(|path| path.starts_with("resources/"))) {
        return Err(damaged("its resources are not what is stored of them"));
    }
    Ok(())
}

/// Refuses what a newer program wrote, before the rest of it is read.
fn refuse_format(head: &[u8]) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let Format { format } = document(HEAD, head)?;
    if format == FORMAT {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!(
            "the archive has format {format}, and this program reads {FORMAT}: use the program that wrote it, or a newer one"
        ),
    ))
}

fn document<'a, T: Deserialize<'a>>(path: &str, bytes: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| damaged(format!("{path} cannot be read ({error})")))
}

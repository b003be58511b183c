//! One tenant in one file: a POSIX tar archive that any `tar` lists, with what it must hold
//! written at its end.
//!
//! ```text
//! archive.json                 what it is, and of whom
//! schema/0001.json             every object of the schema
//! data/0001-notes/0001.copy    rows, as COPY writes them
//! sequences.json               where the sequences stand
//! resources/files/logo.png     what resources keep
//! manifest.json                every entry's size and SHA-256, and every table's number of rows
//! manifest.sha256              the SHA-256 of the manifest
//! ```
//!
//! Entries are small, so that neither side holds more than one: what is larger is cut.

mod content;
mod path;
mod reader;
mod ustar;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind};

pub(super) use content::{Applied, Head, Manifest, Schema, Sequence, Shape, Stored, Table, When};
pub(super) use reader::Reader;
pub(super) use verify::{Verified, verify};
pub(super) use writer::{Writer, count_lines};

/// What the reader understands, and the writer writes.
pub(super) const FORMAT: u32 = 1;

/// The most that an entry holds; what is larger is cut.
pub(super) const PART: usize = 8 << 20;

/// The most that the manifest holds: it cannot be cut.
const MANIFEST_LIMIT: usize = 64 << 20;

const HEAD: &str = "archive.json";
const SEQUENCES: &str = "sequences.json";
const MANIFEST: &str = "manifest.json";
const SEAL: &str = "manifest.sha256";

fn digest_of(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Says what is wrong with an archive.
fn damaged(what: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("the archive is damaged or no tenant's: {what}; nothing was made of it"),
    )
}

fn read_failed(error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the archive cannot be read: {error}"),
    )
    .with_source(error)
}

pub(super) fn write_failed(error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the export cannot be written: {error}"),
    )
    .with_source(error)
}

//! How failures of files and programs are told.

use std::fmt;
use std::io;
use std::path::Path;

use crate::{Error, ErrorKind};

/// The machine is not as it must be; `message` says what to do.
pub(super) fn configuration(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

/// `what` could not be done to `path`.
pub(super) fn io_at(what: impl fmt::Display, path: &Path, error: io::Error) -> Error {
    configuration(format!("cannot {what} `{}`: {error}", path.display())).with_source(error)
}

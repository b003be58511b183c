//! What is written around a value, so that a reader can tell whether it is the one it asked for.

use uuid::Uuid;

use super::{Mark, Place, Read};

/// The first word of every envelope of this format.
const FORMAT: &str = "tenancy1";

/// Why an entry is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It was made for another tenant, key or installation.
    Foreign,
    /// An invalidation came after it was loaded.
    Old,
    /// It is no envelope, or the value is not what was asked for.
    Corrupt,
}

/// Writes `value`, which is JSON, for `place`: format, whole name, history and count, in one line.
///
/// The whole name stands there rather than a digest of it, so that no two can be mistaken.
pub(super) fn seal(place: &Place, mark: Mark, value: &[u8]) -> Vec<u8> {
    let name = place.name();
    let (history, count) = (mark.history.simple(), mark.count);
    let mut entry = format!("{FORMAT} {name} {history} {count}\n").into_bytes();
    entry.extend_from_slice(value);
    entry
}

/// The value in `entry`, if that was made for `place` and is not older than `read` allows.
pub(super) fn open<'a>(place: &Place, read: &Read, entry: &'a [u8]) -> Result<&'a [u8], Unfit> {
    let end = entry
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or(Unfit::Corrupt)?;
    let (head, value) = (&entry[..end], &entry[end + 1..]);
    let head = std::str::from_utf8(head).map_err(|_| Unfit::Corrupt)?;
    let mut words = head.split(' ');
    let mut word = || words.next().ok_or(Unfit::Corrupt);
    if word()? != FORMAT {
        return Err(Unfit::Corrupt);
    }
    let foreign = word()? != place.name().as_str();
    if foreign && !crate::sabotaged!("cache.foreign-served") {
        return Err(Unfit::Foreign);
    }
    let history = Uuid::try_parse(word()?).map_err(|_| Unfit::Corrupt)?;
    let count: u64 = word()?.parse().map_err(|_| Unfit::Corrupt)?;
    if words.next().is_some() {
        return Err(Unfit::Corrupt);
    }
    let current = history == read.mark.history && (read.floor..=read.mark.count).contains(&count);
    if !current && !crate::sabotaged!("cache.old-served") {
        return Err(Unfit::Old);
    }
    Ok(value)
}

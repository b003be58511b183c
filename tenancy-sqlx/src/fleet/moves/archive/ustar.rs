//! The headers of POSIX ustar, of which this writes one form and reads no other.

use super::path;

/// Everything comes in blocks of this many bytes.
pub(super) const BLOCK: usize = 512;

/// How many blocks of zeros end an archive.
pub(super) const END: usize = 2;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) path: String,
    pub(super) size: u64,
    /// In seconds since 1970.
    pub(super) time: u64,
}

/// Why there is no such header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The path does not fit into its fields.
    Long,
    /// It is not what [`Header::block`] writes.
    Foreign,
}

impl Header {
    /// The block that begins an entry.
    pub(super) fn block(&self) -> Result<[u8; BLOCK], Unfit> {
        let mut block = [0; BLOCK];
        let (prefix, name) = split(&self.path).ok_or(Unfit::Long)?;
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
        block[100..108].copy_from_slice(b"0000644\0");
        block[108..116].copy_from_slice(b"0000000\0");
        block[116..124].copy_from_slice(b"0000000\0");
        for (at, number) in [(124, self.size), (136, self.time)] {
            let digits = format!("{number:011o}\0");
            if digits.len() != 12 {
                return Err(Unfit::Long);
            }
            block[at..at + 12].copy_from_slice(digits.as_bytes());
        }
        block[156] = b'0';
        block[257..265].copy_from_slice(b"ustar\x0000");
        // The sum is taken with spaces in its own place.
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        Ok(block)
    }

    /// Reads a block; nothing but what [`Header::block`] writes is one.
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self, Unfit> {
        let (name, prefix) = (text(&block[..100])?, text(&block[345..500])?);
        let path = if prefix.is_empty() {
            name
        } else {
            format!("{prefix}/{name}")
        };
        let header = Self {
            path,
            size: octal(&block[124..136])?,
            time: octal(&block[136..148])?,
        };
        if header.block()? != *block {
            return Err(Unfit::Foreign);
        }
        Ok(header)
    }

    /// How many zeros fill the last block of the content.
    pub(super) fn padding(&self) -> usize {
        let rest = usize::try_from(self.size % BLOCK as u64).unwrap_or(0);
        (BLOCK - rest) % BLOCK
    }
}

/// Divides a path between the two fields that it has: at most 155 and 100 bytes.
fn split(whole: &str) -> Option<(&str, &str)> {
    if path::fault(whole).is_some() {
        return None;
    }
    if whole.len() <= 100 {
        return Some(("", whole));
    }
    let at = whole
        .char_indices()
        .filter(|&(at, c)| c == '/' && at <= 155 && whole.len() - at - 1 <= 100)
        .map(|(at, _)| at)
        .next()?;
    Some((&whole[..at], &whole[at + 1..]))
}

fn text(field: &[u8]) -> Result<String, Unfit> {
    let end = field.iter().position(|&byte| byte == 0);
    let text = &field[..end.unwrap_or(field.len())];
    String::from_utf8(text.to_vec()).map_err(|_| Unfit::Foreign)
}

fn octal(field: &[u8]) -> Result<u64, Unfit> {
    let digits = text(field)?;
    u64::from_str_radix(&digits, 8).map_err(|_| Unfit::Foreign)
}

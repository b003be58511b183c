//! Reads an archive from front to end, one whole entry at a time.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::ustar::{BLOCK, END, Header};
use super::{MANIFEST, MANIFEST_LIMIT, PART, damaged, hex, read_failed};
use crate::error::Error;

/// Reads an archive from front to end, and nothing that the writer would not have written.
pub(in super::super) struct Reader<R> {
    from: R,
    seen: BTreeSet<String>,
    digest: Sha256,
    bytes: u64,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(in super::super) fn new(from: R) -> Self {
        Self {
            from,
            seen: BTreeSet::new(),
            digest: Sha256::new(),
            bytes: 0,
        }
    }

    /// The next entry, or nothing at the end.
    pub(in super::super) async fn next(&mut self) -> Result<Option<(String, Vec<u8>)>, Error> {
        let mut block = [0; BLOCK];
        self.take(&mut block, "a header").await?;
        if block == [0; BLOCK] {
            return self.end().await.map(|()| None);
        }
        let Ok(header) = Header::parse(&block) else {
            return Err(damaged(match self.bytes {
                0..=512 => "it does not begin as one".to_owned(),
                at => format!("there is no header at byte {}", at - BLOCK as u64),
            }));
        };
        let limit = match header.path.as_str() {
            MANIFEST => MANIFEST_LIMIT,
            _ => PART,
        };
        let size = usize::try_from(header.size).unwrap_or(usize::MAX);
        if size > limit {
            return Err(damaged(format!(
                "entry {} has {size} bytes, more than {limit}",
                header.path
            )));
        }
        if !self.seen.insert(header.path.clone()) {
            return Err(damaged(format!("entry {} is there twice", header.path)));
        }
        let mut content = vec![0; size];
        self.take(&mut content, &header.path).await?;
        let mut padding = [0; BLOCK];
        let padding = &mut padding[..header.padding()];
        self.take(padding, &header.path).await?;
        if padding.iter().any(|&byte| byte != 0) {
            return Err(damaged(format!(
                "entry {} does not end with zeros",
                header.path
            )));
        }
        Ok(Some((header.path, content)))
    }

    /// How large the archive was, and its digest.
    pub(in super::super) fn finish(self) -> (u64, String) {
        (self.bytes, hex(&self.digest.finalize()))
    }

    /// Reads the rest of the end, and that nothing follows.
    async fn end(&mut self) -> Result<(), Error> {
        let mut blocks = [0; (END - 1) * BLOCK];
        self.take(&mut blocks, "the end").await?;
        let more = self.from.read(&mut [0; 1]).await.map_err(read_failed)?;
        if more != 0 || blocks.iter().any(|&byte| byte != 0) {
            return Err(damaged("something follows its end"));
        }
        Ok(())
    }

    async fn take(&mut self, into: &mut [u8], what: &str) -> Result<(), Error> {
        match self.from.read_exact(into).await {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(damaged(format!("it ends in {what}: it was cut off")));
            }
            Err(error) => return Err(read_failed(error)),
        }
        self.digest.update(&*into);
        self.bytes += into.len() as u64;
        Ok(())
    }
}

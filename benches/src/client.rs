//! As little HTTP as a request needs: what the client costs is taken from both sides alike, and
//! the less it is the more of the difference is seen.

use std::fmt::Arguments;
use std::io::Write as _;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::plan::Failure;

/// One connection that is kept.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

const HEAD_END: &[u8] = b"\r\n\r\n";
const LENGTH: &[u8] = b"content-length: ";

impl Client {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            request: Vec::new(),
            answer: Vec::new(),
        })
    }

    /// Writes the next request, to be sent by [`Client::answer`].
    pub(crate) fn ask(&mut self, host: Arguments<'_>, path: Arguments<'_>) {
        self.request.clear();
        // A `Vec` takes whatever is written.
        let _ = write!(self.request, "GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    }

    /// Sends the request and gives the body of a 200.
    ///
    /// # Errors
    ///
    /// When the connection ends, and for every other answer.
    pub(crate) async fn answer(&mut self) -> Result<&[u8], Failure> {
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err("the server hung up".into());
            }
            let Some(end) = find(&self.answer, HEAD_END) else {
                continue;
            };
            let (head, body) = self.answer.split_at(end + HEAD_END.len());
            let length = length(head).ok_or_else(|| refused(&self.answer))?;
            if body.len() < length {
                continue;
            }
            if !head.starts_with(b"HTTP/1.1 200 ") || body.len() > length {
                return Err(refused(&self.answer));
            }
            return Ok(&self.answer[end + HEAD_END.len()..]);
        }
    }
}

fn length(head: &[u8]) -> Option<usize> {
    let digits = &head[find(head, LENGTH)? + LENGTH.len()..];
    let end = find(digits, b"\r")?;
    str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn refused(answer: &[u8]) -> Failure {
    format!(
        "not what was asked for: {}",
        String::from_utf8_lossy(answer)
    )
    .into()
}

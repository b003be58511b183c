//! Counts what a client says to its server, on the wire.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use crate::plan::Failure;

/// A socket that passes everything on to the server and counts statements.
#[derive(Debug)]
pub(super) struct Proxy {
    options: PgConnectOptions,
    statements: Arc<AtomicUsize>,
    _folder: TempDir,
}

impl Proxy {
    /// Stands before the server of `options`, which is reached over a socket.
    pub(super) fn start(options: &PgConnectOptions) -> Result<Self, Failure> {
        let server = options.get_socket().ok_or("the server has no socket")?;
        let server = server.join(format!(".s.PGSQL.{}", options.get_port()));
        let folder = tempfile::tempdir()?;
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432"))?;
        let statements = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&statements);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, counted) = (server.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    // A connection that ends in the middle is its client's affair.
                    let _ = pass(client, server, &counted).await;
                });
            }
        });
        let options = options.clone().socket(folder.path()).port(5432);
        Ok(Self {
            options: options.ssl_mode(PgSslMode::Disable),
            statements,
            _folder: folder,
        })
    }

    /// How to connect through it.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Simple queries and prepared executions so far.
    pub(super) fn statements(&self) -> usize {
        self.statements.load(Ordering::SeqCst)
    }
}

async fn pass(client: UnixStream, server: PathBuf, counted: &AtomicUsize) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = UnixStream::connect(server).await?.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    // The first message, the start, has no kind.
    let mut kind = None;
    loop {
        let mut message = Vec::from_iter(kind);
        let length = from_client.read_u32().await?;
        message.extend(length.to_be_bytes());
        let head = message.len();
        let body = usize::try_from(length.saturating_sub(4)).unwrap_or_default();
        message.resize(head + body, 0);
        from_client.read_exact(&mut message[head..]).await?;
        to_server.write_all(&message).await?;
        let next = from_client.read_u8().await?;
        if matches!(next, b'Q' | b'E') {
            counted.fetch_add(1, Ordering::SeqCst);
        }
        kind = Some(next);
    }
}

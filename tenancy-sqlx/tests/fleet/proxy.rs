//! Counts what a client says to its server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    statements: AtomicUsize,
}

pub(crate) struct Proxy {
    options: PgConnectOptions,
    counts: Arc<Counts>,
    _folder: tempfile::TempDir,
}

impl Proxy {
    pub(crate) fn start(server: &PgConnectOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let counts = Arc::new(Counts::default());
        let options = server
            .clone()
            .socket(folder.path())
            .port(5432)
            .ssl_mode(PgSslMode::Disable);
        let (server, counted) = (server.clone(), counts.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(client, server.clone(), counted.clone()));
            }
        });
        Self {
            options,
            counts,
            _folder: folder,
        }
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// Simple queries and prepared executions.
    pub(crate) fn statements(&self) -> usize {
        self.counts.statements.load(Ordering::SeqCst)
    }
}

async fn serve(client: UnixStream, server: PgConnectOptions, counts: Arc<Counts>) {
    let (mut from_client, mut to_client) = client.into_split();
    let folder = server
        .get_socket()
        .cloned()
        .unwrap_or_else(|| server.get_host().into());
    if folder.is_absolute() {
        let path = folder.join(format!(".s.PGSQL.{}", server.get_port()));
        let upstream = UnixStream::connect(path).await.unwrap();
        let (mut from_server, to_server) = upstream.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        count(&mut from_client, to_server, &counts).await;
    } else {
        let address = (server.get_host().to_owned(), server.get_port());
        let upstream = TcpStream::connect(address).await.unwrap();
        upstream.set_nodelay(true).unwrap();
        let (mut from_server, to_server) = upstream.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        count(&mut from_client, to_server, &counts).await;
    }
}

/// Passes messages on; the first one, the start, has no kind.
async fn count(
    from: &mut (impl AsyncReadExt + Unpin),
    mut to: impl AsyncWriteExt + Unpin,
    counts: &Counts,
) {
    let mut started = false;
    loop {
        let mut head = Vec::new();
        if started {
            let Ok(kind) = from.read_u8().await else {
                return;
            };
            // Query, and Execute of a prepared statement.
            if matches!(kind, b'Q' | b'E') {
                counts.statements.fetch_add(1, Ordering::SeqCst);
            }
            head.push(kind);
        }
        let Ok(length) = from.read_u32().await else {
            return;
        };
        head.extend(length.to_be_bytes());
        let mut body = vec![0; length as usize - 4];
        if from.read_exact(&mut body).await.is_err() {
            return;
        }
        head.extend(body);
        if to.write_all(&head).await.is_err() {
            return;
        }
        started = true;
    }
}

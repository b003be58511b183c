//! A wire to the database that is cut when a commit has been carried out and not yet answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(super) struct Wire {
    pub(super) options: PgConnectOptions,
    cut: Arc<AtomicBool>,
}

impl Wire {
    pub(super) async fn new(behind: PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cut = Arc::new(AtomicBool::new(false));
        let wire = Self {
            // Made anew, because options that name a socket keep it.
            options: PgConnectOptions::new_without_pgpass()
                .host("127.0.0.1")
                .port(listener.local_addr().unwrap().port())
                .username(behind.get_username())
                .password("app")
                .database(behind.get_database().unwrap())
                .ssl_mode(PgSslMode::Disable),
            cut: Arc::clone(&cut),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, dial(&behind).await, Arc::clone(&cut)));
            }
        });
        wire
    }

    /// Cuts the next connection that commits.
    pub(super) fn cut_next_commit(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    pub(super) fn was_cut(&self) -> bool {
        !self.cut.load(Ordering::SeqCst)
    }
}

async fn dial(behind: &PgConnectOptions) -> Box<dyn Stream> {
    let port = behind.get_port();
    let host = behind.get_host();
    let folder = behind.get_socket().cloned();
    if let Some(folder) = folder.or_else(|| host.starts_with('/').then(|| host.into())) {
        let socket = folder.join(format!(".s.PGSQL.{port}"));
        return Box::new(UnixStream::connect(socket).await.unwrap());
    }
    let server = TcpStream::connect((host, port)).await.unwrap();
    server.set_nodelay(true).unwrap();
    Box::new(server)
}

async fn carry(mut client: TcpStream, mut server: Box<dyn Stream>, cut: Arc<AtomicBool>) {
    client.set_nodelay(true).unwrap();
    let (mut said, mut answered) = (vec![0; 65536], vec![0; 65536]);
    let mut commits = false;
    loop {
        tokio::select! {
            read = client.read(&mut said) => {
                let Ok(length @ 1..) = read else { return };
                let text = String::from_utf8_lossy(&said[..length]);
                commits = text.contains("COMMIT") && cut.load(Ordering::SeqCst);
                if server.write_all(&said[..length]).await.is_err() { return }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if commits {
                    // It is done, and whoever asked for it never hears of it.
                    cut.store(false, Ordering::SeqCst);
                    return;
                }
                if client.write_all(&answered[..length]).await.is_err() { return }
            }
        }
    }
}

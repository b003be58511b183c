//! A wire tap between the door and the server, which counts and can speak for the client.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{self, Arc};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{Mutex, mpsc, oneshot};

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Carries connections; what is said in the client's place goes to any one that is open.
pub(crate) struct Tap {
    pub(crate) options: PgConnectOptions,
    turns: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
    said: Arc<sync::Mutex<Vec<u8>>>,
    inject: mpsc::Sender<(&'static str, oneshot::Sender<()>)>,
}

impl Tap {
    pub(crate) async fn new(behind: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (inject, injections) = mpsc::channel(1);
        let injections = Arc::new(Mutex::new(injections));
        let turns = Arc::new(AtomicU64::new(0));
        let bytes = Arc::new(AtomicU64::new(0));
        let said = Arc::default();
        let tap = Self {
            options: at_port(port, behind),
            turns: Arc::clone(&turns),
            bytes: Arc::clone(&bytes),
            said: Arc::clone(&said),
            inject,
        };
        let behind = behind.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = dial(&behind).await;
                let (turns, bytes) = (Arc::clone(&turns), Arc::clone(&bytes));
                let (said, injections) = (Arc::clone(&said), Arc::clone(&injections));
                tokio::spawn(async move {
                    carry(client, server, &turns, &bytes, &said, &injections).await;
                });
            }
        });
        tap
    }

    /// How often the client spoke after the server had, and how many bytes it said, so far.
    pub(crate) fn count(&self) -> (u64, u64) {
        (
            self.turns.load(Ordering::SeqCst),
            self.bytes.load(Ordering::SeqCst),
        )
    }

    /// Everything that the client said so far, as far as it is text.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    /// Says `sql` to the server in the client's place, and keeps the answer from the client.
    pub(crate) async fn say(&self, sql: &'static str) {
        let (done, wait) = oneshot::channel();
        self.inject.send((sql, done)).await.unwrap();
        wait.await.unwrap();
    }
}

/// The way to a listener of this process, for the login and the database of `behind`.
pub(crate) fn at_port(port: u16, behind: &PgConnectOptions) -> PgConnectOptions {
    // Made anew, because options that name a socket keep it.
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(behind.get_username())
        .password("app")
        .database(behind.get_database().unwrap())
        .ssl_mode(PgSslMode::Disable)
}

pub(crate) async fn dial(behind: &PgConnectOptions) -> Box<dyn Stream> {
    let port = behind.get_port();
    let folder = behind.get_socket().cloned().or_else(|| {
        let host = behind.get_host();
        host.starts_with('/').then(|| host.into())
    });
    if let Some(folder) = folder {
        let socket = folder.join(format!(".s.PGSQL.{port}"));
        return Box::new(UnixStream::connect(socket).await.unwrap());
    }
    let server = TcpStream::connect((behind.get_host(), port)).await.unwrap();
    server.set_nodelay(true).unwrap();
    Box::new(server)
}

async fn carry(
    mut client: TcpStream,
    mut server: Box<dyn Stream>,
    turns: &AtomicU64,
    bytes: &AtomicU64,
    told: &sync::Mutex<Vec<u8>>,
    injections: &Mutex<mpsc::Receiver<(&'static str, oneshot::Sender<()>)>>,
) {
    client.set_nodelay(true).unwrap();
    let mut said = vec![0; 65536];
    let mut answered = vec![0; 65536];
    let mut server_spoke_last = true;
    loop {
        tokio::select! {
            read = client.read(&mut said) => {
                let Ok(length @ 1..) = read else { return };
                if server_spoke_last {
                    turns.fetch_add(1, Ordering::SeqCst);
                }
                bytes.fetch_add(length as u64, Ordering::SeqCst);
                told.lock().unwrap().extend(&said[..length]);
                server_spoke_last = false;
                if server.write_all(&said[..length]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                server_spoke_last = true;
                if client.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
            Some((sql, done)) = async { injections.lock().await.recv().await } => {
                let length = u32::try_from(sql.len() + 5).unwrap();
                let mut message = vec![b'Q'];
                message.extend(length.to_be_bytes());
                message.extend(sql.as_bytes());
                message.push(0);
                server.write_all(&message).await.unwrap();
                while server.read_u8().await.unwrap() != b'Z' {
                    let length = server.read_u32().await.unwrap();
                    let mut skipped = vec![0; length as usize - 4];
                    server.read_exact(&mut skipped).await.unwrap();
                }
                server.read_exact(&mut [0; 5]).await.unwrap();
                done.send(()).unwrap();
            }
        }
    }
}

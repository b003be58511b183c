//! Programs that are killed at any of their messages to the server.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;

/// What becomes of the last message of a program that is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// The server never sees it.
    Lost,
    /// The server does what it says, and nobody hears the answer.
    Unanswered,
}

/// A way to the server on which a program is killed at one of its messages: every connection ends
/// at once, and none is let in afterwards, as after `kill -9`.
///
/// Messages are counted over all connections, without those that only begin one. One way serves
/// any number of lives, so that a program needs to be connected only once.
pub(crate) struct Crash {
    options: PgConnectOptions,
    life: Arc<Mutex<Arc<Life>>>,
    _folder: tempfile::TempDir,
}

struct Life {
    sent: AtomicUsize,
    at: usize,
    last: Last,
    dead: watch::Sender<bool>,
}

impl Crash {
    /// Kills at the message numbered `at`, counting from zero.
    pub(crate) fn at(server: &PgConnectOptions, at: usize, last: Last) -> Self {
        let crash = Self::never(server);
        crash.rise(at, last);
        crash
    }

    /// Kills nobody before it is told to.
    pub(crate) fn never(server: &PgConnectOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let life = Arc::new(Mutex::new(Life::until(usize::MAX, Last::Lost)));
        let options = server
            .clone()
            .socket(folder.path())
            .port(5432)
            .ssl_mode(PgSslMode::Disable);
        let (server, lives) = (server.clone(), Arc::clone(&life));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let life = Arc::clone(&lives.lock().unwrap());
                if !life.is_over() {
                    tokio::spawn(serve(client, server.clone(), life));
                }
            }
        });
        Self {
            options,
            life,
            _folder: folder,
        }
    }

    /// Lets the program live again, up to the message numbered `at`, counting anew from zero.
    pub(crate) fn rise(&self, at: usize, last: Last) {
        *self.life.lock().unwrap() = Life::until(at, last);
    }

    /// How the program connects.
    pub(crate) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Whether the program came to the message at which it is killed.
    pub(crate) fn happened(&self) -> bool {
        self.life.lock().unwrap().is_over()
    }
}

impl Life {
    fn until(at: usize, last: Last) -> Arc<Self> {
        Arc::new(Self {
            sent: AtomicUsize::new(0),
            at,
            last,
            dead: watch::Sender::new(false),
        })
    }

    fn is_over(&self) -> bool {
        *self.dead.borrow()
    }

    /// Counts a message; what is to be done with it if it is the last.
    fn send(&self) -> Option<Last> {
        (self.sent.fetch_add(1, Ordering::SeqCst) == self.at).then_some(self.last)
    }
}

async fn serve(client: UnixStream, server: PgConnectOptions, life: Arc<Life>) {
    let folder = server
        .get_socket()
        .cloned()
        .unwrap_or_else(|| server.get_host().into());
    let (from_client, to_client) = client.into_split();
    if folder.is_absolute() {
        let path = folder.join(format!(".s.PGSQL.{}", server.get_port()));
        let (from, to) = UnixStream::connect(path).await.unwrap().into_split();
        between(from_client, to_client, from, to, &life).await;
    } else {
        let address = (server.get_host().to_owned(), server.get_port());
        let upstream = TcpStream::connect(address).await.unwrap();
        // Messages are passed on one by one; none waits for the answer to the one before.
        upstream.set_nodelay(true).unwrap();
        let (from, to) = upstream.into_split();
        between(from_client, to_client, from, to, &life).await;
    }
}

async fn between(
    mut from_client: impl AsyncReadExt + Unpin,
    mut to_client: impl AsyncWriteExt + Unpin,
    mut from_server: impl AsyncReadExt + Unpin,
    mut to_server: impl AsyncWriteExt + Unpin,
    life: &Life,
) {
    let mut dead = life.dead.subscribe();
    // Both ways end when one of them does; dropping the ends closes the sockets.
    tokio::select! {
        () = pass(&mut from_client, &mut to_server, life) => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
        _ = dead.wait_for(|dead| *dead) => {}
    }
}

/// Passes messages on until the last one; the first, the start, has no kind.
async fn pass(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    life: &Life,
) {
    let mut started = false;
    loop {
        let mut message = Vec::new();
        let mut counts = false;
        if started {
            let Ok(kind) = from.read_u8().await else {
                return;
            };
            // Passwords begin a connection; Parse, Bind and the like come with a Sync; a goodbye
            // changes nothing.
            counts = matches!(kind, b'Q' | b'S' | b'd' | b'c');
            message.push(kind);
        }
        let Ok(length) = from.read_u32().await else {
            return;
        };
        message.extend(length.to_be_bytes());
        let mut body = vec![0; length as usize - 4];
        if from.read_exact(&mut body).await.is_err() {
            return;
        }
        message.extend(body);
        let last = if counts { life.send() } else { None };
        if last != Some(Last::Lost) && to.write_all(&message).await.is_err() {
            return;
        }
        if last.is_some() {
            let _ = to.flush().await;
            life.dead.send_replace(true);
            return;
        }
        started = true;
    }
}

//! A pooler as small as one can be: it keeps connections of the server for whoever comes next.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::Mutex;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}
type Server = Box<dyn Stream>;

/// How long a client keeps its connection of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Transaction,
    Session,
}

pub(crate) struct Pooler {
    pub(crate) options: PgConnectOptions,
    state: Arc<State>,
    _folder: tempfile::TempDir,
}

struct State {
    server: PgConnectOptions,
    mode: std::sync::Mutex<Mode>,
    idle: Mutex<Vec<Server>>,
    /// What a server says to a client that it lets in; every one says the same.
    greeting: Mutex<Vec<u8>>,
}

impl Pooler {
    pub(crate) fn start(server: &PgConnectOptions, mode: Mode) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let state = Arc::new(State {
            server: server.clone(),
            mode: std::sync::Mutex::new(mode),
            idle: Mutex::default(),
            greeting: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    let _ = serve(client, &state).await;
                });
            }
        });
        Self {
            options: server
                .clone()
                .socket(folder.path())
                .port(5432)
                .ssl_mode(PgSslMode::Disable),
            state,
            _folder: folder,
        }
    }

    /// From now on new clients keep their connections for as long as this.
    pub(crate) fn becomes(&self, mode: Mode) {
        *self.state.mode.lock().unwrap() = mode;
    }

    /// Lets go of the server's connections, so that the next client gets a new one.
    pub(crate) async fn reconnect(&self) {
        self.state.idle.lock().await.clear();
    }
}

impl State {
    fn mode(&self) -> Mode {
        *self.mode.lock().unwrap()
    }
}

async fn serve(mut client: UnixStream, state: &State) -> std::io::Result<()> {
    let startup = message(&mut client, None).await?;
    let mut held = state.idle.lock().await.pop();
    if held.is_some() {
        client.write_all(&state.greeting.lock().await).await?;
    } else {
        let mut server = dial(&state.server).await?;
        server.write_all(&startup).await?;
        let greeting = let_in(&mut client, &mut server).await?;
        *state.greeting.lock().await = greeting;
        held = Some(server);
    }
    if state.mode() == Mode::Transaction {
        state.idle.lock().await.extend(held.take());
    }
    while let Ok(kind) = client.read_u8().await {
        if kind == b'X' {
            break;
        }
        let said = message(&mut client, Some(kind)).await?;
        if held.is_none() {
            held = state.idle.lock().await.pop();
        }
        let server = held.as_mut().expect("one client at a time");
        server.write_all(&said).await?;
        if matches!(kind, b'Q' | b'S') {
            let is_idle = answer(server, &mut client).await?;
            if is_idle && state.mode() == Mode::Transaction {
                state.idle.lock().await.extend(held.take());
            }
        }
    }
    state.idle.lock().await.extend(held.take());
    Ok(())
}

/// Passes on what the two say until the client is in; gives what every later one is told.
async fn let_in(client: &mut UnixStream, server: &mut Server) -> std::io::Result<Vec<u8>> {
    let mut greeting = Vec::new();
    loop {
        let kind = server.read_u8().await?;
        let said = message(server, Some(kind)).await?;
        client.write_all(&said).await?;
        let wanted = said
            .get(5..9)
            .map(|n| u32::from_be_bytes(n.try_into().unwrap()));
        match (kind, wanted) {
            (b'R', Some(3 | 5 | 10 | 11)) => {
                let kind = client.read_u8().await?;
                server
                    .write_all(&message(client, Some(kind)).await?)
                    .await?;
            }
            (b'R', Some(12)) => {}
            _ => greeting.extend(said),
        }
        if kind == b'Z' {
            return Ok(greeting);
        }
    }
}

/// Passes an answer on; says whether the server is outside a transaction afterwards.
async fn answer(server: &mut Server, client: &mut UnixStream) -> std::io::Result<bool> {
    loop {
        let kind = server.read_u8().await?;
        let said = message(server, Some(kind)).await?;
        client.write_all(&said).await?;
        if kind == b'Z' {
            return Ok(said[5] == b'I');
        }
    }
}

/// Reads a message whose kind was read; the first of all has none.
async fn message(
    from: &mut (impl AsyncRead + Unpin + ?Sized),
    kind: Option<u8>,
) -> std::io::Result<Vec<u8>> {
    let length = from.read_u32().await?;
    let mut whole: Vec<u8> = kind.into_iter().collect();
    whole.extend(length.to_be_bytes());
    let start = whole.len();
    whole.resize(start + length as usize - 4, 0);
    from.read_exact(&mut whole[start..]).await?;
    Ok(whole)
}

async fn dial(server: &PgConnectOptions) -> std::io::Result<Server> {
    let folder = server
        .get_socket()
        .cloned()
        .unwrap_or_else(|| server.get_host().into());
    if folder.is_absolute() {
        let path = folder.join(format!(".s.PGSQL.{}", server.get_port()));
        return Ok(Box::new(UnixStream::connect(path).await?));
    }
    let address = (server.get_host().to_owned(), server.get_port());
    let upstream = TcpStream::connect(address).await?;
    upstream.set_nodelay(true)?;
    Ok(Box::new(upstream))
}

/// Stands in front of a server and says that it is another version.
pub(crate) fn older(server: &PgConnectOptions, folder: &std::path::Path) -> PgConnectOptions {
    let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).unwrap();
    let upstream = server.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = dial(&upstream).await.unwrap();
            tokio::spawn(async move {
                server
                    .write_all(&message(&mut client, None).await.unwrap())
                    .await
                    .unwrap();
                let (mut said, mut answered) = (vec![0; 65536], vec![0; 65536]);
                loop {
                    tokio::select! {
                        read = client.read(&mut said) => {
                            let Ok(length @ 1..) = read else { return };
                            let _ = server.write_all(&said[..length]).await;
                        }
                        read = server.read(&mut answered) => {
                            let Ok(length @ 1..) = read else { return };
                            let _ = client.write_all(&aged(&answered[..length])).await;
                        }
                    }
                }
            });
        }
    });
    server
        .clone()
        .socket(folder)
        .port(5432)
        .ssl_mode(PgSslMode::Disable)
}

/// The same with every version number from 15 on, as a row has it, made one of 14.
fn aged(answer: &[u8]) -> Vec<u8> {
    let mut answer = answer.to_vec();
    for start in 0..answer.len().saturating_sub(9) {
        let (length, number) = (&answer[start..start + 4], &answer[start + 4..start + 10]);
        if length == [0, 0, 0, 6] && number.iter().all(u8::is_ascii_digit) {
            answer[start + 4..start + 10].copy_from_slice(b"140001");
            break;
        }
    }
    answer
}

//! A server on a real socket, and clients that write what they like.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tenancy_axum::{ServeOptions, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// No test waits longer for anything; only a broken server makes one wait that long.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    pub(crate) async fn start(app: Router, options: ServeOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            stopped.await.ok();
        };
        let task = tokio::spawn(serve(listener, app, options, shutdown));
        Self {
            address,
            stop: Some(stop),
            task,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends `text` on a connection of its own and gives everything that comes back.
    pub(crate) async fn ask(&self, text: &str) -> String {
        let mut client = self.connect().await;
        client.write(text).await;
        client.rest().await
    }

    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub(crate) async fn ended(self) -> io::Result<()> {
        timeout(PATIENCE, self.task)
            .await
            .expect("the server ends")
            .unwrap()
    }
}

pub(crate) struct Client(TcpStream);

impl Client {
    pub(crate) async fn write(&mut self, text: &str) {
        self.write_bytes(text.as_bytes()).await;
    }

    pub(crate) async fn write_bytes(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn close_writing(&mut self) {
        self.0.shutdown().await.unwrap();
    }

    /// Reads until the server closes, which a reset is too.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        let _ = read.expect("the server closes the connection");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Writes `piece` again and again until the server closes, and gives what came back.
    pub(crate) async fn drip(&mut self, piece: &[u8]) -> String {
        let mut bytes = Vec::new();
        let drip = async {
            loop {
                // Where the server no longer listens, what it said is still there to read.
                let _ = self.0.write_all(piece).await;
                let read = self.0.read_buf(&mut bytes);
                if let Ok(Ok(0) | Err(_)) = timeout(Duration::from_millis(5), read).await {
                    break;
                }
            }
        };
        let closed = timeout(PATIENCE, drip).await;
        closed.expect("the server closes the connection");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether nothing has come yet.
    pub(crate) fn is_silent(&self) -> bool {
        let mut byte = [0];
        matches!(self.0.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads until `end` has come `times` times.
    pub(crate) async fn until(&mut self, end: &str, times: usize) -> String {
        let mut bytes = Vec::new();
        let read = async {
            while String::from_utf8_lossy(&bytes).matches(end).count() < times {
                assert_ne!(
                    self.0.read_buf(&mut bytes).await.unwrap(),
                    0,
                    "closed early"
                );
            }
        };
        timeout(PATIENCE, read).await.expect("the answer comes");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

//! A wire that stops one client between preparing a statement and running it.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Notify};

/// Passes on everything, but stops a message that binds values when it was asked to.
pub(crate) struct Hold {
    pub(crate) options: PgConnectOptions,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Taken by the message that is stopped.
    armed: Mutex<bool>,
    reached: Notify,
    released: Notify,
}

impl Hold {
    pub(crate) async fn new(behind: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let hold = Self {
            options: behind.clone().port(port).ssl_mode(PgSslMode::Disable),
            state: Arc::clone(&state),
        };
        let server = (behind.get_host().to_owned(), behind.get_port());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = TcpStream::connect(server.clone()).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&state)));
            }
        });
        hold
    }

    /// Stops the next message that binds values.
    pub(crate) async fn arm(&self) {
        *self.state.armed.lock().await = true;
    }

    /// Waits until a message is stopped.
    pub(crate) async fn reached(&self) {
        self.state.reached.notified().await;
    }

    /// Lets the stopped message go.
    pub(crate) fn release(&self) {
        self.state.released.notify_one();
    }
}

async fn carry(client: TcpStream, server: TcpStream, state: Arc<State>) {
    client.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = async {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
    };
    let questions = async {
        let mut said = vec![0; 65536];
        while let Ok(length @ 1..) = from_client.read(&mut said).await {
            if said[0] == b'B' && std::mem::take(&mut *state.armed.lock().await) {
                state.reached.notify_one();
                state.released.notified().await;
            }
            if to_server.write_all(&said[..length]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = answers => {}
        () = questions => {}
    }
}

//! A way to the server on which everything can vanish without a word, as behind some firewalls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::proxy::{at_port, dial};

pub(crate) struct Wall {
    pub(crate) options: PgConnectOptions,
    /// Connections of an age before this one are swallowed.
    age: Arc<AtomicU64>,
}

impl Wall {
    pub(crate) async fn new(behind: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let age = Arc::new(AtomicU64::new(0));
        let wall = Self {
            options: at_port(port, behind),
            age: Arc::clone(&age),
        };
        let behind = behind.clone();
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let mut server = dial(&behind).await;
                let (age, born) = (Arc::clone(&age), age.load(Ordering::SeqCst));
                tokio::spawn(async move {
                    let (mut said, mut answered) = (vec![0; 65536], vec![0; 65536]);
                    loop {
                        tokio::select! {
                            read = client.read(&mut said) => {
                                let Ok(length @ 1..) = read else { return };
                                if age.load(Ordering::SeqCst) == born {
                                    server.write_all(&said[..length]).await.unwrap();
                                }
                            }
                            read = server.read(&mut answered) => {
                                let Ok(length @ 1..) = read else { return };
                                client.write_all(&answered[..length]).await.unwrap();
                            }
                        }
                    }
                });
            }
        });
        wall
    }

    /// From now on the connections there are get no answer, and no end either.
    pub(crate) fn swallow(&self) {
        self.age.fetch_add(1, Ordering::SeqCst);
    }
}

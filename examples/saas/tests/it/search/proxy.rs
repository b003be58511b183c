//! A way to a server that a test may close and open.

use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(super) struct Proxy {
    pub(super) url: String,
    open: watch::Sender<bool>,
    cut: Arc<Mutex<u64>>,
}

impl Proxy {
    /// In front of the server at `url`, `http://HOST:PORT`.
    pub(super) async fn before(url: &str) -> Self {
        let upstream = url.trim_start_matches("http://").trim_end_matches('/');
        let upstream = upstream.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (open, is_open) = watch::channel(true);
        let cut = Arc::new(Mutex::new(0));
        let count = Arc::clone(&cut);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                client.set_nodelay(true).unwrap();
                let (mut closed, upstream) = (is_open.clone(), upstream.clone());
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    // What is dropped is closed, in the middle of an answer, too.
                    tokio::select! {
                        () = forward(client, &upstream) => {}
                        _ = closed.wait_for(|open| !open) => *count.lock().unwrap() += 1,
                    }
                });
            }
        });
        Self { url, open, cut }
    }

    /// Ends every connection, and those that come.
    pub(super) fn close(&self) {
        self.open.send_replace(false);
    }

    pub(super) fn open(&self) {
        self.open.send_replace(true);
    }

    /// How many connections were ended.
    pub(super) fn cut(&self) -> u64 {
        *self.cut.lock().unwrap()
    }
}

async fn forward(mut client: TcpStream, upstream: &str) {
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        return;
    };
    server.set_nodelay(true).unwrap();
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

//! A client that dawdles gives its place to the next.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use futures_util::StreamExt;
use futures_util::stream;
use tenancy_axum::ServeOptions;
use tokio::sync::Notify;

use crate::app::router;
use crate::http2::{PREFACE, frame, get as get2};
use crate::socket::{Client, Server};

const SHORT: Duration = Duration::from_millis(100);
const LARGE: usize = 50 << 20;
const WHOAMI: &str = "GET /api/whoami HTTP/1.1\r\nhost: tenant1.localhost\r\n\
                      connection: close\r\n\r\n";

/// Answers larger than any buffer on the way, in one piece and in many.
fn large() -> Router {
    Router::new()
        .route("/whole", get(async || Bytes::from(vec![b'a'; LARGE])))
        .route(
            "/pieces",
            get(async || {
                let piece = Bytes::from(vec![b'a'; LARGE / 100]);
                let pieces = (0..100).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
                // After them it waits for more, as a stream of events does.
                Body::from_stream(stream::iter(pieces).chain(stream::pending()))
            }),
        )
        .merge(router())
}

async fn http2(server: &Server, path: &str) -> Client {
    let mut client = server.connect().await;
    client.write_bytes(PREFACE).await;
    client.write_bytes(&frame(0x4, 0, 0, &[])).await;
    let request = get2(path, Some("tenant1.localhost"), None);
    client.write_bytes(&request).await;
    client
}

#[tokio::test]
async fn a_body_that_drips_for_ever_is_408() {
    let options = ServeOptions::new().body_deadline(SHORT);
    let server = Server::start(router(), options).await;
    for (length, piece) in [
        ("content-length: 1000000", " "),
        ("transfer-encoding: chunked", "1\r\n \r\n"),
    ] {
        let mut client = server.connect().await;
        client
            .write(&format!(
                "POST /api/items/ HTTP/1.1\r\nhost: tenant1.localhost\r\n\
                 content-type: application/json\r\n{length}\r\n\r\n"
            ))
            .await;
        let answer = client.drip(piece.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("\"code\":\"request_timeout\""), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_loses_its_place() {
    let options = ServeOptions::new().connections(1).write_timeout(SHORT);
    let server = Server::start(large(), options).await;
    for path in ["/whole", "/pieces"] {
        let mut greedy = server.connect().await;
        greedy
            .write(&format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        let answer = server.ask(WHOAMI).await;
        assert!(answer.ends_with("tenant1"), "{path}: {answer}");
        assert!(greedy.rest().await.len() < LARGE, "{path}");
    }
}

#[tokio::test]
async fn an_http_2_client_that_grants_no_window_loses_its_place() {
    let options = ServeOptions::new().connections(1).write_timeout(SHORT);
    let server = Server::start(large(), options).await;
    for path in ["/whole", "/pieces"] {
        let mut greedy = http2(&server, path).await;
        // It reads everything, and there is never more than the first window.
        assert!(greedy.rest().await.len() < LARGE, "{path}");
        let answer = server.ask(WHOAMI).await;
        assert!(answer.ends_with("tenant1"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn an_http_2_client_that_stops_in_the_middle_loses_its_place() {
    let options = ServeOptions::new()
        .connections(1)
        .header_timeout(SHORT)
        .idle_timeout(SHORT);
    let server = Server::start(router(), options).await;
    // HEADERS without END_HEADERS, half a frame, and nothing at all.
    for next in [frame(0x1, 0x1, 3, &[0x82]), vec![0, 0, 9, 1], vec![]] {
        let mut client = http2(&server, "/api/whoami").await;
        client.until("tenant1", 1).await;
        client.write_bytes(&next).await;
        let answer = server.ask(WHOAMI).await;
        assert!(answer.ends_with("tenant1"), "{answer}");
        client.rest().await;
    }
}

#[tokio::test]
async fn an_http_2_answer_may_take_the_application_longer() {
    let options = ServeOptions::new()
        .header_timeout(SHORT)
        .idle_timeout(SHORT)
        .write_timeout(SHORT);
    // The answer begins only after other connections have been closed several times, and ends
    // after some more.
    let (begin, end) = (gate(), gate());
    let app = {
        let (begin, end) = (begin.clone(), end.clone());
        Router::new().route(
            "/",
            get(async move || {
                begin.notified().await;
                let last = stream::once(async move {
                    end.notified().await;
                    Ok::<_, std::io::Error>("and last")
                });
                Body::from_stream(stream::iter([Ok("first")]).chain(last))
            }),
        )
    };
    let server = Server::start(app, options).await;
    let mut client = http2(&server, "/").await;
    for (gate, word) in [(begin, "first"), (end, "and last")] {
        for _ in 0..3 {
            server.connect().await.rest().await;
        }
        gate.notify_one();
        client.until(word, 1).await;
    }
}

#[tokio::test]
async fn a_large_http_2_answer_arrives_whole() {
    let app = Router::new().route("/", get(async || Bytes::from(vec![b'a'; 100_001])));
    let server = Server::start(app, ServeOptions::new()).await;
    let mut client = server.connect().await;
    client.write_bytes(PREFACE).await;
    // A window of 1 MiB for every stream and, on top of the first, for the connection.
    client
        .write_bytes(&frame(0x4, 0, 0, &[0, 4, 0, 16, 0, 0]))
        .await;
    client.write_bytes(&frame(0x8, 0, 0, &[0, 16, 0, 0])).await;
    client.write_bytes(&get2("/", Some("b"), None)).await;
    client.until("a", 100_001).await;
}

fn gate() -> Arc<Notify> {
    Arc::default()
}

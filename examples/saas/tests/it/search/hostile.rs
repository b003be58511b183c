//! Texts that mean harm, over HTTP.

use serde_json::json;
use tenancy_search::testing::hostile_texts;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{BLOGS, ONE, PRODUCTS, TWO, encoded, engines, finds, post, product};
use crate::program::Site;

/// The longest address that a client library sends.
const SENT: usize = 60_000;

#[tokio::test]
async fn whatever_is_asked_gets_hits_of_its_own_or_is_refused() {
    for engine in engines() {
        let site = engine.site().await;
        product(&site, ONE, "Lamp a b c now 1", json!({})).await;
        product(&site, TWO, "Lamp a b c now 1 secret", json!({})).await;
        post(&site, ONE, "Lamp", "select a or b and not").await;
        post(&site, TWO, "Lamp secret", "select a or b and not").await;
        finds(&site, ONE, PRODUCTS, "lamp", &["Lamp a b c now 1"]).await;
        finds(&site, TWO, BLOGS, "lamp", &["Lamp secret"]).await;
        let texts = hostile_texts();
        assert!(texts.len() >= 100);
        for text in &texts {
            let shown: String = text.chars().take(40).collect();
            let q = encoded(text);
            if q.len() > SENT {
                long(&site, &q, &shown).await;
                continue;
            }
            for path in [
                format!("{PRODUCTS}search/?q={q}&limit=100"),
                format!("{BLOGS}search/?q={q}"),
                format!("{PRODUCTS}search/?q=lamp&cursor={q}"),
                format!("{PRODUCTS}search/?q=lamp&limit={q}"),
                format!("/search/?q={q}"),
            ] {
                let request = site.server.request(reqwest::Method::GET, ONE, &path);
                let answer = request.send().await.unwrap();
                let status = answer.status().as_u16();
                let body = answer.text().await.unwrap();
                assert!(status < 500, "{shown:?}: {status} {body}");
                assert!(!body.contains("secret"), "{shown:?}: {body}");
                assert!(!body.contains("<script>alert"), "{shown:?}: {body}");
            }
        }
        engine.end().await;
    }
}

/// An address that is too long for a library, by hand: it is refused, or the connection ends.
async fn long(site: &Site, q: &str, shown: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", site.server.port))
        .await
        .unwrap();
    stream.set_nodelay(true).unwrap();
    let head = format!("GET {PRODUCTS}search/?q={q} HTTP/1.1\r\nhost: {ONE}\r\n\r\n");
    // The server need not read all of it.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = vec![0; 12];
    if stream.read_exact(&mut answer).await.is_ok() {
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{shown:?}: {answer:?}");
    }
    assert_eq!(
        site.server.get(ONE, "/health/live").await.0,
        200,
        "{shown:?}"
    );
}

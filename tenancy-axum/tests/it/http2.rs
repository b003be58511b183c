//! HTTP/2 on the same port, with prior knowledge, written by hand.

use tenancy_axum::ServeOptions;

use crate::app::router;
use crate::socket::Server;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame: length, type, flags, stream, payload (RFC 9113, 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![0, length[0], length[1], kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

/// A string of HPACK without Huffman coding.
fn string(text: &str) -> Vec<u8> {
    let mut out = vec![u8::try_from(text.len()).unwrap()];
    assert!(out[0] < 127, "longer strings have longer lengths");
    out.extend_from_slice(text.as_bytes());
    out
}

/// `GET path` over http with the given hosts (RFC 7541: 2 and 6 are `:method: GET` and
/// `:scheme: http`; a leading 0 is a literal with an indexed (1 `:authority`, 4 `:path`) or new
/// name).
pub(crate) fn get(path: &str, authority: Option<&str>, host: Option<&str>) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x04];
    block.extend(string(path));
    if let Some(authority) = authority {
        block.push(0x01);
        block.extend(string(authority));
    }
    if let Some(host) = host {
        block.push(0x00);
        block.extend(string("host"));
        block.extend(string(host));
    }
    // HEADERS that end both the headers and the stream.
    frame(0x1, 0x5, 1, &block)
}

#[tokio::test]
async fn the_authority_decides_and_may_not_disagree_with_host() {
    let server = Server::start(router(), ServeOptions::new()).await;
    let (one, two) = (Some("tenant1.localhost"), Some("tenant2.localhost"));
    for (authority, host, expected) in [
        (one, None, "tenant1"),
        (two, None, "tenant2"),
        (one, one, "tenant1"),
        (None, two, "tenant2"),
        (one, two, "invalid_host"),
        (None, None, "invalid_host"),
    ] {
        let mut client = server.connect().await;
        client.write_bytes(PREFACE).await;
        client.write_bytes(&frame(0x4, 0, 0, &[])).await;
        client
            .write_bytes(&get("/api/whoami", authority, host))
            .await;
        client.until(expected, 1).await;
    }
}

#[tokio::test]
async fn shutdown_ends_an_idle_http_2_connection() {
    let mut server = Server::start(router(), ServeOptions::new()).await;
    let mut client = server.connect().await;
    client.write_bytes(PREFACE).await;
    client.write_bytes(&frame(0x4, 0, 0, &[])).await;
    let request = get("/api/whoami", Some("tenant1.localhost"), None);
    client.write_bytes(&request).await;
    client.until("tenant1", 1).await;
    server.stop();
    // The server says goodbye, and pings to learn that nothing more is under way.
    drop(client);
    server.ended().await.unwrap();
}

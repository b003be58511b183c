//! What comes over a socket, however it is written, gets the right answer or none.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tenancy_axum::{Routes, ServeOptions, Tenant};
use tenancy_core::TrustedProxies;
use tokio::sync::Notify;

use crate::app::{resolver, router};
use crate::socket::Server;

const CLOSE: &str = "connection: close\r\n\r\n";

async fn server() -> Server {
    Server::start(router(), ServeOptions::new()).await
}

#[track_caller]
fn is(answer: &str, status: u16, part: &str) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{answer}"
    );
    assert!(answer.contains(part), "{answer}");
}

#[tokio::test]
async fn a_request_names_exactly_one_host() {
    let server = server().await;
    let whoami = "GET /api/whoami HTTP/1.1\r\n";
    let one = "host: tenant1.localhost\r\n";
    let two = "host: tenant2.localhost\r\n";
    is(
        &server.ask(&format!("{whoami}{one}{CLOSE}")).await,
        200,
        "tenant1",
    );
    for hosts in [
        "",
        &format!("{one}{two}"),
        &format!("{one}{one}"),
        "host: \r\n",
    ] {
        let answer = server.ask(&format!("{whoami}{hosts}{CLOSE}")).await;
        is(&answer, 400, "\"code\":\"invalid_host\"");
    }
}

#[tokio::test]
async fn an_absolute_target_is_the_host_and_may_not_disagree() {
    let server = server().await;
    let target = "GET http://tenant1.localhost/api/whoami HTTP/1.1\r\n";
    let same = server
        .ask(&format!("{target}host: tenant1.localhost\r\n{CLOSE}"))
        .await;
    is(&same, 200, "tenant1");
    let other = server
        .ask(&format!("{target}host: tenant2.localhost\r\n{CLOSE}"))
        .await;
    is(&other, 400, "\"code\":\"invalid_host\"");
}

#[tokio::test]
async fn targets_that_are_no_paths_are_refused_and_harm_nothing() {
    let server = server().await;
    for line in [
        "OPTIONS * HTTP/1.1\r\nhost: tenant1.localhost",
        "CONNECT tenant1.localhost:80 HTTP/1.1\r\nhost: tenant1.localhost:80",
        "GET //tenant2.localhost/api/whoami HTTP/1.1\r\nhost: tenant1.localhost",
        "GET /api/../api/whoami HTTP/1.1\r\nhost: tenant1.localhost",
        "GET /api%2Fwhoami HTTP/1.1\r\nhost: tenant1.localhost",
    ] {
        let answer = server.ask(&format!("{line}\r\n{CLOSE}")).await;
        is(&answer, 404, "\"code\":\"not_found\"");
    }
    for line in [
        "GET api/whoami HTTP/1.1\r\nhost: tenant1.localhost",
        "GET /api/whoami HTTP/1.1\r\nhost : tenant1.localhost",
        "GET /api/whoami HTTP/1.1\r\nhost: tenant1.localhost\r\n tenant2.localhost",
        "GET /api/whoami HTTP/9.1\r\nhost: tenant1.localhost",
        "\u{16}\u{3}\u{1}",
    ] {
        let answer = server.ask(&format!("{line}\r\n{CLOSE}")).await;
        is(&answer, 400, "");
        assert!(!answer.contains("tenant1"), "{answer}");
    }
    let whoami = format!("GET /api/whoami HTTP/1.1\r\nhost: tenant1.localhost\r\n{CLOSE}");
    is(&server.ask(&whoami).await, 200, "tenant1");
}

#[tokio::test]
async fn http_1_0_is_answered_when_it_names_a_host() {
    let server = server().await;
    let answer = server
        .ask("GET /api/whoami HTTP/1.0\r\nhost: tenant2.localhost\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
    assert!(answer.ends_with("tenant2"), "{answer}");
    let answer = server.ask("GET /api/whoami HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 400 "), "{answer}");
    let answer = server.ask("GET /health/live HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 "), "{answer}");
}

#[tokio::test]
async fn forwarded_headers_of_a_stranger_have_no_effect() {
    let server = server().await;
    for header in [
        "x-forwarded-host: tenant2.localhost",
        "forwarded: host=tenant2.localhost",
        "x-forwarded-for: 127.0.0.1\r\nx-forwarded-host: tenant2.localhost",
    ] {
        let answer = server
            .ask(&format!(
                "GET /api/whoami HTTP/1.1\r\nhost: tenant1.localhost\r\n{header}\r\n{CLOSE}"
            ))
            .await;
        is(&answer, 200, "tenant1");
    }
}

#[tokio::test]
async fn forwarded_headers_of_a_trusted_peer_count() {
    let proxies = TrustedProxies::parse(["127.0.0.1"]).unwrap();
    let app = Routes::new(resolver().trust(proxies))
        .tenant(Router::new().route(
            "/",
            get(async |Tenant(tenant): Tenant| tenant.slug().to_string()),
        ))
        .build();
    let server = Server::start(app, ServeOptions::new()).await;
    let answer = server
        .ask(&format!(
            "GET / HTTP/1.1\r\nhost: inside\r\nx-forwarded-host: tenant2.localhost\r\n{CLOSE}"
        ))
        .await;
    is(&answer, 200, "tenant2");
}

#[tokio::test]
async fn slow_headers_are_cut_wherever_they_stop() {
    let options = ServeOptions::new().header_timeout(Duration::from_millis(100));
    let server = Server::start(router(), options).await;
    for start in [
        "",
        "P",
        "PRI * HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /api/whoami HTTP/1.1\r\nhost: tenant1",
    ] {
        let mut client = server.connect().await;
        client.write(start).await;
        let answer = client.rest().await;
        assert!(!answer.contains("200 OK"), "{start:?}: {answer}");
    }
    // One request is answered, and then the idle connection is closed as well.
    let answer = server
        .ask("GET /api/whoami HTTP/1.1\r\nhost: tenant1.localhost\r\n\r\n")
        .await;
    is(&answer, 200, "tenant1");
}

#[tokio::test]
async fn a_body_that_stops_coming_is_408_or_cut() {
    let options = ServeOptions::new().body_timeout(Duration::from_millis(100));
    let server = Server::start(router(), options).await;
    for length in ["content-length: 50", "transfer-encoding: chunked"] {
        let answer = server
            .ask(&format!(
                "POST /api/items/ HTTP/1.1\r\nhost: tenant1.localhost\r\n\
                 content-type: application/json\r\n{length}\r\n\r\n2\r\n{{\"\r\n"
            ))
            .await;
        is(&answer, 408, "\"code\":\"request_timeout\"");
    }
}

#[tokio::test]
async fn a_slow_answer_is_not_cut_by_the_header_timeout() {
    let options = ServeOptions::new().header_timeout(Duration::from_millis(50));
    let server = Server::start(router(), options).await;
    let answer = server
        .ask(&format!(
            "GET /api/slow HTTP/1.1\r\nhost: tenant1.localhost\r\n{CLOSE}"
        ))
        .await;
    is(&answer, 200, "slow but done");
}

#[tokio::test]
async fn headers_above_the_limit_are_431() {
    let server = server().await;
    let request = |size: usize| {
        let value = "a".repeat(size);
        format!("GET /api/whoami HTTP/1.1\r\nhost: tenant1.localhost\r\nx: {value}\r\n{CLOSE}")
    };
    is(&server.ask(&request(15 * 1024)).await, 200, "tenant1");
    is(&server.ask(&request(17 * 1024)).await, 431, "");
    is(&server.ask(&request(1024 * 1024)).await, 431, "");
}

#[tokio::test]
async fn a_body_above_the_limit_is_413_and_the_client_gets_to_read_it() {
    let server = server().await;
    let start = "POST /api/echo HTTP/1.1\r\nhost: tenant1.localhost\r\n";
    let body = vec![b'a'; 2 << 20];

    let mut client = server.connect().await;
    client
        .write(&format!("{start}content-length: {}\r\n\r\n", body.len()))
        .await;
    client.write_bytes(&body).await;
    let answer = client.rest().await;
    is(&answer, 413, "\"code\":\"payload_too_large\"");
    // Without that a client would send its next request into a connection that ends.
    is(&answer, 413, "connection: close");

    let mut client = server.connect().await;
    client
        .write(&format!(
            "{start}transfer-encoding: chunked\r\n\r\n{:x}\r\n",
            body.len()
        ))
        .await;
    client.write_bytes(&body).await;
    client.write_bytes(b"\r\n0\r\n\r\n").await;
    is(&client.rest().await, 413, "\"code\":\"payload_too_large\"");

    // Who asks first is refused before it has sent a byte.
    let mut client = server.connect().await;
    client
        .write(&format!(
            "{start}expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
            body.len()
        ))
        .await;
    let answer = client.until("payload_too_large", 1).await;
    is(&answer, 413, "");
}

#[tokio::test]
async fn a_client_that_is_still_sending_is_not_reset() {
    let server = server().await;
    let mut client = server.connect().await;
    client
        .write(
            "POST /api/echo HTTP/1.1\r\nhost: tenant1.localhost\r\n\
             content-length: 4194304\r\n\r\n",
        )
        .await;
    is(&client.rest().await, 413, "\"code\":\"payload_too_large\"");
    // The server has said its last word and still takes what was on the way: a reset would fail
    // these writes.
    let piece = vec![b'a'; 64 * 1024];
    for _ in 0..64 {
        client.write_bytes(&piece).await;
    }
}

#[tokio::test]
async fn a_half_closed_connection_ends_and_the_next_is_answered() {
    let server = server().await;
    for text in [
        "",
        "GET /api/whoami HTTP/1.1\r\nhost: ten",
        "GET /api/whoami HTTP/1.1\r\nhost: tenant1.localhost\r\n\r\n",
        "POST /api/echo HTTP/1.1\r\nhost: tenant1.localhost\r\ncontent-length: 9\r\n\r\nabc",
    ] {
        let mut client = server.connect().await;
        client.write(text).await;
        client.close_writing().await;
        client.rest().await;
    }
    let whoami = format!("GET /api/whoami HTTP/1.1\r\nhost: tenant1.localhost\r\n{CLOSE}");
    is(&server.ask(&whoami).await, 200, "tenant1");
}

#[tokio::test]
async fn pipelined_requests_are_answered_each_by_its_own_tenant() {
    let server = server().await;
    let request = |host: &str, end: &str| {
        format!("GET /api/whoami HTTP/1.1\r\nhost: {host}.localhost\r\n{end}")
    };
    let mut text = String::new();
    for _ in 0..20 {
        text += &request("tenant1", "\r\n");
        text += &request("tenant2", "\r\n");
        text += &request("nobody", "\r\n");
    }
    text += &request("tenant1", CLOSE);
    let answer = server.ask(&text).await;
    let bodies: Vec<_> = answer
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|part| {
            let body = part.split_once("\r\n\r\n").unwrap().1;
            if body.contains("tenant_not_found") {
                "nobody"
            } else {
                body
            }
        })
        .collect();
    let mut expected = ["tenant1", "tenant2", "nobody"].repeat(20);
    expected.push("tenant1");
    assert_eq!(bodies, expected);
}

#[tokio::test]
async fn shutdown_answers_what_is_in_flight_and_accepts_nothing_more() {
    let (reached, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let app = {
        let (reached, go) = (Arc::clone(&reached), Arc::clone(&go));
        Router::new().route(
            "/",
            get(async move || {
                reached.notify_one();
                go.notified().await;
                "finished"
            }),
        )
    };
    let mut server = Server::start(app, ServeOptions::new()).await;
    let mut idle = server.connect().await;
    let mut client = server.connect().await;
    client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    reached.notified().await;
    server.stop();
    // The idle connection is closed at once, which also shows that the shutdown has begun.
    assert_eq!(idle.rest().await, "");
    assert!(
        tokio::net::TcpStream::connect(server.address)
            .await
            .is_err()
    );
    go.notify_one();
    is(&client.rest().await, 200, "finished");
    server.ended().await.unwrap();
}

#[tokio::test]
async fn what_does_not_finish_in_the_drain_time_is_cut() {
    let reached = Arc::new(Notify::new());
    let app = {
        let reached = Arc::clone(&reached);
        Router::new().route(
            "/",
            get(async move || {
                reached.notify_one();
                std::future::pending::<String>().await
            }),
        )
    };
    let options = ServeOptions::new().drain(Duration::from_millis(50));
    let mut server = Server::start(app, options).await;
    let mut client = server.connect().await;
    client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    reached.notified().await;
    server.stop();
    assert_eq!(client.rest().await, "");
    server.ended().await.unwrap();
}

#[tokio::test]
async fn at_the_cap_a_connection_waits_for_its_place() {
    let options = ServeOptions::new().connections(1);
    let server = Server::start(router(), options).await;
    let request = "GET /api/whoami HTTP/1.1\r\nhost: tenant1.localhost\r\n\r\n";
    let mut first = server.connect().await;
    first.write(request).await;
    first.until("tenant1", 1).await;
    let mut second = server.connect().await;
    second.write(request).await;
    // The first one still has the only place, so it is the first one that is answered.
    first.write(request).await;
    first.until("tenant1", 1).await;
    assert!(second.is_silent());
    drop(first);
    second.until("tenant1", 1).await;
}

#[tokio::test]
async fn options_that_cannot_be_used_are_an_error() {
    let server = Server::start(router(), ServeOptions::new().connections(0)).await;
    let error = server.ended().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

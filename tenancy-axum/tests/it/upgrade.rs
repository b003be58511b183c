//! A connection may become something else, and still counts as one.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use http::{StatusCode, header};
use hyper_util::rt::TokioIo;
use tenancy_axum::{Routes, ServeOptions, Tenant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::app::resolver;
use crate::socket::Server;

/// Speaks a protocol of one message: the tenant's name before whatever was said.
async fn talk(
    Tenant(tenant): Tenant,
    mut request: Request,
) -> (StatusCode, [(header::HeaderName, &'static str); 2]) {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut socket = TokioIo::new(upgrade.await.unwrap());
        let mut word = [0; 5];
        socket.read_exact(&mut word).await.unwrap();
        socket
            .write_all(tenant.slug().as_str().as_bytes())
            .await
            .unwrap();
        socket.write_all(&word).await.unwrap();
        // Held until the client leaves.
        assert_eq!(socket.read(&mut word).await.unwrap(), 0);
    });
    (
        StatusCode::SWITCHING_PROTOCOLS,
        [(header::UPGRADE, "talk"), (header::CONNECTION, "upgrade")],
    )
}

#[tokio::test]
async fn an_upgraded_connection_has_its_tenant_and_keeps_its_place() {
    let app = Routes::new(resolver())
        .tenant(Router::new().route("/talk", get(talk)))
        .build();
    let server = Server::start(app, ServeOptions::new().connections(1)).await;
    let mut client = server.connect().await;
    client
        .write(
            "GET /talk HTTP/1.1\r\nhost: tenant1.localhost\r\n\
             connection: upgrade\r\nupgrade: talk\r\n\r\n",
        )
        .await;
    let answer = client.until("\r\n\r\n", 1).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");

    // The only place is taken by the upgraded connection until it ends.
    let mut waiting = server.connect().await;
    waiting
        .write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    client.write("hello").await;
    assert_eq!(client.until("hello", 1).await, "tenant1hello");
    assert!(waiting.is_silent());
    drop(client);
    waiting.until("not_found", 1).await;
}

#[tokio::test]
async fn an_upgraded_connection_may_be_idle() {
    let short = Duration::from_millis(100);
    let app = Routes::new(resolver())
        .tenant(Router::new().route("/talk", get(talk)))
        .build();
    let options = ServeOptions::new()
        .header_timeout(short)
        .idle_timeout(short)
        .write_timeout(short);
    let server = Server::start(app, options).await;
    let mut client = server.connect().await;
    client
        .write(
            "GET /talk HTTP/1.1\r\nhost: tenant1.localhost\r\n\
             connection: upgrade\r\nupgrade: talk\r\n\r\n",
        )
        .await;
    client.until("\r\n\r\n", 1).await;
    // All that time another client that says nothing is closed again and again.
    for _ in 0..3 {
        server.connect().await.rest().await;
    }
    client.write("hello").await;
    assert_eq!(client.until("hello", 1).await, "tenant1hello");
}

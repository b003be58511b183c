//! Clients that leave at any moment lose nothing that was acknowledged and leave nothing behind.

use std::collections::HashSet;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::{Site, until};

const REQUESTS: u64 = 2_000;
const AT_A_TIME: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_requests_lose_no_acknowledged_write() {
    let site = Site::with(|command| {
        command.env("DATABASE_POOL_SIZE", "4");
    })
    .await;
    let port = site.server.port;
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(AT_A_TIME));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..REQUESTS {
        let permit = std::sync::Arc::clone(&gate).acquire_owned().await.unwrap();
        tasks.spawn(async move {
            let acknowledged = post_and_leave(port, n).await;
            drop(permit);
            acknowledged.then_some(n)
        });
    }
    let mut acknowledged = HashSet::new();
    while let Some(done) = tasks.join_next().await {
        acknowledged.extend(done.unwrap());
    }
    assert!(
        !acknowledged.is_empty(),
        "no write was acknowledged, so this proves nothing"
    );
    assert!(
        (acknowledged.len() as u64) < REQUESTS,
        "no request was cut off, so this proves nothing"
    );

    let mut database = site.database.superuser().await;
    let titles: Vec<String> =
        sqlx::query_scalar("select title from one.blogs union all select title from two.blogs")
            .fetch_all(&mut database)
            .await
            .unwrap();
    let kept: HashSet<u64> = titles
        .iter()
        .map(|title| title[5..].parse().unwrap())
        .collect();
    let lost: Vec<_> = acknowledged.difference(&kept).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    // Odd posts went to one tenant and even ones to the other.
    let crossed: i64 = sqlx::query_scalar(
        "select (select count(*) from one.blogs where right(title, 1)::int % 2 = 0)
              + (select count(*) from two.blogs where right(title, 1)::int % 2 = 1)",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    assert_eq!(crossed, 0, "rows are in the other tenant's schema");

    let database = tokio::sync::Mutex::new(database);
    until("every connection is out of its transaction", async || {
        let open: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity
             where datname = current_database() and usename = 'tenancy_app'
               and state is distinct from 'idle'",
        )
        .fetch_one(&mut *database.lock().await)
        .await
        .unwrap();
        open == 0
    })
    .await;
    // All four connections still serve.
    for _ in 0..8 {
        assert_eq!(site.server.get("one.localhost", "/api/blogs/").await.0, 200);
    }
}

/// Sends a post to the tenant that `n` belongs to and hangs up after a while that depends on `n`;
/// whether the answer came before.
async fn post_and_leave(port: u16, n: u64) -> bool {
    let tenant = if n % 2 == 1 { "one" } else { "two" };
    let body = format!("{{\"title\":\"Post {n}\"}}");
    let head = format!(
        "POST /api/blogs/ HTTP/1.1\r\nhost: {tenant}.localhost\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    // A spread of moments from before the statement is sent to after the answer.
    let patience = Duration::from_micros((n * 7919) % 20_000);
    match tokio::time::timeout(patience, socket.read_exact(&mut answer)).await {
        Ok(Ok(_)) => &answer == b"HTTP/1.1 201",
        _ => false,
    }
}

//! The demo: from nothing to two tenants, and back to nothing.

use std::path::Path;

use reqwest::Method;
use serde_json::json;

use crate::program::{Server, run, saas, stderr, until};

async fn demo(data_dir: &Path, more: &[&str]) -> Server {
    let mut command = saas();
    command
        .args(["demo", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data_dir)
        .args(more);
    Server::start(&mut command).await
}

/// The processes, zombies aside, that mention `needle` in their command line.
fn processes(needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let zombie = stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'));
        if line.contains(needle) && !zombie && pid != std::process::id() {
            found.push(format!("{pid} {line}"));
        }
    }
    found
}

#[tokio::test]
async fn the_demo_shows_two_tenants_keeps_data_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("saas");
    let needle = folder
        .path()
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();

    let mut server = demo(&data, &[]).await;
    for tenant in ["tenant1.localhost", "tenant2.localhost"] {
        assert!(
            server
                .banner
                .contains(&format!("http://{tenant}:{}/", server.port)),
            "{}",
            server.banner
        );
    }
    let (_, one) = server.get("tenant1.localhost", "/api/blogs/").await;
    let (_, two) = server.get("tenant2.localhost", "/api/blogs/").await;
    assert!(one["items"].as_array().unwrap().len() >= 2, "{one}");
    assert_ne!(one["items"][0]["title"], two["items"][0]["title"]);
    for tenant in ["tenant1.localhost", "tenant2.localhost"] {
        let path = "/api/catalog/products/?ordering=name";
        for source in ["miss", "hit"] {
            let asked = server
                .request(Method::GET, tenant, path)
                .send()
                .await
                .unwrap();
            assert_eq!(asked.headers()["x-cache"], source, "{tenant}");
            let products: serde_json::Value = asked.json().await.unwrap();
            assert!(
                products["items"].as_array().unwrap().len() >= 8,
                "{products}"
            );
        }
    }
    assert!(
        server.banner.contains("cache     memory"),
        "{}",
        server.banner
    );
    let body = json!({ "title": "Kept" });
    let (_, kept) = server
        .send(Method::POST, "tenant1.localhost", "/api/blogs/", &body)
        .await;
    let path = format!("/api/blogs/{}/", kept["id"].as_str().unwrap());
    assert_eq!(server.get("tenant2.localhost", &path).await.0, 404);

    // A third tenant, made by another process while its host is remembered as unknown.
    assert_eq!(server.get("tenant3.localhost", "/api/blogs/").await.0, 404);
    let made = run(saas()
        .args(["create_tenant", "--schema_name=tenant3", "--name=Tenant 3"])
        .args(["--domain=tenant3.localhost", "--data-dir"])
        .arg(&data))
    .await;
    assert!(made.status.success(), "{}", stderr(&made));
    until("the third tenant answers", async || {
        server.get("tenant3.localhost", "/api/blogs/").await.0 == 200
    })
    .await;

    // A second demo on the same data says so and disturbs nothing.
    let second = run(saas()
        .args([
            "demo",
            "--listen",
            "127.0.0.1:0",
            "--reset",
            "--yes",
            "--data-dir",
        ])
        .arg(&data))
    .await;
    assert!(
        !second.status.success(),
        "a reset under a running demo went through"
    );
    assert_eq!(server.get("tenant1.localhost", &path).await.0, 200);

    server.signal("INT").await;
    assert!(server.ended().await.success());
    assert_eq!(processes(&needle), Vec::<String>::new());

    // Killed without a chance to clean up, it still leaves nothing.
    let mut server = demo(&data, &[]).await;
    assert_eq!(
        server.get("tenant1.localhost", &path).await.1["title"],
        "Kept"
    );
    assert_eq!(server.get("tenant3.localhost", "/api/blogs/").await.0, 200);
    server.signal("KILL").await;
    server.ended().await;
    until("the private server is gone", async || {
        processes(&needle).is_empty()
    })
    .await;

    let mut server = demo(&data, &["--reset", "--yes"]).await;
    assert_eq!(server.get("tenant1.localhost", &path).await.0, 404);
    assert_eq!(server.get("tenant3.localhost", "/api/blogs/").await.0, 404);
    server.signal("TERM").await;
    assert!(server.ended().await.success());
}

#[tokio::test]
async fn a_demo_whose_private_server_ends_says_so_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = demo(&folder.path().join("saas"), &[]).await;
    let postmaster = folder.path().join("saas/pg/cluster/postmaster.pid");
    let pid = std::fs::read_to_string(postmaster)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    let sent = tokio::process::Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .await
        .unwrap();
    assert!(sent.success());
    assert_eq!(server.ended().await.code(), Some(1));
}

#[tokio::test]
async fn a_demo_right_after_a_command_has_a_server_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("saas");
    demo(&data, &[]).await.signal("KILL").await;
    let mut command = saas();
    command.args(["tenant", "list", "--data-dir"]).arg(&data);
    let (listed, server) = tokio::join!(run(&mut command), demo(&data, &[]));
    assert!(listed.status.success(), "{}", stderr(&listed));
    // Whoever was first, the demo's server outlives the command.
    assert_eq!(server.get("tenant1.localhost", "/api/blogs/").await.0, 200);
    assert_eq!(
        server.get("tenant1.localhost", "/health/ready").await.0,
        200
    );
}

#[tokio::test]
async fn a_taken_port_is_named_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = run(saas()
        .args(["demo", "--listen", &address, "--data-dir"])
        .arg(folder.path().join("x")))
    .await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains(&address), "{}", stderr(&refused));
    assert!(!folder.path().join("x").exists());
}

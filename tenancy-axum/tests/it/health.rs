//! Probes get a plain answer, in time.

use std::future::pending;
use std::io;
use std::time::Duration;

use serde_json::{Value, json};
use tenancy_axum::testing::TestApp;
use tenancy_axum::{Health, Routes};

use crate::app::resolver;

fn app(health: Health) -> TestApp {
    TestApp::new(Routes::new(resolver()).universal(health.routes()).build())
}

#[tokio::test]
async fn a_ready_process_says_which_parts_answer() {
    let health = Health::new()
        .check("database", || async { Ok::<(), io::Error>(()) })
        .check("search", || async { Ok::<(), io::Error>(()) });
    let client = app(health).host("10.0.0.1");
    for path in ["/health", "/health/", "/health/ready", "/health/ready/"] {
        let response = client.get(path).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(
            response.json::<Value>(),
            json!({ "status": "ok", "parts": { "database": "ok", "search": "ok" } })
        );
    }
}

#[tokio::test]
async fn a_part_that_fails_or_hangs_makes_it_unready_but_not_dead() {
    let health = Health::new()
        .deadline(Duration::from_millis(20))
        .check("database", || async { Ok::<(), io::Error>(()) })
        .check("cache", || async {
            Err(io::Error::other("secret: 10.0.0.7"))
        })
        .check("jobs", || async {
            panic!("secret: broken") as io::Result<()>
        })
        .check("search", pending::<io::Result<()>>);
    let client = app(health).host("localhost");
    let response = client.get("/health/ready").await;
    assert_eq!(response.status, 503);
    assert_eq!(
        response.json::<Value>(),
        json!({
            "status": "failed",
            "parts": {
                "cache": "failed", "database": "ok", "jobs": "failed", "search": "failed"
            }
        })
    );
    assert!(!response.text().contains("secret"));
    for path in ["/health/live", "/health/live/"] {
        let response = client.get(path).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.json::<Value>(), json!({ "status": "ok" }));
    }
}

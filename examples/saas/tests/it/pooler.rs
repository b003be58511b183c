//! The program through a transaction pooler of one session, which all tenants share.

#[path = "../../../../tenancy-sqlx/tests/pooler/bouncer.rs"]
mod bouncer;

use reqwest::Method;
use serde_json::json;
use sqlx::ConnectOptions as _;
use tenancy_sqlx::Pooler;
use tenancy_sqlx::testing::TestDatabase;
use tokio::process::Command;

use self::bouncer::{Bouncer, Kind, program, tracks_statements};
use crate::program::{Server, Site, on, run, saas, stderr};

/// The program on `database` through `bouncer`, which `pooler` says or hides.
fn through(bouncer: &Bouncer, database: &TestDatabase, pooler: Pooler) -> Command {
    let pooled = bouncer.options(&database.app_options()).to_url_lossy();
    let owner = database.owner_options().to_url_lossy();
    let mut command = saas();
    command
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("DATABASE_URL", pooled.as_str())
        .env("DATABASE_DIRECT_URL", owner.as_str())
        .env("DATABASE_POOLER", pooler.to_string());
    command
}

#[tokio::test]
async fn requests_of_all_tenants_share_one_session_and_read_their_own() {
    if program().is_none() {
        eprintln!("skipped: there is no pgbouncer");
        return;
    }
    let mut poolers = vec![Pooler::Transaction];
    if tracks_statements() {
        poolers.push(Pooler::TransactionWithStatements);
    }
    for pooler in poolers {
        let mut site = Site::new().await;
        // Another one serves in its place.
        site.server.end().await;
        let kind = Kind {
            sessions: 1,
            pooler,
        };
        let bouncer = Bouncer::start(kind, &site.database.app_options());
        let server = Server::start(&mut through(&bouncer, &site.database, pooler)).await;
        let mut requests = tokio::task::JoinSet::new();
        for number in 0..40 {
            let tenant = if number % 2 == 0 { "one" } else { "two" };
            let host = format!("{tenant}.localhost");
            let post = json!({ "title": format!("{tenant} {number}"), "published": true });
            let made = server
                .request(Method::POST, &host, "/api/blogs/")
                .json(&post);
            let read = server.request(Method::GET, &host, "/api/blogs/");
            requests.spawn(async move {
                assert_eq!(made.send().await.unwrap().status(), 201);
                let list: serde_json::Value = read.send().await.unwrap().json().await.unwrap();
                for post in list["items"].as_array().unwrap() {
                    let title = post["title"].as_str().unwrap();
                    assert!(title.starts_with(tenant), "{title} of {tenant}");
                }
            });
        }
        while let Some(done) = requests.join_next().await {
            done.unwrap();
        }
        // A tenant that another process makes is heard of: news go the direct way.
        site.add_tenant("three").await;
        assert_eq!(server.get("three.localhost", "/api/blogs/").await.0, 200);
    }
}

#[tokio::test]
async fn a_pooler_that_the_settings_do_not_name_ends_the_start() {
    if program().is_none() {
        eprintln!("skipped: there is no pgbouncer");
        return;
    }
    let database = TestDatabase::new().await;
    let prepared = on(&database, saas())
        .args(["create_tenant", "one", "One", "one.localhost"])
        .output();
    assert!(prepared.await.unwrap().status.success());
    let kind = Kind {
        sessions: 1,
        pooler: Pooler::Transaction,
    };
    let bouncer = Bouncer::start(kind, &database.app_options());
    let hidden = run(&mut through(&bouncer, &database, Pooler::None)).await;
    assert_eq!(hidden.status.code(), Some(1));
    let said = stderr(&hidden);
    assert!(said.contains("transaction pooler"), "{said}");
}

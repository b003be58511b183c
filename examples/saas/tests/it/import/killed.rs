//! An import whose worker dies, and one whose tenant is stopped.

use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tokio::process::{Child, Command};

use super::{HEADER, HOST, IMPORT, PRODUCTS, count, ended, import};
use crate::program::{Server, Site, on, run, saas, stderr, until};

const LINES: i64 = 1_000;

/// Behind so many lines the import waits until the test lets it go on.
const HELD: usize = 420;

fn file() -> String {
    let lines = (0..LINES).map(|n| format!("Chair {n},S-{n},{n},EUR,1,,\n"));
    HEADER.to_owned() + &lines.collect::<Vec<_>>().concat()
}

/// Another transaction that has written the sku of a line and not come to its end: whoever writes
/// it, too, waits.
async fn hold(site: &Site) -> PgConnection {
    let mut other = site.database.superuser().await;
    let sql = format!(
        "BEGIN; INSERT INTO one.products (id, name, sku, price_cents, currency)
         VALUES (gen_random_uuid(), 'Held', 'S-{HELD}', 1, 'EUR')"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(&mut other)
        .await
        .unwrap();
    other
}

async fn let_go(mut other: PgConnection) {
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
}

/// Waits until the import is in the middle of the part that is held.
async fn is_held(superuser: &mut PgConnection) {
    until("the import waits for the other transaction", async || {
        let waiting = "pg_stat_activity WHERE wait_event_type = 'Lock'
                       AND query LIKE '%products%' AND datname = current_database()";
        count(superuser, waiting).await > 0
    })
    .await;
}

fn worker(site: &Site) -> Child {
    let mut command = on(&site.database, saas());
    command.arg("worker").spawn().unwrap()
}

/// Every product of the file is there once, and the search was told of each.
async fn all_there_once(superuser: &mut PgConnection) {
    assert_eq!(count(superuser, "one.products").await, LINES);
    let skus = "(SELECT DISTINCT sku FROM one.products WHERE sku LIKE 'S-%') AS all_skus";
    assert_eq!(count(superuser, skus).await, LINES);
}

async fn status(superuser: &mut PgConnection) -> (String, Value) {
    let sql = "SELECT status, coalesce(progress, '{}') FROM tenancy.jobs";
    sqlx::query_as(sql).fetch_one(superuser).await.unwrap()
}

async fn signal(child: &mut Child, name: &str) {
    let pid = child.id().expect("it runs").to_string();
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &pid])
        .status()
        .await;
    assert!(sent.unwrap().success());
}

#[tokio::test]
async fn a_worker_that_is_killed_midway_is_gone_on_with_and_every_product_is_there_once() {
    let mut site = Site::with(|command| {
        command.arg("--no-worker");
    })
    .await;
    let mut superuser = site.database.superuser().await;
    let job = import(&site.server, IMPORT, file()).await;
    assert_eq!(site.server.get(HOST, &job).await.1["status"], "queued");
    // What keeps its cache in memory serves alone.
    site.server.signal("TERM").await;
    site.server.ended().await;

    let other = hold(&site).await;
    let mut first = worker(&site);
    is_held(&mut superuser).await;
    first.kill().await.unwrap();
    let (_, progress) = status(&mut superuser).await;
    assert_eq!(progress["done"], 400, "{progress}");
    assert_eq!(count(&mut superuser, "one.products").await, 400);
    let_go(other).await;
    // As if the half minute had passed that a worker may be silent.
    sqlx::query("UPDATE tenancy.jobs SET lease_until = '-infinity' WHERE status = 'running'")
        .execute(&mut superuser)
        .await
        .unwrap();

    let mut second = worker(&site);
    until("the import is done", async || {
        status(&mut superuser).await.0 == "done"
    })
    .await;
    all_there_once(&mut superuser).await;
    let (_, progress) = status(&mut superuser).await;
    assert_eq!(progress["created"], LINES, "{progress}");
    assert_eq!(progress["failed"], 0, "{progress}");
    let messages = "tenancy.outbox WHERE topic = 'search.products'";
    assert_eq!(count(&mut superuser, messages).await, LINES);
    // It ends when it is told to, with nothing left to do.
    signal(&mut second, "TERM").await;
    assert!(second.wait().await.unwrap().success());
}

#[tokio::test]
async fn an_import_whose_tenant_is_suspended_waits_and_goes_on_when_it_is_active() {
    let site = Site::new().await;
    let mut superuser = site.database.superuser().await;
    assert_eq!(site.server.get(HOST, PRODUCTS).await.0, 200);
    let other = hold(&site).await;
    let job = import(&site.server, IMPORT, file()).await;
    is_held(&mut superuser).await;
    say(&site, &["tenant", "suspend", "one"]).await;
    let_go(other).await;
    until("the import is given back", async || {
        status(&mut superuser).await.0 == "queued"
    })
    .await;
    let done = count(&mut superuser, "one.products").await;
    assert!(done < LINES, "{done}");
    let listed = run(on(&site.database, saas()).args(["jobs", "list", "--json"])).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["jobs"][0]["status"], "parked", "{listed}");
    assert_eq!(listed["jobs"][0]["kind"], "catalog.import", "{listed}");
    assert_eq!(site.server.get(HOST, &job).await.0, 403);

    say(&site, &["tenant", "resume", "one"]).await;
    until("the tenant serves again", async || {
        site.server.get(HOST, &job).await.0 == 200
    })
    .await;
    let ended = ended(&site.server, &job).await;
    assert_eq!(ended["progress"]["created"], LINES, "{ended}");
    all_there_once(&mut superuser).await;
    newest(&site.server).await;
}

/// The list shows what was imported last.
async fn newest(server: &Server) {
    let path = format!("{PRODUCTS}?ordering=-price&limit=1");
    let (_, page) = server.get(HOST, &path).await;
    assert_eq!(page["items"][0]["sku"], "S-999", "{page}");
}

async fn say(site: &Site, words: &[&str]) {
    let said = run(on(&site.database, saas()).args(words)).await;
    assert!(said.status.success(), "{}", stderr(&said));
}

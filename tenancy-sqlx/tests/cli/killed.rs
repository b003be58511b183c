//! A program that is killed while it migrates, and the same command again.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use sqlx::{Connection, Executor};

use super::support::Installation;

const TENANTS: i64 = 60;

/// The tenant that nobody can migrate while its table is held, so that a run cannot end.
const LAST: &str = "t59";

#[tokio::test]
async fn a_run_that_was_killed_is_finished_by_the_same_command() {
    let saas = Installation::new().await;
    for number in 0..TENANTS {
        saas.done(&["tenant", "create", &format!("t{number:02}")]);
    }
    // Killed before the first tenant was heard of, and after so many.
    for (version, heard) in (2..).zip([0, 1, 7, 23, 41]) {
        let sql = format!(
            "ALTER TABLE blogs ADD COLUMN added_{version} text;
             INSERT INTO blogs (title) VALUES ('version {version}');"
        );
        saas.add(&format!("{version}_column"), &sql);
        let mut holder = saas.superuser().await;
        let hold = format!("BEGIN; LOCK TABLE {LAST}.blogs IN ACCESS EXCLUSIVE MODE");
        holder
            .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(hold)))
            .await
            .unwrap();

        let mut run = saas
            .command(&["migrate", "run", "--jobs", "2"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(run.stderr.take().unwrap()).lines();
        let tenants = lines
            .map_while(Result::ok)
            .filter(|line| line.starts_with("  t"));
        assert_eq!(tenants.take(heard).count(), heard);
        run.kill().unwrap();
        let ended = run.wait().unwrap();
        assert_eq!(ended.code(), None, "it was not killed but ended: {ended:?}");
        holder.close().await.unwrap();

        halves(&saas, version).await;
        saas.done(&["migrate", "run"]);
        assert_eq!(entries(&saas, version).await, TENANTS);
        once(&saas, version).await;
        let again = saas.json(&["migrate", "run"]);
        assert_eq!(again["report"]["at_head"], TENANTS, "{again}");
    }
    saas.drop_all().await;
}

/// How many tenants the ledger says have a version.
async fn entries(saas: &Installation, version: i64) -> i64 {
    let sql = format!(
        "SELECT count(*) FROM tenancy.migrations WHERE scope = 'tenant' AND version = {version}"
    );
    saas.count(&sql).await
}

/// No tenant has the column without the entry, or the entry without the column.
async fn halves(saas: &Installation, version: i64) {
    let sql = format!(
        "SELECT count(*) FROM tenancy.tenants t
         WHERE EXISTS (SELECT FROM tenancy.migrations m
                       WHERE m.tenant_id = t.id AND m.version = {version})
            <> EXISTS (SELECT FROM pg_catalog.pg_attribute a
                       WHERE a.attrelid = pg_catalog.to_regclass(t.schema_name || '.blogs')
                         AND a.attname = 'added_{version}')"
    );
    assert_eq!(saas.count(&sql).await, 0, "half of version {version}");
}

/// Every tenant has exactly the one row that the migration adds.
async fn once(saas: &Installation, version: i64) {
    for number in 0..TENANTS {
        let sql =
            format!("SELECT count(*) FROM t{number:02}.blogs WHERE title = 'version {version}'");
        assert_eq!(
            saas.count(&sql).await,
            1,
            "version {version} of t{number:02}"
        );
    }
}

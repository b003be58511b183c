//! The doctor before the program serves, and as a command.

use std::path::Path;

use serde_json::Value;
use tenancy_sqlx::testing::TestDatabase;

use crate::program::{Server, on, run, saas, stderr, stdout};

const DEMO: [&str; 4] = ["demo", "--listen", "127.0.0.1:0", "--data-dir"];

/// A routine that runs with its owner's rights in the tenant `name`.
fn definer(name: &str) -> String {
    format!(
        "CREATE FUNCTION {name}.peek() RETURNS integer LANGUAGE sql SECURITY DEFINER
         SET search_path = {name} AS 'SELECT 1'"
    )
}

/// A database with the tenant `one`.
async fn database() -> TestDatabase {
    let database = TestDatabase::new().await;
    let made =
        run(on(&database, saas()).args(["create_tenant", "one", "One", "one.localhost"])).await;
    assert!(made.status.success(), "{}", stderr(&made));
    database
}

async fn plant(database: &TestDatabase, sql: &str) {
    let mut admin = database.superuser().await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(&mut admin)
        .await
        .unwrap();
}

async fn examined(database: &TestDatabase, words: &[&str]) -> (Option<i32>, Value) {
    let output = run(on(database, saas()).args(["doctor", "--json"]).args(words)).await;
    let text = stdout(&output);
    let document = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    (output.status.code(), document)
}

#[tokio::test]
async fn a_fresh_demo_has_nothing_to_find_and_a_spoilt_one_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("saas");
    let demo = || {
        let mut command = saas();
        command.args(DEMO).arg(&data);
        command
    };
    let mut server = Server::start(&mut demo()).await;
    assert!(!server.banner.contains("saas.doctor"), "{}", server.banner);
    let beside = async |data: &Path, words: &[&str]| {
        run(saas().args(["--data-dir"]).arg(data).args(words)).await
    };
    let healthy = beside(&data, &["doctor", "--json"]).await;
    assert_eq!(healthy.status.code(), Some(0), "{}", stdout(&healthy));
    let document: Value = serde_json::from_str(&stdout(&healthy)).unwrap();
    assert_eq!(document["findings"], serde_json::json!([]), "{document}");
    let said = beside(&data, &["doctor"]).await;
    assert!(
        stdout(&said).contains("nothing was found"),
        "{}",
        stdout(&said)
    );

    let sql = definer("tenant1");
    let planted = beside(&data, &["tenant", "psql", "tenant1", "--", "-qc", &sql]).await;
    assert!(planted.status.success(), "{}", stderr(&planted));
    server.signal("INT").await;
    assert!(server.ended().await.success());

    let refused = run(&mut demo()).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("security_definer_in_tenant"),
        "{}",
        stderr(&refused)
    );
    let accepted = Server::start(demo().env("DOCTOR_ACCEPT", "security_definer_in_tenant")).await;
    assert_eq!(
        accepted.get("tenant1.localhost", "/api/blogs/").await.0,
        200
    );
}

#[tokio::test]
async fn serve_does_not_start_on_a_critical_finding_until_it_is_mended_or_accepted() {
    let database = database().await;
    plant(&database, &definer("one")).await;
    plant(&database, "CREATE TABLE public.blogs ()").await;
    let serve = || {
        let mut command = on(&database, saas());
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command
    };
    let refused = run(serve().env("DOCTOR_ACCEPT", "login_superuser")).await;
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    for part in [
        "security_definer_in_tenant",
        "ALTER ROUTINE one.peek() SECURITY INVOKER",
        "DOCTOR_ACCEPT",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("public_shadows_tenant"), "{said}");

    let server = Server::start(serve().env("DOCTOR_ACCEPT", "security_definer_in_tenant")).await;
    for code in ["security_definer_in_tenant", "public_shadows_tenant"] {
        let said = format!("{code}:");
        assert_eq!(
            server.banner.matches(&said).count(),
            1,
            "{code}: {}",
            server.banner
        );
    }
    drop(server);

    let fix = said.split("to fix, run: ").nth(1).unwrap();
    plant(&database, fix.lines().next().unwrap()).await;
    Server::start(&mut serve()).await;
}

#[tokio::test]
async fn the_exit_code_says_whether_something_is_critical_and_not_accepted() {
    let database = TestDatabase::new().await;
    let (code, document) = examined(&database, &[]).await;
    assert_eq!(code, Some(5), "{document}");
    assert_eq!(document["schema_version"], 1);
    assert_eq!(document["findings"][0]["code"], "not_prepared");
    assert_eq!(
        document["findings"][0]["fix"]["command"],
        "migrate run --shared"
    );
    assert_eq!(document["refused"], 1);
    let (code, document) = examined(&database, &["--accept", "not_prepared"]).await;
    assert_eq!(
        (code, &document["refused"]),
        (Some(0), &Value::from(0)),
        "{document}"
    );

    let migrated = run(on(&database, saas()).args(["migrate", "run", "--shared"])).await;
    assert!(migrated.status.success(), "{}", stderr(&migrated));
    plant(&database, "CREATE EXTENSION citext SCHEMA public").await;
    let (code, document) = examined(&database, &[]).await;
    let findings = document["findings"].as_array().unwrap();
    let codes: Vec<_> = findings
        .iter()
        .map(|f| f["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        (code, codes),
        (Some(0), vec!["extension_out_of_reach"]),
        "{document}"
    );

    let unknown = run(on(&database, saas()).args(["doctor", "--accept", "extension_out_of"])).await;
    assert_eq!(unknown.status.code(), Some(2));
    let said = stderr(&unknown);
    assert!(
        said.contains("did you mean extension_out_of_reach?"),
        "{said}"
    );
    let help = run(saas().args(["doctor", "--help"])).await;
    assert!(
        stdout(&help).contains("5 something critical"),
        "{}",
        stdout(&help)
    );
}

//! A tenant's life by commands, as a running server and its visitors see it.

use serde_json::Value;
use tenancy_sqlx::testing::TestDatabase;

use crate::program::{Server, on, run, saas, stderr, stdout, until};

async fn say(database: &TestDatabase, words: &[&str]) -> std::process::Output {
    run(on(database, saas()).args(words)).await
}

async fn done(database: &TestDatabase, words: &[&str]) -> String {
    let output = say(database, words).await;
    assert!(output.status.success(), "{words:?}: {}", stderr(&output));
    stdout(&output)
}

async fn json(database: &TestDatabase, words: &[&str]) -> Value {
    let text = done(database, &[words, &["--json"]].concat()).await;
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
}

async fn refused(database: &TestDatabase, words: &[&str], code: i32, reason: &str) {
    let output = say(database, words).await;
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
    assert!(said.contains(reason), "{words:?}: {said}");
}

/// Waits until `host` answers with this status and problem code.
async fn answers(server: &Server, host: &str, status: u16, code: &str) {
    until(&format!("{status} of {host}"), || async {
        let (seen, body) = server.get(host, "/api/blogs/").await;
        seen == status && (code.is_empty() || body["code"] == code)
    })
    .await;
}

#[tokio::test]
async fn visitors_meet_a_tenant_as_its_operator_leaves_it() {
    let database = TestDatabase::new().await;
    done(
        &database,
        &["create_tenant", "one", "One", "one.localhost:8000"],
    )
    .await;
    let mut serve = on(&database, saas());
    serve.args(["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::start(&mut serve).await;
    answers(&server, "one.localhost", 200, "").await;

    let suspended = json(&database, &["tenant", "suspend", "one"]).await;
    assert_eq!(suspended["tenant"]["status"], "suspended");
    answers(&server, "one.localhost", 403, "tenant_suspended").await;
    done(&database, &["tenant", "suspend", "one"]).await;
    done(&database, &["tenant", "resume", "one"]).await;
    answers(&server, "one.localhost", 200, "").await;

    // The host stays, whatever the tenant and its schema are called.
    let renamed = json(&database, &["tenant", "rename", "one", "my-shop"]).await;
    assert_eq!(renamed["tenant"]["schema_name"], "my_shop");
    answers(&server, "one.localhost", 200, "").await;
    refused(&database, &["tenant", "create", "one"], 1, "still reserved").await;
    let words = ["tenant", "rename", "my-shop", "shop", "--schema", "my_shop"];
    assert_eq!(
        json(&database, &words).await["tenant"]["schema_name"],
        "my_shop"
    );

    let purge = |confirm| ["tenant", "purge", "shop", "--confirm", confirm];
    refused(&database, &purge("shop"), 1, "archive it first").await;
    done(&database, &["tenant", "archive", "shop"]).await;
    refused(&database, &purge("shot"), 6, "confirmed by --confirm shop").await;
    refused(&database, &["tenant", "purge", "shop"], 6, "--confirm").await;
    let purged = json(&database, &purge("shop")).await;
    assert_eq!(purged["tenant"]["status"], "purged");
    answers(&server, "one.localhost", 404, "tenant_not_found").await;
    for words in [
        &["tenant", "create", "shop"][..],
        &["tenant", "create", "new", "--schema", "my_shop"],
        &["tenant", "create", "new", "--domain", "one.localhost"],
    ] {
        refused(&database, words, 1, "still reserved").await;
    }
    assert_eq!(
        json(&database, &["tenant", "list"]).await["tenants"],
        serde_json::json!([])
    );
    refused(&database, &["tenant", "resume", "shop"], 1, "shop").await;
}

#[tokio::test]
async fn domains_change_places_and_the_primary_one_stays() {
    let database = TestDatabase::new().await;
    done(&database, &["create_tenant", "one", "One", "one.localhost"]).await;
    done(&database, &["domain", "add", "one", "two.localhost"]).await;
    refused(
        &database,
        &["domain", "remove", "one", "one.localhost"],
        1,
        "make another one primary first",
    )
    .await;
    let primary = json(&database, &["domain", "primary", "one", "two.localhost"]).await;
    assert_eq!(primary["domain"]["is_primary"], true);
    done(&database, &["domain", "remove", "one", "one.localhost"]).await;
    let list = json(&database, &["domain", "list", "one"]).await;
    assert_eq!(list["domains"].as_array().unwrap().len(), 1);
    assert_eq!(list["domains"][0]["domain"], "two.localhost");
}

#[tokio::test]
async fn psql_opens_on_the_tables_of_one_tenant() {
    let database = TestDatabase::new().await;
    for name in ["one", "two"] {
        done(&database, &["tenant", "create", name]).await;
    }
    let insert = "INSERT INTO blogs (id, title, description, body, author, published) \
                  VALUES (gen_random_uuid(), 't', '', '', '', true)";
    let insert = ["tenant", "psql", "one", "--", "-qc", insert];
    done(&database, &insert).await;
    for (words, seen) in [
        (&["tenant", "psql", "one"][..], "one 1"),
        (&["shell", "--schema=one"], "one 1"),
        (&["shell", "--schema=two"], "two 0"),
        (&["tenant_command", "shell", "--schema=two"], "two 0"),
        (&["run", "psql", "--tenant", "one"], "one 1"),
    ] {
        let ask = "SELECT current_schema() || ' ' || count(*) FROM blogs";
        let words = [words, &["--", "-Atc", ask]].concat();
        assert!(done(&database, &words).await.contains(seen), "{words:?}");
    }
    let shared = ["shell", "--", "-Atc", "SELECT current_schema()"];
    assert_eq!(done(&database, &shared).await, "public\n");
    let wrong = ["shell", "--schema=one", "--", "-c", "SELECT nothing"];
    assert_eq!(say(&database, &wrong).await.status.code(), Some(1));
    refused(&database, &["shell", "--schema=nobody"], 1, "no tenant has").await;
    let as_json = say(&database, &["tenant", "psql", "one", "--json"]).await;
    assert_eq!(as_json.status.code(), Some(2));

    let nowhere = tempfile::tempdir().unwrap();
    let mut command = on(&database, saas());
    command.args(["tenant", "psql", "one"]);
    let missing = run(command.env("PATH", nowhere.path())).await;
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        stderr(&missing).contains("psql was not found"),
        "{}",
        stderr(&missing)
    );
}

#[tokio::test]
async fn a_command_runs_for_one_tenant_or_each_and_answers_with_one_document() {
    let database = TestDatabase::new().await;
    for name in ["one", "two"] {
        let host = format!("{name}.localhost");
        let words = ["tenant", "create", name, "--domain", &host];
        done(&database, &words).await;
    }
    for words in [
        &["run", "domain", "list", "--all"][..],
        &["all_tenants_command", "domain", "list"],
    ] {
        let runs = json(&database, words).await;
        for (n, name) in ["one", "two"].iter().enumerate() {
            let run = &runs["runs"][n];
            assert_eq!(run["slug"], *name, "{words:?}");
            assert_eq!(run["exit_code"], 0);
            let host = format!("{name}.localhost");
            assert_eq!(run["result"]["domains"][0]["domain"], host.as_str());
        }
    }
    for words in [
        &["run", "migrate", "--tenant", "one"][..],
        &["run", "migrate", "--all", "--", "--jobs", "1"],
        &["tenant_command", "migrate", "--schema=two"],
        &["all_tenants_command", "migrate_schemas"],
    ] {
        done(&database, words).await;
    }
    // One that fails stops no other.
    done(&database, &["run", "tenant", "suspend", "--all"]).await;
    done(&database, &["tenant", "archive", "one"]).await;
    let tenant = ["tenant", "purge", "one", "--confirm", "one"];
    done(&database, &tenant).await;
    done(&database, &["tenant", "create", "three"]).await;
    done(&database, &["tenant", "archive", "three"]).await;
    let some = say(&database, &["run", "tenant", "resume", "--all", "--json"]).await;
    assert_eq!(some.status.code(), Some(3));
    let document: Value = serde_json::from_str(&stdout(&some)).unwrap();
    let codes: Vec<_> = document["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| (run["slug"].as_str(), run["exit_code"].as_u64()))
        .collect();
    assert_eq!(codes, [(Some("three"), Some(1)), (Some("two"), Some(0))]);
    let message = document["runs"][0]["result"]["error"]["message"].as_str();
    assert!(message.unwrap().contains("archived"), "{document}");

    for (words, reason) in [
        (
            &["run", "tenant", "purge", "--all"][..],
            "no command about one tenant",
        ),
        (&["run", "migrate"], "--tenant"),
        (&["tenant_command", "migrate"], "--schema"),
        (&["run", "migrate", "--all", "--", "--no"], "--no"),
    ] {
        refused(&database, words, 2, reason).await;
    }
    refused(&database, &["run", "migrate", "--tenant", "no"], 1, "no").await;
}

#[tokio::test]
async fn a_new_migration_is_the_next_number_and_needs_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    for (words, file) in [
        (
            &["migrate", "new", "--tenant", "add tags"][..],
            "tenant/1_add_tags.sql",
        ),
        (&["makemigrations", "--tenant", "more"], "tenant/2_more.sql"),
        (
            &["makemigrations", "--shared", "plans"],
            "shared/1_plans.sql",
        ),
    ] {
        let made = run(saas().args(words).args(["--dir", dir, "--json"])).await;
        assert!(made.status.success(), "{words:?}: {}", stderr(&made));
        let document: Value = serde_json::from_str(&stdout(&made)).unwrap();
        let path = folder.path().join(file);
        assert_eq!(document["migration"]["file"], path.to_str().unwrap());
        assert!(std::fs::read_to_string(path).unwrap().starts_with("-- "));
    }
    for (words, code) in [
        (&["migrate", "new", "plans"][..], 2),
        (&["makemigrations", "--shared"], 2),
        (&["makemigrations", "--shared", "a/b"], 2),
        (
            &["makemigrations", "--shared", "plans", "--dir", "/nowhere"],
            1,
        ),
    ] {
        let refused = run(saas().args(words)).await;
        assert_eq!(refused.status.code(), Some(code), "{words:?}");
    }
}

#[tokio::test]
async fn a_tenant_is_out_of_service_archived_brought_back_and_purged_while_the_program_serves() {
    let database = TestDatabase::new().await;
    done(
        &database,
        &["tenant", "create", "one", "--domain", "one.localhost"],
    )
    .await;
    let mut serve = on(&database, saas());
    serve.args(["serve", "--listen", "127.0.0.1:0"]);
    let server = Server::start(&mut serve).await;
    answers(&server, "one.localhost", 200, "").await;

    let words = [
        "tenant",
        "maintenance",
        "one",
        "--on",
        "--message",
        "back at noon",
    ];
    let closed = json(&database, &words).await;
    assert_eq!(closed["tenant"]["status"], "maintenance");
    assert_eq!(closed["tenant"]["maintenance"]["message"], "back at noon");
    answers(&server, "one.localhost", 503, "tenant_maintenance").await;
    let (_, body) = server.get("one.localhost", "/api/blogs/").await;
    assert_eq!(body["detail"], "back at noon");
    done(&database, &["tenant", "maintenance", "one", "--off"]).await;
    answers(&server, "one.localhost", 200, "").await;

    let words = ["tenant", "archive", "one", "--grace", "30d"];
    assert_eq!(
        json(&database, &words).await["tenant"]["status"],
        "archived"
    );
    answers(&server, "one.localhost", 404, "tenant_not_found").await;
    let purge = ["tenant", "purge", "one", "--confirm", "one"];
    refused(&database, &purge, 1, "may be had back until").await;
    let plan = json(&database, &["tenant", "purge", "one", "--dry-run"]).await;
    assert!(plan["total"]["bytes"].as_i64().unwrap() > 0, "{plan}");
    assert_eq!(plan["plan"]["obstacles"].as_array().unwrap().len(), 1);
    done(&database, &["tenant", "undelete", "one"]).await;
    answers(&server, "one.localhost", 403, "tenant_suspended").await;
    done(&database, &["tenant", "resume", "one"]).await;
    answers(&server, "one.localhost", 200, "").await;

    // Its tables are older than this program needs: it alone is out of service.
    let mut owner = database.superuser().await;
    let behind = "DELETE FROM tenancy.migrations WHERE scope = 'tenant'";
    sqlx::Executor::execute(&mut owner, behind).await.unwrap();
    let told = "SELECT pg_notify('tenancy', 'null')";
    sqlx::Executor::execute(&mut owner, told).await.unwrap();
    answers(&server, "one.localhost", 503, "tenant_migrating").await;

    done(&database, &["tenant", "archive", "one", "--grace", "0s"]).await;
    let repaired = json(&database, &["tenant", "repair"]).await;
    assert_eq!(repaired["repair"]["tenants"], Value::Array(Vec::new()));
    let purged = json(&database, &["tenant", "purge", "--expired"]).await;
    assert_eq!(purged["purged"][0]["tenant"]["status"], "purged");
    let residue = json(&database, &["tenant", "residue", "one"]).await;
    assert_eq!(residue["residue"], Value::Array(Vec::new()));
    let history = json(&database, &["tenant", "history", "one"]).await;
    let history = history["history"].as_array().unwrap();
    assert_eq!(history.last().unwrap()["kind"], "purge");
    for (words, reason) in [
        (&["tenant", "archive", "one", "--grace", "30"][..], "30d"),
        (&["tenant", "maintenance", "one"], "--on"),
        (
            &["tenant", "maintenance", "one", "--off", "--message", "x"],
            "--off",
        ),
        (&["tenant", "purge"], "SLUG"),
        (&["tenant", "purge", "one", "--expired"], "--expired"),
    ] {
        refused(&database, words, 2, reason).await;
    }
    refused(&database, &["tenant", "residue", "nobody"], 1, "nobody").await;
}

#[tokio::test]
async fn every_command_of_a_tenants_life_has_an_example_in_its_help() {
    for words in [
        &["tenant", "suspend"][..],
        &["tenant", "resume"],
        &["tenant", "archive"],
        &["tenant", "undelete"],
        &["tenant", "maintenance"],
        &["tenant", "repair"],
        &["tenant", "history"],
        &["tenant", "residue"],
        &["tenant", "purge"],
        &["tenant", "rename"],
        &["tenant", "psql"],
        &["domain", "remove"],
        &["domain", "primary"],
        &["migrate", "new"],
        &["makemigrations"],
        &["shell"],
        &["run"],
        &["tenant_command"],
        &["all_tenants_command"],
    ] {
        let help = run(saas().args(words).arg("--help")).await;
        assert!(stdout(&help).contains("Example"), "{words:?}");
    }
}

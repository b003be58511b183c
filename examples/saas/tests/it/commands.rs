//! The commands, in their own spelling and in that of django-tenants.

use serde_json::Value;
use tenancy_sqlx::testing::TestDatabase;

use crate::program::{Server, on, run, saas, stderr, stdout};

async fn say(database: &TestDatabase, words: &[&str]) -> std::process::Output {
    run(on(database, saas()).args(words)).await
}

async fn json(database: &TestDatabase, words: &[&str]) -> Value {
    let output = run(on(database, saas()).args(words).arg("--json")).await;
    assert!(output.status.success(), "{words:?}: {}", stderr(&output));
    let text = stdout(&output);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
}

#[tokio::test]
async fn every_spelling_makes_a_tenant() {
    let database = TestDatabase::new().await;
    for words in [
        &[
            "tenant",
            "create",
            "acme",
            "--name",
            "Acme",
            "--domain",
            "acme.localhost",
        ][..],
        &[
            "create_tenant",
            "--schema_name=my_shop",
            "--name=My Shop",
            "--domain=my.localhost",
        ],
        &[
            "create_tenant",
            "three",
            "Tenant Three",
            "three.localhost:8000",
        ],
    ] {
        let made = say(&database, words).await;
        assert!(made.status.success(), "{words:?}: {}", stderr(&made));
    }
    let list = json(&database, &["tenant", "list"]).await;
    assert_eq!(list["schema_version"], 1);
    let rows: Vec<_> = list["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| {
            ["slug", "schema_name", "name", "primary_domain", "status"]
                .map(|f| t[f].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(
        rows,
        [
            ["acme", "acme", "Acme", "acme.localhost", "active"],
            ["my-shop", "my_shop", "My Shop", "my.localhost", "active"],
            [
                "three",
                "three",
                "Tenant Three",
                "three.localhost",
                "active"
            ],
        ]
        .map(|row| row.map(str::to_owned))
    );
}

#[tokio::test]
async fn a_port_in_a_domain_is_ignored_with_a_note_and_public_is_explained() {
    let database = TestDatabase::new().await;
    let made = say(
        &database,
        &["create_tenant", "one", "One", "one.localhost:5173"],
    )
    .await;
    assert!(
        stderr(&made).contains("port 5173 is ignored"),
        "{}",
        stderr(&made)
    );
    let public = say(
        &database,
        &["create_tenant", "public", "Public", "localhost:8000"],
    )
    .await;
    assert!(public.status.success());
    assert!(
        stdout(&public).contains("needs no tenant"),
        "{}",
        stdout(&public)
    );
}

#[tokio::test]
async fn a_taken_or_impossible_name_fails_with_the_reason() {
    let database = TestDatabase::new().await;
    assert!(
        say(&database, &["create_tenant", "one", "One", "one.localhost"])
            .await
            .status
            .success()
    );
    for (words, reason) in [
        (&["tenant", "create", "one"][..], "one"),
        (&["tenant", "create", "uno", "--schema", "one"], "one"),
        (
            &["tenant", "create", "uno", "--domain", "one.localhost"],
            "one.localhost",
        ),
        (
            &["create_tenant", "--schema_name=pg_x"],
            "reserved by PostgreSQL",
        ),
        (&["create_tenant", "--schema_name=shop_"], "--slug"),
        (
            &["tenant", "create", "base", "--domain", "localhost"],
            "public host",
        ),
        (&["tenant", "show", "nobody"], "no tenant nobody"),
        (&["domain", "add", "nobody", "x.localhost"], "nobody"),
    ] {
        let refused = say(&database, words).await;
        assert_eq!(refused.status.code(), Some(1), "{words:?}");
        assert!(
            stderr(&refused).contains(reason),
            "{words:?}: {}",
            stderr(&refused)
        );
        assert_eq!(stdout(&refused), "", "{words:?}");
    }
    let incomplete = say(&database, &["create_tenant"]).await;
    assert_eq!(incomplete.status.code(), Some(2));
    assert!(
        stderr(&incomplete).contains("--schema_name"),
        "{}",
        stderr(&incomplete)
    );
    let as_json = say(&database, &["tenant", "show", "nobody", "--json"]).await;
    assert_eq!(as_json.status.code(), Some(1));
    let document: Value = serde_json::from_str(&stdout(&as_json)).unwrap();
    assert!(
        document["error"]["message"]
            .as_str()
            .unwrap()
            .contains("nobody"),
        "{document}"
    );
    let misspelt = say(&database, &["tenant", "create", "No_Slug"]).await;
    assert_eq!(misspelt.status.code(), Some(2));
    let list = json(&database, &["tenant", "list"]).await;
    assert_eq!(
        list["tenants"].as_array().unwrap().len(),
        1,
        "a refused name left something"
    );
}

#[tokio::test]
async fn domains_are_added_and_shown() {
    let database = TestDatabase::new().await;
    say(&database, &["create_tenant", "one", "One", "one.localhost"]).await;
    let added = say(
        &database,
        &["domain", "add", "one", "shop.example", "--primary"],
    )
    .await;
    assert!(added.status.success(), "{}", stderr(&added));
    let shown = json(&database, &["tenant", "show", "one"]).await;
    assert_eq!(shown["found"]["tenant"]["primary_domain"], "shop.example");
    assert_eq!(shown["found"]["domains"].as_array().unwrap().len(), 2);
    let again = say(&database, &["domain", "add", "one", "shop.example"]).await;
    assert_eq!(again.status.code(), Some(1));
    let ported = say(&database, &["domain", "add", "one", "shop.example:80"]).await;
    assert_eq!(ported.status.code(), Some(2), "{}", stderr(&ported));
}

#[tokio::test]
async fn migrations_run_and_report_under_every_spelling() {
    let database = TestDatabase::new().await;
    say(&database, &["create_tenant", "one", "One", "one.localhost"]).await;
    for words in [
        &["migrate"][..],
        &["migrate", "run", "--tenant", "one"],
        &["migrate_schemas"],
        &["migrate_schemas", "--shared"],
        &["migrate_schemas", "--schema=public"],
        &["migrate_schemas", "--tenant"],
        &["migrate_schemas", "--tenant", "--schema=one"],
    ] {
        let ran = say(&database, words).await;
        assert!(ran.status.success(), "{words:?}: {}", stderr(&ran));
    }
    let status = json(&database, &["migrate", "status", "--check"]).await;
    assert_eq!(status["status"]["tenants"][0]["slug"], "one");
    assert_eq!(
        status["status"]["tenants"][0]["pending"],
        serde_json::json!([])
    );

    let mut owner = database.superuser().await;
    sqlx::Executor::execute(
        &mut owner,
        "delete from tenancy.migrations where scope = 'tenant'",
    )
    .await
    .unwrap();
    let behind = say(&database, &["migrate", "status", "--check"]).await;
    assert_eq!(behind.status.code(), Some(4));
    // The table is there already, so applying its migration again fails, for that tenant alone.
    let failed = say(&database, &["migrate"]).await;
    assert!(
        matches!(failed.status.code(), Some(1 | 3)),
        "{:?}",
        failed.status
    );
    assert!(
        stdout(&failed).contains("1_blogs.sql"),
        "{}",
        stdout(&failed)
    );
}

#[tokio::test]
async fn commands_that_only_look_change_nothing() {
    let database = TestDatabase::new().await;
    for words in [&["tenant", "list"][..], &["migrate", "status", "--check"]] {
        let looked = say(&database, words).await;
        assert_eq!(looked.status.code(), Some(1), "{words:?}");
        assert!(
            stderr(&looked).contains("prepare it first"),
            "{}",
            stderr(&looked)
        );
    }
    let tables: i64 =
        sqlx::query_scalar("select count(*) from pg_tables where schemaname = 'tenancy'")
            .fetch_one(&mut database.superuser().await)
            .await
            .unwrap();
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn one_tenant_on_every_host_is_found_by_its_schema() {
    let database = TestDatabase::new().await;
    for (slug, schema) in [("foo", "tenant9"), ("tenant9", "other9")] {
        let words = ["tenant", "create", slug, "--schema", schema, "--name", slug];
        assert!(say(&database, &words).await.status.success());
    }
    let serve = |schema: &str| {
        let mut command = on(&database, saas());
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env("ENABLE_MULTI_TENANCY", "False")
            .env("DEFAULT_TENANT_SCHEMA", schema);
        command
    };
    let server = Server::start(&mut serve("tenant9")).await;
    let page = server
        .request(reqwest::Method::GET, "any.example", "/")
        .send()
        .await
        .unwrap();
    assert!(page.text().await.unwrap().contains("<title>foo</title>"));
    let refused = run(&mut serve("nobody")).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("DEFAULT_TENANT_SCHEMA"),
        "{}",
        stderr(&refused)
    );
}

#[tokio::test]
async fn help_has_examples_and_wrong_words_end_with_2() {
    for words in [
        &["--help"][..],
        &["tenant", "create", "--help"],
        &["create_tenant", "--help"],
        &["migrate", "--help"],
    ] {
        let help = run(saas().args(words)).await;
        assert!(help.status.success());
        assert!(
            stdout(&help).contains("Examples:"),
            "{words:?}: {}",
            stdout(&help)
        );
    }
    let wrong = run(saas().arg("migrat")).await;
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        stderr(&wrong).contains("migrate"),
        "no suggestion: {}",
        stderr(&wrong)
    );
    let shell = run(saas().args(["completions", "bash"])).await;
    assert!(stdout(&shell).contains("create_tenant"));
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named_and_nothing_starts() {
    let refused = run(saas()
        .arg("serve")
        .env("LISTEN", "nowhere")
        .env("ALLOWED_HOSTS", "*"))
    .await;
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    assert!(
        said.contains("LISTEN") && said.contains("ALLOWED_HOSTS"),
        "{said}"
    );
}

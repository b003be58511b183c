//! Results on standard output, everything else on standard error, and an honest exit code.

use super::support::{Installation, tenancy};

#[tokio::test]
async fn with_json_standard_output_is_one_document_and_nothing_else() {
    let saas = Installation::new().await;
    let acme = saas.json(&["tenant", "create", "acme", "--domain", "acme.example"]);
    assert_eq!(acme["tenant"]["slug"], "acme");
    for words in [
        &["tenant", "list"][..],
        &["tenant", "show", "acme"],
        &["domain", "add", "acme", "shop.example"],
        &["domain", "list", "acme"],
        &["migrate"],
        &["migrate", "run", "--tenant", "acme"],
        &["migrate", "status"],
        &["migrate_schemas", "--list"],
        &["migrate", "plan"],
        &["migrate", "drift"],
        &["migrate", "runs"],
        &["tenant", "history", "acme"],
        &["tenant", "repair", "--dry-run"],
        &["run", "domain", "list", "--all"],
        &["tenant", "suspend", "acme"],
        &["tenant", "resume", "acme"],
        &["jobs", "list"],
        &["jobs", "retry", "--all"],
        &["jobs", "cancel", "--tenant", "acme"],
        &["jobs", "purge", "--older-than", "1d"],
        &["doctor"],
    ] {
        let ended = saas.run(&[words, &["--json"]].concat());
        ended.document();
        assert!(!ended.stdout.contains('\u{1b}'), "{words:?}: {ended:?}");
    }
    let refused = saas.run(&["tenant", "show", "nobody", "--json"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let message = refused.document()["error"]["message"].clone();
    assert!(message.as_str().unwrap().contains("nobody"), "{message}");
    saas.drop_all().await;
}

#[tokio::test]
async fn without_a_terminal_there_is_a_line_for_each_tenant_and_no_escape() {
    let saas = Installation::new().await;
    for slug in ["acme", "globex"] {
        saas.done(&["tenant", "create", slug]);
    }
    saas.add("2_tags", "ALTER TABLE blogs ADD COLUMN tags text;");
    let ended = saas.done(&["migrate", "run"]);
    for slug in ["acme", "globex"] {
        let line = ended.stderr.lines().find(|line| line.contains(slug));
        assert!(line.is_some_and(|line| line.contains('2')), "{ended:?}");
    }
    let all = [ended.stdout, ended.stderr].concat();
    assert!(!all.contains('\u{1b}') && !all.contains('\r'), "{all:?}");
    saas.drop_all().await;
}

#[tokio::test]
async fn the_exit_code_says_what_came_of_it() {
    let saas = Installation::new().await;
    saas.done(&["tenant", "create", "acme"]);
    saas.done(&["tenant", "create", "globex"]);
    saas.done(&["migrate", "status", "--check"]);

    saas.add("2_unique", "CREATE UNIQUE INDEX ON blogs (title);");
    assert_eq!(saas.run(&["migrate", "status", "--check"]).code, Some(4));
    assert_eq!(saas.run(&["migrate_schemas", "--check"]).code, Some(4));
    saas.done(&["migrate", "status"]);

    let rows = "INSERT INTO acme.blogs (title) VALUES ('a'), ('a')";
    sqlx::query(rows)
        .execute(&mut saas.superuser().await)
        .await
        .unwrap();
    let ended = saas.run(&["migrate", "run"]);
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("acme"), "{ended:?}");
    assert!(ended.stdout.contains("23505"), "{ended:?}");
    let ended = saas.run(&["migrate", "run", "--tenant", "acme", "--json"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    ended.document();

    assert_eq!(saas.run(&["migrate", "run", "--nonsense"]).code, Some(2));
    assert_eq!(saas.run(&["tenant", "purge", "acme"]).code, Some(6));
    let unconfirmed = saas.run(&["tenant", "purge", "acme", "--confirm", "globex"]);
    assert_eq!(unconfirmed.code, Some(6), "{unconfirmed:?}");
    let wrong = ["delete_tenant", "-s", "acme", "--purge", "--confirm", "nix"];
    assert_eq!(saas.run(&wrong).code, Some(6));
    assert_eq!(saas.count("SELECT count(*) FROM acme.blogs").await, 2);
    saas.drop_all().await;
}

#[tokio::test]
async fn the_last_run_is_never_one_that_prepared_the_framework() {
    let saas = Installation::new().await;
    saas.done(&["tenant", "create", "acme"]);
    let none = saas.run(&["migrate", "undo", "--run", "last"]);
    assert_eq!(none.code, Some(1), "{none:?}");
    assert!(none.stderr.contains("no run can be taken back"), "{none:?}");

    saas.add("2_tags.up", "ALTER TABLE blogs ADD COLUMN tags text;");
    saas.add("2_tags.down", "ALTER TABLE blogs DROP COLUMN tags;");
    saas.done(&["migrate"]);
    let unconfirmed = saas.run(&["migrate", "undo", "--run", "last"]);
    assert_eq!(unconfirmed.code, Some(6), "{unconfirmed:?}");
    let plan = saas.json(&["migrate", "undo", "--run", "last", "--dry-run"]);
    assert_eq!(plan["undo"]["tenants"][0]["slug"], "acme");
    assert_eq!(plan["undo"]["framework"], serde_json::json!([]));
    saas.done(&["migrate", "undo", "--run", "last", "--confirm"]);
    saas.drop_all().await;
}

#[tokio::test]
async fn a_command_without_its_tenant_is_refused_in_the_form_that_is_asked_for() {
    let saas = Installation::new().await;
    for words in [&["create_tenant"][..], &["tenant_command", "migrate"]] {
        let refused = saas.run(&[words, &["--json"]].concat());
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.document()["error"]["message"].is_string());
        let refused = saas.run(words);
        assert!(refused.stderr.contains("--schema"), "{refused:?}");
    }
    saas.drop_all().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    let mut command = tenancy();
    command
        .env("DATABASE_URL", "postgres://app:hunter2@127.0.0.1:1/none")
        .args(["tenant", "list", "--migrations"])
        .arg(tempfile::tempdir().unwrap().path());
    let ended = super::support::Ended::of(command.output().unwrap());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, "");
    assert!(!ended.stderr.contains("hunter2"), "{ended:?}");
}

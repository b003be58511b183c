//! `migrate` as it is typed: what it does, and how it ends.

#![cfg(feature = "cli")]

use clap::Parser;
use tenancy_sqlx::cli::{Exit, FleetCommand, Output};
use tenancy_sqlx::{Fleet, Migration, MigrationSet, Migrations};

use crate::support::*;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: FleetCommand,
}

async fn typed(fleet: &Fleet, words: &str) -> Result<Exit, tenancy_sqlx::Error> {
    let words = std::iter::once("tenancy").chain(words.split(' '));
    let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{error}"));
    if let Some(exit) = cli.command.without_database::<Cli>(&cli.output) {
        return Ok(exit);
    }
    cli.command.run(fleet, &cli.output).await
}

fn steps(count: usize) -> MigrationSet {
    let all = [
        Migration::new(1, "notes", NOTES).with_down("DROP TABLE notes"),
        Migration::new(2, "more", "ALTER TABLE notes ADD more int")
            .with_down("ALTER TABLE notes DROP more"),
    ];
    MigrationSet::new(all.into_iter().take(count)).unwrap()
}

#[tokio::test]
async fn every_word_ends_as_it_says() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, steps(1)).await;
    for name in ["aa", "bb", "cc"] {
        create(&old, name).await;
    }
    let mut superuser = database.superuser().await;
    run(&mut superuser, "ALTER TABLE aa.notes ADD more text").await;
    let new = fleet(&database, steps(2)).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let exit = async |words: &str| typed(&new, words).await.unwrap();

    assert_eq!(exit("migrate plan").await, Exit::Done);
    assert_eq!(
        exit("migrate plan --check --exclude aa --json").await,
        Exit::Pending
    );
    assert_eq!(
        exit("migrate run --dry-run --status active").await,
        Exit::Done
    );
    assert_eq!(exit("migrate status --check").await, Exit::Pending);
    let canary = format!(
        "migrate run --canary 1 --wave 50% --report {}",
        file.display()
    );
    assert_eq!(exit(&canary).await, Exit::SomeFailed);
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(report["kind"], "migrate");
    assert_eq!(report["tenants"][0]["outcome"], "failed");
    assert_eq!(report["tenants"][2]["outcome"], "not_reached");
    assert_eq!(exit("migrate run --mark-applied --to 2").await, Exit::Usage);
    assert_eq!(
        exit("migrate run --mark-applied --to 2 --tenant aa").await,
        Exit::Done
    );
    let pace = "--jobs 2 --batch 5 --lock-timeout 500ms --attempts 2 --fail-fast";
    assert_eq!(exit(&format!("migrate --all {pace}")).await, Exit::Done);
    assert_eq!(exit("migrate plan --check").await, Exit::Done);
    assert_eq!(exit("migrate runs --json").await, Exit::Done);
    assert_eq!(exit("migrate lint").await, Exit::Done);

    assert_eq!(exit("migrate undo --run last --dry-run").await, Exit::Done);
    assert_eq!(
        exit("migrate undo --run last --json").await,
        Exit::NotConfirmed
    );
    assert_eq!(exit("migrate undo --run last --confirm").await, Exit::Done);
    let more = "pg_attribute WHERE attname = 'more' AND attrelid::regclass::text ~ '^(bb|cc)' \
                AND NOT attisdropped";
    assert_eq!(count(&mut superuser, more).await, 0);
    let run = new.runs(2).await.unwrap().pop().unwrap().id;
    assert_eq!(
        exit(&format!("migrate undo --run {run} --confirm")).await,
        Exit::Done
    );
    typed(&new, "migrate run --tenant nobody")
        .await
        .unwrap_err();
    typed(&new, "migrate plan --exclude nobody")
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_lint_needs_no_database_when_there_is_a_folder_and_fails_on_errors() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, steps(1)).await;
    let folder = tempfile::tempdir().unwrap();
    let tenant = folder.path().join("tenant");
    std::fs::create_dir(&tenant).unwrap();
    std::fs::write(
        tenant.join("1_view.sql"),
        "CREATE VIEW v AS SELECT * FROM a",
    )
    .unwrap();
    let words = format!("migrate lint --dir {}", folder.path().display());
    let cli = Cli::parse_from(std::iter::once("tenancy").chain(words.split(' ')));
    let exit = cli.command.without_database::<Cli>(&cli.output);
    assert_eq!(exit, Some(Exit::Failed));
    assert_eq!(Migrations::read(folder.path()).unwrap().lint().len(), 2);
    let nowhere = typed(&fleet, "migrate lint --dir no/such/folder")
        .await
        .unwrap();
    assert_eq!(nowhere, Exit::Done);
}

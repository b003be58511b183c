//! The commands that carry a tenant away and bring one back.

use clap::Parser as _;
use tenancy_core::Slug;
use tenancy_sqlx::cli::{Exit, FleetCommand, Output};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{Error, Fleet, NewTenant};

use crate::support::{BLOGS, fleet};

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    output: Output,
    #[command(subcommand)]
    command: FleetCommand,
}

async fn tenancy(fleet: &Fleet, words: &[&str]) -> Result<Exit, Error> {
    let cli = Cli::try_parse_from([&["tenancy", "tenant"], words].concat()).unwrap();
    cli.command.run(fleet, &cli.output).await
}

#[tokio::test]
async fn a_tenant_goes_into_a_file_and_comes_back_by_commands() {
    let test = TestDatabase::new().await;
    let fleet = fleet(&test, &[BLOGS]).await;
    fleet.prepare().await.unwrap();
    let acme = NewTenant::new(Slug::parse("acme").unwrap());
    fleet.create(acme, |_| {}).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acme.tar");
    let file = path.to_str().unwrap();

    let export = ["export", "acme", file];
    assert_eq!(tenancy(&fleet, &export).await.unwrap(), Exit::Done);
    assert_eq!(tenancy(&fleet, &export).await.unwrap(), Exit::Usage);
    let force = ["export", "acme", file, "--force", "--json"];
    assert_eq!(tenancy(&fleet, &force).await.unwrap(), Exit::Done);
    let inspect = ["inspect", file];
    assert_eq!(tenancy(&fleet, &inspect).await.unwrap(), Exit::Done);
    let import = ["import", file, "--as", "copy", "--domain", "copy.example"];
    assert_eq!(tenancy(&fleet, &import).await.unwrap(), Exit::Done);
    let restore = ["restore", file, "--as", "old", "--schema", "old_1"];
    assert_eq!(tenancy(&fleet, &restore).await.unwrap(), Exit::Done);
    assert_eq!(fleet.tenants().await.unwrap().len(), 3);

    let stdin = ["import", "-", "--as", "third"];
    assert_eq!(tenancy(&fleet, &stdin).await.unwrap(), Exit::Usage);
    let sql = folder.path().join("acme.sql");
    let dump = ["export", "acme", sql.to_str().unwrap(), "--format", "sql"];
    assert_eq!(tenancy(&fleet, &dump).await.unwrap(), Exit::Done);
    assert!(std::fs::read_to_string(&sql).unwrap().contains("COPY"));
    // Nothing half is left beside them.
    let nobody = folder.path().join("nobody.tar");
    let nobody = ["export", "nobody", nobody.to_str().unwrap()];
    assert!(tenancy(&fleet, &nobody).await.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn a_schema_is_adopted_by_a_command_that_can_be_tried() {
    let test = TestDatabase::new().await;
    let fleet = fleet(&test, &[BLOGS]).await;
    fleet.prepare().await.unwrap();
    let mut superuser = test.superuser().await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "SET ROLE {}; CREATE SCHEMA \"Acme\"; SET search_path TO \"Acme\"; {BLOGS}",
        test.owner_options().get_username()
    )))
    .execute(&mut superuser)
    .await
    .unwrap();
    let adopt = ["adopt", "acme", "--from-schema", "Acme", "--to", "1"];
    let dry = [&adopt[..], &["--dry-run"]].concat();
    assert_eq!(tenancy(&fleet, &dry).await.unwrap(), Exit::Done);
    assert!(fleet.tenants().await.unwrap().is_empty());
    assert_eq!(tenancy(&fleet, &adopt).await.unwrap(), Exit::Done);
    assert_eq!(fleet.tenants().await.unwrap().len(), 1);
}

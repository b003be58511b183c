//! A tenant with more tables than one transaction can drop goes all the same.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _};
use tenancy_core::{Identifier, Status};
use tenancy_sqlx::embedded::{EmbeddedOptions, EmbeddedPg};
use tenancy_sqlx::{Fleet, MigrationSet, Migrations};

use crate::crash::{Crash, Last};
use crate::support::*;

/// Fills the schema of `acme`; as many tables as a server with default settings can make at once.
async fn fill(owner: PgConnectOptions, tables: usize) {
    let mut owner = owner.connect().await.unwrap();
    for from in (0..tables).step_by(250) {
        let to = (from + 250).min(tables) - 1;
        let sql = format!(
            "DO $$ BEGIN FOR n IN {from}..{to} LOOP
                EXECUTE format('CREATE TABLE acme.t%s (id bigint GENERATED ALWAYS AS IDENTITY
                    PRIMARY KEY, note text)', n);
            END LOOP; END $$"
        );
        run(&mut owner, &sql).await;
    }
}

#[tokio::test]
async fn three_thousand_tables_are_dropped_on_a_server_with_default_settings() {
    const TABLES: usize = 3000;
    #[cfg(sabotage)]
    tenancy_core::testing::sabotage();
    let options = EmbeddedOptions::temporary().locks_per_transaction(64);
    let server = EmbeddedPg::start(options).await.unwrap();
    let login = server.app_options().get_username().to_owned();
    let migrations = Migrations {
        shared: MigrationSet::default(),
        tenant: set([NOTES]),
    };
    let connect = async |options| {
        let fleet = Fleet::connect(options, Some(login.clone()), migrations.clone());
        fleet.await.unwrap()
    };
    let fleet = connect(server.owner_options()).await;
    fleet.prepare().await.unwrap();
    let acme = create(&fleet, "acme").await;
    let mut superuser = server.superuser_options().connect().await.unwrap();
    let locks: String = sqlx::query_scalar("SHOW max_locks_per_transaction")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(locks, "64");
    fill(server.owner_options(), TABLES).await;
    let at_once = "BEGIN; DROP SCHEMA acme CASCADE";
    let error = sqlx::raw_sql(at_once).execute(&mut superuser).await;
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("out of shared memory")
    );
    run(&mut superuser, "ROLLBACK").await;
    fleet.archive(acme.slug(), None).await.unwrap();

    // Killed in the midst of it, it goes on where it was.
    let crash = Crash::at(&server.owner_options(), 45, Last::Unanswered);
    let dying = connect(crash.options()).await;
    dying.purge(acme.slug(), acme.slug()).await.unwrap_err();
    eventually("the end of every lock", async || {
        (count(&mut superuser, LOCKS).await == 0).then_some(())
    })
    .await;
    let left = count(&mut superuser, "pg_tables WHERE schemaname = 'acme'").await;
    assert!(left > 0 && left < 3001, "{left}");
    let found = fleet.tenant(acme.slug()).await.unwrap().unwrap();
    assert_eq!(found.status(), Status::Archived);

    let purged = fleet.purge(acme.slug(), acme.slug()).await.unwrap();
    assert_eq!(purged.status(), Status::Purged);
    let id = Identifier::Id(acme.id());
    assert_eq!(fleet.residue(&id).await.unwrap(), []);
    let batches: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(
        "SELECT (detail ->> 'dropped')::bigint FROM tenancy.journal WHERE step = 'tables'",
    ))
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert!(batches.len() >= 15, "{batches:?}");
    assert!(batches.iter().all(|batch| *batch <= 200), "{batches:?}");
    drop(superuser);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_comes_to_depend_on_a_large_tenant_between_two_batches_is_not_dropped() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let acme = create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    fill(database.owner_options(), 500).await;
    // Partitions go before what they are parts of, and tables with keys to each other go, too.
    let mut owner = database.owner_options().connect().await.unwrap();
    run(
        &mut owner,
        "CREATE TABLE acme.parts (id int) PARTITION BY LIST (id);
         CREATE TABLE acme.part PARTITION OF acme.parts FOR VALUES IN (1);
         ALTER TABLE acme.t1 ADD FOREIGN KEY (id) REFERENCES acme.t499;
         ALTER TABLE acme.t499 ADD FOREIGN KEY (id) REFERENCES acme.t1;
         CREATE VIEW acme.seen AS SELECT a.id FROM acme.t2 a JOIN acme.t498 b USING (id)",
    )
    .await;
    fleet.archive(acme.slug(), None).await.unwrap();
    let mut late = database.superuser().await;
    run(
        &mut late,
        "BEGIN; CREATE VIEW public.late AS SELECT note FROM acme.t300",
    )
    .await;
    let purge = fleet.purge(acme.slug(), acme.slug());
    let commit = async {
        eventually("the wait for the table", async || {
            let waiting = "pg_locks WHERE relation = 'acme.t300'::regclass AND NOT granted";
            (count(&mut superuser, waiting).await == 1).then_some(())
        })
        .await;
        run(&mut late, "COMMIT").await;
    };
    let (purged, ()) = tokio::join!(purge, commit);
    let error = purged.unwrap_err();
    assert!(error.to_string().contains("view public.late"), "{error}");
    assert_eq!(count(&mut superuser, "public.late").await, 0);
    run(&mut superuser, "DROP VIEW public.late").await;
    fleet.purge(acme.slug(), acme.slug()).await.unwrap();
}

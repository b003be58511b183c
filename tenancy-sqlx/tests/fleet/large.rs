//! A tenant with more tables than one transaction can drop goes all the same.

use sqlx::AssertSqlSafe;
use tenancy_core::{Identifier, Status};

use crate::crash::{Crash, Last};
use crate::support::*;

/// Fills the schema of `acme`; as many tables as a server with default settings can make at once.
async fn fill(superuser: &mut sqlx::postgres::PgConnection, tables: usize) {
    for from in (0..tables).step_by(250) {
        let to = (from + 250).min(tables) - 1;
        let sql = format!(
            "DO $$ BEGIN FOR n IN {from}..{to} LOOP
                EXECUTE format('CREATE TABLE acme.t%s (id bigint GENERATED ALWAYS AS IDENTITY
                    PRIMARY KEY, note text)', n);
                EXECUTE format('ALTER TABLE acme.t%s OWNER TO tenancy_owner', n);
            END LOOP; END $$"
        );
        run(superuser, &sql).await;
    }
}

#[tokio::test]
async fn three_thousand_tables_are_dropped_on_a_server_with_default_settings() {
    const TABLES: usize = 3000;
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let acme = create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    let locks: String = sqlx::query_scalar("SHOW max_locks_per_transaction")
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    assert_eq!(locks, "64");
    fill(&mut superuser, TABLES).await;
    fleet.archive(acme.slug(), None).await.unwrap();

    // Killed in the midst of it, it goes on where it was.
    let crash = Crash::at(&database.owner_options(), 45, Last::Unanswered);
    let migrations = fleet.migrations().clone();
    let dying = tenancy_sqlx::Fleet::connect(crash.options(), Some(APP.to_owned()), migrations);
    dying
        .await
        .unwrap()
        .purge(acme.slug(), acme.slug())
        .await
        .unwrap_err();
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
}

#[tokio::test]
async fn what_comes_to_depend_on_a_large_tenant_between_two_batches_is_not_dropped() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let acme = create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    fill(&mut superuser, 500).await;
    // Partitions go before what they are parts of, and tables with keys to each other go, too.
    run(
        &mut superuser,
        "CREATE TABLE acme.parts (id int) PARTITION BY LIST (id);
         CREATE TABLE acme.part PARTITION OF acme.parts FOR VALUES IN (1);
         ALTER TABLE acme.t1 ADD FOREIGN KEY (id) REFERENCES acme.t499;
         ALTER TABLE acme.t499 ADD FOREIGN KEY (id) REFERENCES acme.t1;
         CREATE VIEW acme.seen AS SELECT a.id FROM acme.t2 a JOIN acme.t498 b USING (id);
         ALTER TABLE acme.parts OWNER TO tenancy_owner;
         ALTER TABLE acme.part OWNER TO tenancy_owner;
         ALTER VIEW acme.seen OWNER TO tenancy_owner",
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

//! Processes that serve one database, of which one that keeps something to itself must be alone.

use std::time::Duration;

use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{Announcement, Database, ErrorKind, Fleet, MigrationSet, Migrations, Presence};
use tokio::task::JoinSet;

/// Long enough that a process of these tests is not believed dead when the machine is busy.
const BEAT: Duration = Duration::from_millis(400);

async fn prepared(test: &TestDatabase) -> Database {
    let migrations = Migrations {
        shared: MigrationSet::new([]).unwrap(),
        tenant: MigrationSet::new([]).unwrap(),
    };
    let app = crate::topology::through(test.app_options());
    let login = Some(app.get_username().to_owned());
    let fleet = Fleet::connect(test.owner_options(), login, migrations);
    fleet.await.unwrap().prepare().await.unwrap();
    Database::connect(app, crate::server::settings())
        .await
        .unwrap()
}

fn named(name: &str) -> Announcement {
    Announcement::new(name).beat(BEAT)
}

async fn refused(announcement: Announcement, database: &Database) -> String {
    let error = announcement.serve(database).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    error.to_string()
}

async fn served(announcement: Announcement, database: &Database) -> Presence {
    announcement.serve(database).await.unwrap()
}

#[tokio::test]
async fn a_process_that_keeps_something_to_itself_serves_alone() {
    let test = TestDatabase::new().await;
    let database = prepared(&test).await;
    let first = served(named("first").keeps("cache").keeps("search"), &database).await;

    let error = refused(named("second").keeps("cache"), &database).await;
    assert!(error.contains("(first, since "), "{error}");
    let error = refused(named("third"), &database).await;
    assert!(
        error.contains("that one keeps its cache and search to itself"),
        "{error}"
    );

    // Whoever leaves makes way at once, and nobody who was refused left anything.
    first.leave().await;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM tenancy.processes")
        .fetch_one(&mut test.superuser().await)
        .await
        .unwrap();
    assert_eq!(count, 0);
    served(named("fourth").keeps("cache"), &database)
        .await
        .leave()
        .await;
}

#[tokio::test]
async fn processes_that_share_everything_serve_together_and_keep_out_who_does_not() {
    let test = TestDatabase::new().await;
    let database = prepared(&test).await;
    let first = served(named("first"), &database).await;
    let second = served(named("second"), &database).await;
    let error = refused(named("third").keeps("search"), &database).await;
    assert!(
        error.contains("this process keeps its search to itself"),
        "{error}"
    );
    first.leave().await;
    second.leave().await;
}

#[tokio::test]
async fn the_place_of_a_process_that_died_is_free_when_that_is_clear() {
    let test = TestDatabase::new().await;
    let database = prepared(&test).await;
    drop(served(named("killed").keeps("cache"), &database).await);
    served(named("next").keeps("cache"), &database)
        .await
        .leave()
        .await;
}

#[tokio::test]
async fn of_many_that_begin_at_once_at_most_one_serves() {
    let test = TestDatabase::new().await;
    let database = prepared(&test).await;
    let mut tasks = JoinSet::new();
    for number in 0..8 {
        let database = database.clone();
        tasks.spawn(async move {
            let announcement = named(&format!("process {number}")).keeps("cache");
            announcement.serve(&database).await
        });
    }
    let (mut serving, mut refused) = (Vec::new(), 0);
    while let Some(ended) = tasks.join_next().await {
        match ended.unwrap() {
            Ok(presence) => serving.push(presence),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                refused += 1;
            }
        }
    }
    assert!(serving.len() <= 1, "{serving:?}");
    assert_eq!(serving.len() + refused, 8);
}

#[tokio::test]
async fn a_process_that_was_taken_for_dead_learns_that_another_has_its_place() {
    let test = TestDatabase::new().await;
    let database = prepared(&test).await;
    let mut paused = served(named("paused").keeps("cache"), &database).await;
    sqlx::raw_sql(
        "DELETE FROM tenancy.processes;
         INSERT INTO tenancy.processes (id, name, keeps, serves, seen_at) VALUES
         (gen_random_uuid(), 'other', '{cache}', true, now() + interval '1 hour')",
    )
    .execute(&mut test.superuser().await)
    .await
    .unwrap();
    let error = paused.lost().await;
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("(other, since "), "{error}");

    // One that was taken for dead when nobody came instead goes on.
    sqlx::raw_sql("DELETE FROM tenancy.processes")
        .execute(&mut test.superuser().await)
        .await
        .unwrap();
    let lonely = served(named("lonely").keeps("cache"), &database).await;
    sqlx::raw_sql("DELETE FROM tenancy.processes")
        .execute(&mut test.superuser().await)
        .await
        .unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        // It says that it is there once more, now under another id.
        let back: Option<bool> = sqlx::query_scalar(
            "SELECT serves AND seen_at > started_at + interval '1 second' FROM tenancy.processes",
        )
        .fetch_optional(&mut test.superuser().await)
        .await
        .unwrap();
        if back == Some(true) {
            break;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "it did not come back"
        );
        tokio::time::sleep(BEAT / 8).await;
    }
    lonely.leave().await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM tenancy.processes")
        .fetch_one(&mut test.superuser().await)
        .await
        .unwrap();
    assert_eq!(left, 0, "whoever comes next would wait for it");
}

#[tokio::test]
async fn a_process_that_is_taken_for_dead_between_two_looks_is_told_so() {
    let test = TestDatabase::new().await;
    let database = prepared(&test).await;
    // Whoever enters finds it alive, and whoever looks a moment later finds it silent for too long.
    sqlx::raw_sql(
        "INSERT INTO tenancy.processes (id, name, keeps, serves)
         VALUES (gen_random_uuid(), 'paused', '{cache}', true);
         CREATE FUNCTION public.silence() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
         BEGIN
             UPDATE tenancy.processes SET seen_at = now() - interval '1 hour'
             WHERE name = 'paused';
             RETURN NULL;
         END $$;
         CREATE TRIGGER silence AFTER INSERT ON tenancy.processes
         FOR EACH ROW EXECUTE FUNCTION public.silence()",
    )
    .execute(&mut test.superuser().await)
    .await
    .unwrap();
    let next = served(named("next").keeps("cache"), &database).await;
    let paused = "UPDATE tenancy.processes SET seen_at = clock_timestamp() WHERE name = 'paused'";
    let beaten = sqlx::raw_sql(paused)
        .execute(&mut test.superuser().await)
        .await
        .unwrap();
    assert_eq!(
        beaten.rows_affected(),
        0,
        "it goes on beside whoever has its place"
    );
    next.leave().await;
}

//! A tenant is removed for good: everywhere, on confirmation, and nothing of others with it.

use std::time::Duration;

use sqlx::ConnectOptions;
use tenancy_core::{Status, Tenant};
use tenancy_sqlx::{ErrorKind, Fleet, NewTenant, Rename};

use crate::recorder::{recorded, slow};
use crate::support::*;

async fn archived(fleet: &Fleet, name: &str) -> Tenant {
    let new = NewTenant::new(slug(name)).domain(domain(&format!("{name}.example")));
    fleet.create(new, |_| {}).await.unwrap();
    fleet.archive(&slug(name), None).await.unwrap()
}

#[tokio::test]
async fn nothing_of_a_purged_tenant_is_left_but_its_record_and_everything_of_others() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES, TAGS])).await);
    let other = create(&fleet, "other").await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;

    let tenant = archived(&fleet, "acme").await;
    let mut app = database.app_options().connect().await.unwrap();
    for id in [tenant.id(), other.id()] {
        run(
            &mut app,
            &format!(
                "INSERT INTO tenancy.outbox (id, tenant_id, topic, key, payload) \
                 VALUES (gen_random_uuid(), '{id}', 'notes', '1', '{{}}'); \
                 INSERT INTO tenancy.audit (id, tenant_id, actor, action, target, detail) \
                 VALUES (gen_random_uuid(), '{id}', 'ann', 'edit', 'note 1', '{{}}'); \
                 INSERT INTO tenancy.outbox_leases (consumer, tenant_id, fence) \
                 VALUES ('search', '{id}', nextval('tenancy.outbox_fence'))"
            ),
        )
        .await;
    }
    journal.take();
    let purged = fleet.purge(&slug("acme"), &slug("acme")).await.unwrap();
    assert_eq!(
        (purged.id(), purged.status()),
        (tenant.id(), Status::Purged)
    );
    assert_eq!(
        journal.take(),
        [
            "purge search archived",
            "purge files archived",
            "residue search archived",
            "residue files archived"
        ]
    );
    assert_eq!(fleet.tenant(&slug("acme")).await.unwrap(), None);
    let record = format!("DELETE FROM tenancy.tenants WHERE id = '{}'", tenant.id());
    run(&mut superuser, &record).await;
    assert_eq!(traces(&mut superuser).await, before);
    for table in ["tenancy.outbox", "tenancy.outbox_leases", "tenancy.audit"] {
        let theirs = format!("{table} WHERE tenant_id = '{}'", other.id());
        assert_eq!(count(&mut superuser, &theirs).await, 1);
        assert_eq!(count(&mut superuser, table).await, 1);
    }
    assert_eq!(count(&mut superuser, "tenancy.reserved_names").await, 3);

    let again = fleet.purge(&slug("acme"), &slug("acme")).await;
    let not_found = ErrorKind::Core(tenancy_core::ErrorKind::NotFound);
    assert_eq!(again.unwrap_err().kind(), not_found);
}

#[tokio::test]
async fn a_purge_takes_the_slug_typed_again_and_a_tenant_that_was_archived_first() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    create(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;

    let error = fleet.purge(&slug("acme"), &slug("acne")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    let error = fleet.purge(&slug("acme"), &slug("acme")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(
        error.to_string(),
        "purging tenant acme: it is active: archive it first (`tenant archive acme`)"
    );
    assert!(journal.take().is_empty());
    assert_eq!(traces(&mut superuser).await, before);

    for status in ["archived", "provisioning"] {
        let put = format!("UPDATE tenancy.tenants SET status = '{status}' WHERE status = 'active'");
        run(&mut superuser, &put).await;
        fleet.purge(&slug("acme"), &slug("acme")).await.unwrap();
        run(&mut superuser, "DELETE FROM tenancy.reserved_names").await;
        create(&fleet, "acme").await;
    }
}

#[tokio::test]
async fn a_resource_that_fails_or_keeps_something_is_named_and_the_purge_is_repeated() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    archived(&fleet, "acme").await;
    let purge = async || fleet.purge(&slug("acme"), &slug("acme")).await;
    let mut superuser = database.superuser().await;

    journal.fail(&["purge files"]);
    let error = purge().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("resource files: the engine is down"),
        "{error}"
    );
    journal.fail(&[]);
    journal.leave(&["index acme-1", "index acme-2"]);
    let error = purge().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(
        error.to_string(),
        "purging tenant acme: resource search still has index acme-1, index acme-2: remove it and \
         run the same again"
    );
    // Nothing was dropped, and half removed it cannot serve again.
    assert_eq!(count(&mut superuser, "acme.notes").await, 0);
    assert_eq!(
        fleet.resume(&slug("acme")).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    journal.leave(&[]);
    purge().await.unwrap();
}

#[tokio::test]
async fn a_purge_that_was_cut_off_is_completed_by_the_same_words() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    archived(&fleet, "acme").await;
    let mut stray = database.superuser().await;
    run(&mut stray, "BEGIN; LOCK TABLE acme.notes").await;
    let mut superuser = database.superuser().await;
    {
        let purge = fleet.purge(&SLUG, &SLUG);
        tokio::select! {
            purged = purge => panic!("it was to be dropped: {purged:?}"),
            () = eventually("the wait for the table", async || {
                let waiting = "pg_locks WHERE relation = 'acme.notes'::regclass AND NOT granted";
                (count(&mut superuser, waiting).await == 1).then_some(())
            }) => {}
        }
    }
    run(&mut stray, "ROLLBACK").await;
    eventually("the end of every lock", async || {
        (count(&mut superuser, LOCKS).await == 0).then_some(())
    })
    .await;
    let tenant = fleet.tenant(&SLUG).await.unwrap().unwrap();
    assert_eq!(tenant.status(), Status::Archived);
    assert_eq!(count(&mut superuser, "acme.notes").await, 0);

    // Whatever went by hand meanwhile is no obstacle.
    run(&mut superuser, "DROP SCHEMA acme CASCADE").await;
    fleet.purge(&SLUG, &SLUG).await.unwrap();
}

static SLUG: std::sync::LazyLock<tenancy_core::Slug> = std::sync::LazyLock::new(|| slug("acme"));

#[tokio::test]
async fn whatever_outside_depends_on_the_schema_is_named_and_nothing_is_dropped() {
    const ENTRIES: &str = "CREATE TABLE entries (
        id int PRIMARY KEY, note text DEFAULT 'x', kind text CHECK (kind <> ''));
        CREATE SEQUENCE numbers; DO $$ BEGIN CREATE TYPE mood AS ENUM ('good'); END $$;
        CREATE VIEW own AS SELECT id FROM entries; CREATE INDEX ON entries (note);
        CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2';
        CREATE TABLE parts (id int, user_id bigint REFERENCES public.users) PARTITION BY LIST (id);
        CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
        CREATE TRIGGER t BEFORE UPDATE ON entries FOR EACH ROW
            EXECUTE FUNCTION suppress_redundant_updates_trigger();
        CREATE STATISTICS s ON id, note FROM entries";
    let database = TestDatabase::new().await;
    let shared = set(["CREATE TABLE users (id bigint PRIMARY KEY)"]);
    let fleet = unprepared(&database, shared, set([ENTRIES])).await;
    fleet.prepare().await.unwrap();
    let (fleet, journal) = recorded(fleet);
    archived(&fleet, "acme").await;
    create(&fleet, "other").await;
    journal.take();
    let mut superuser = database.superuser().await;
    for (make, drop, named) in [
        (
            "CREATE VIEW public.report AS SELECT note FROM acme.entries",
            "DROP VIEW public.report",
            "view public.report",
        ),
        (
            "CREATE TABLE public.orders (id int REFERENCES acme.entries)",
            "DROP TABLE public.orders",
            "table constraint orders_id_fkey on public.orders",
        ),
        (
            "ALTER TABLE other.entries ADD number int DEFAULT nextval('acme.numbers')",
            "ALTER TABLE other.entries DROP number",
            "default value for other.entries.number",
        ),
        (
            "ALTER TABLE other.entries ADD mood acme.mood",
            "ALTER TABLE other.entries DROP mood",
            "table column other.entries.mood",
        ),
        (
            "CREATE TABLE public.child () INHERITS (acme.entries)",
            "DROP TABLE public.child",
            "table public.child",
        ),
        (
            "CREATE FUNCTION public.f(acme.mood) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "DROP FUNCTION public.f",
            "function public.f(acme.mood)",
        ),
        (
            "CREATE INDEX doubled ON other.entries (id) WHERE acme.twice(1) = 2",
            "DROP INDEX other.doubled",
            "index other.doubled",
        ),
    ] {
        // An index takes only functions that promise to answer the same.
        run(&mut superuser, "ALTER FUNCTION acme.twice IMMUTABLE").await;
        run(&mut superuser, make).await;
        let before = traces(&mut superuser).await;
        let error = fleet.purge(&SLUG, &SLUG).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(
            error.to_string().contains(&format!(
                "1 object outside schema acme would be dropped with it ({named}): "
            )),
            "{make}: {error}"
        );
        assert_eq!(traces(&mut superuser).await, before, "{make}");
        assert!(journal.take().is_empty(), "{make}");
        run(&mut superuser, drop).await;
    }
    // What is inside, what it needs of others, and its own foreign keys are no obstacle.
    fleet.purge(&SLUG, &SLUG).await.unwrap();
    assert_eq!(count(&mut superuser, "public.users").await, 0);
    assert_eq!(count(&mut superuser, "other.entries").await, 0);
}

#[tokio::test]
async fn what_comes_to_depend_on_a_table_during_a_purge_is_not_dropped_either() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    archived(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    // Nothing depends on the table yet when the purge begins, and something does at its end.
    journal.leave(&["something"]);
    fleet.purge(&SLUG, &SLUG).await.unwrap_err();
    let view = "CREATE VIEW public.late AS SELECT title FROM acme.notes";
    let mut late = database.superuser().await;
    run(&mut late, &format!("BEGIN; {view}")).await;
    journal.leave(&[]);
    let purge = fleet.purge(&SLUG, &SLUG);
    let commit = async {
        eventually("the wait for the table", async || {
            let waiting = "pg_locks WHERE relation = 'acme.notes'::regclass AND NOT granted";
            (count(&mut superuser, waiting).await == 1).then_some(())
        })
        .await;
        run(&mut late, "COMMIT").await;
    };
    let (purged, ()) = tokio::join!(purge, commit);
    let error = purged.unwrap_err();
    assert!(error.to_string().contains("view public.late"), "{error}");
    assert_eq!(count(&mut superuser, "public.late").await, 0);
}

#[tokio::test]
async fn a_tenant_whose_resources_are_being_made_is_not_purged_under_them() {
    let database = TestDatabase::new().await;
    let (fleet, journal, turn) = slow(fleet(&database, set([NOTES])).await);
    let mut superuser = database.superuser().await;
    let create = fleet.create(NewTenant::new(slug("acme")), |_| {});
    let purge = async {
        eventually("the tenant's record", async || {
            (count(&mut superuser, "tenancy.tenants").await == 1).then_some(())
        })
        .await;
        let purge = fleet.purge(&SLUG, &SLUG);
        let release = async {
            eventually("the wait for the creation", async || {
                let waiting = format!("{LOCKS} WHERE NOT granted");
                (count(&mut superuser, &waiting).await == 1).then_some(())
            })
            .await;
            turn.add_permits(1);
        };
        tokio::join!(purge, release).0
    };
    let (created, purged) = tokio::join!(create, purge);
    assert_eq!(created.unwrap().status(), Status::Active);
    assert!(purged.unwrap_err().to_string().contains("it is active"));
    assert_eq!(journal.take(), ["provision slow provisioning"]);
}

#[tokio::test]
async fn names_of_a_purged_tenant_are_nobodys_until_their_reservation_ends() {
    let database = TestDatabase::new().await;
    let plain = fleet(&database, set([NOTES])).await;
    let fleet = plain.clone().name_reservation(Duration::from_hours(1));
    archived(&fleet, "acme").await;
    fleet.purge(&SLUG, &SLUG).await.unwrap();
    let other = create(&fleet, "other").await;
    let wants = [
        NewTenant::new(slug("acme")).schema(schema("free")),
        NewTenant::new(slug("free")).schema(schema("acme")),
        NewTenant::new(slug("free")).domain(domain("acme.example")),
    ];
    for new in wants {
        let error = fleet.create(new, |_| {}).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains("still reserved"), "{error}");
    }
    for to in [
        Rename::to(slug("acme")).schema(schema("other")),
        Rename::to(slug("other")).schema(schema("acme")),
    ] {
        let error = fleet.rename(other.slug(), to).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    }

    // With another span the names are free once that has passed, and the old rows go.
    let mut superuser = database.superuser().await;
    run(&mut superuser, "DELETE FROM tenancy.reserved_names").await;
    let brief = plain.name_reservation(Duration::from_millis(300));
    archived(&brief, "acme").await;
    brief.purge(&SLUG, &SLUG).await.unwrap();
    assert_eq!(count(&mut superuser, "tenancy.reserved_names").await, 3);
    let again = eventually("the end of the reservation", async || {
        let new = NewTenant::new(slug("acme")).domain(domain("acme.example"));
        match brief.create(new, |_| {}).await {
            Ok(tenant) => Some(tenant),
            Err(error) => {
                assert!(error.to_string().contains("still reserved"), "{error}");
                None
            }
        }
    })
    .await;
    assert_eq!(again.status(), Status::Active);
    brief.archive(&slug("other"), None).await.unwrap();
    brief.purge(&slug("other"), &slug("other")).await.unwrap();
    assert_eq!(count(&mut superuser, "tenancy.reserved_names").await, 2);
}

#[tokio::test]
async fn a_purge_waits_until_nobody_tells_the_tenants_messages() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let tenant = archived(&fleet, "acme").await;
    let mut superuser = database.superuser().await;
    let lease = format!(
        "INSERT INTO tenancy.outbox_leases (consumer, tenant_id, fence, held_until) \
         VALUES ('search', '{}', 1, clock_timestamp() + interval '2 s'); \
         CREATE TABLE public.ends AS SELECT held_until FROM tenancy.outbox_leases",
        tenant.id()
    );
    run(&mut superuser, &lease).await;
    fleet.purge(&slug("acme"), &slug("acme")).await.unwrap();
    let ended = "public.ends WHERE held_until <= clock_timestamp()";
    assert_eq!(count(&mut superuser, ended).await, 1);
    assert_eq!(count(&mut superuser, "tenancy.outbox_leases").await, 0);
}

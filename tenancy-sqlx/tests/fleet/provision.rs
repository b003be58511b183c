//! A tenant is created wholly or not at all.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::join_all;
use sqlx::ConnectOptions;
use tenancy_core::{Status, Tenant, TenantResource};
use tenancy_sqlx::{
    DomainRole, ErrorKind, Fleet, MigrationSet, NewTenant, ProvisionEvent, Rename, Selection,
};

use crate::support::*;

#[tokio::test]
async fn a_new_tenant_is_complete_and_the_application_reads_and_writes_but_cannot_reshape_it() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES, TAGS])).await;
    let mut events = Vec::new();
    let new = NewTenant::from_schema(schema("my_shop"))
        .name("My 'shop'")
        .description("sells $1 things")
        .domain(domain("shop.example.com"))
        .domain(domain("alias.example.com"));
    let tenant = fleet.create(new, |event| events.push(event)).await.unwrap();

    assert_eq!(tenant.slug().as_str(), "my-shop");
    assert_eq!(tenant.status(), Status::Active);
    assert_eq!(
        fleet.tenant(&slug("my-shop")).await.unwrap(),
        Some(tenant.clone())
    );
    assert_eq!(
        fleet.tenants().await.unwrap(),
        std::slice::from_ref(&tenant)
    );
    let domains = fleet.domains(tenant.id()).await.unwrap();
    let names: Vec<_> = domains
        .iter()
        .map(|d| (d.domain.as_str(), d.is_primary))
        .collect();
    assert_eq!(
        names,
        [("shop.example.com", true), ("alias.example.com", false)]
    );
    assert_eq!(
        events,
        [
            ProvisionEvent::Reserved,
            ProvisionEvent::Migrated {
                versions: vec![1, 2]
            },
            ProvisionEvent::Committed,
            ProvisionEvent::Active
        ]
    );
    assert!(fleet.status().await.unwrap().is_at_head());

    let mut app = database.app_options().connect().await.unwrap();
    run(&mut app, "INSERT INTO my_shop.tags VALUES ('a')").await;
    run(
        &mut app,
        "INSERT INTO my_shop.notes (title, tag) VALUES ('x', 'a')",
    )
    .await;
    run(&mut app, "UPDATE my_shop.notes SET title = 'y'").await;
    assert_eq!(count(&mut app, "my_shop.notes WHERE title = 'y'").await, 1);
    run(&mut app, "DELETE FROM my_shop.notes").await;
    for forbidden in [
        "CREATE TABLE my_shop.other (a int)",
        "ALTER TABLE my_shop.notes ADD b int",
        "DROP TABLE my_shop.notes",
        "TRUNCATE my_shop.notes",
        "CREATE TABLE public.other (a int)",
        "UPDATE tenancy.tenants SET status = 'active'",
        "SELECT * FROM tenancy.migrations",
        "CREATE SCHEMA other",
    ] {
        let error = sqlx::raw_sql(forbidden)
            .execute(&mut app)
            .await
            .unwrap_err();
        let code = error
            .as_database_error()
            .unwrap()
            .code()
            .unwrap()
            .into_owned();
        assert_eq!(code, "42501", "{forbidden}");
    }
}

#[tokio::test]
async fn tables_of_later_migrations_are_open_to_the_application_too() {
    let database = TestDatabase::new().await;
    let first = fleet(&database, set([NOTES])).await;
    create(&first, "acme").await;
    let later = fleet(&database, set([NOTES, TAGS])).await;
    let report = later
        .migrate(Selection::all(), jobs(1), |_| {})
        .await
        .unwrap();
    assert_eq!(report.applied(), 1);
    let mut app = database.app_options().connect().await.unwrap();
    run(&mut app, "INSERT INTO acme.tags VALUES ('a')").await;
}

#[tokio::test]
async fn whatever_fails_inside_postgres_nothing_is_left() {
    let database = TestDatabase::new().await;
    fleet(&database, MigrationSet::default()).await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    for (third, says) in [
        (
            "CREATE TABLE broken (a nothing)",
            "migration 3_step.sql, line 1, column 24: ",
        ),
        (
            "SELECT 1;\nSELEC 2",
            "migration 3_step.sql, line 2, column 1: ",
        ),
        (
            "SELECT 1;\nDO $$ BEGIN RAISE 'no'; END $$",
            "migration 3_step.sql: no (P0001)",
        ),
        (
            "INSERT INTO tags VALUES ('a'), ('a')",
            "migration 3_step.sql: duplicate key",
        ),
        (
            "DO $$ BEGIN PERFORM set_config('search_path', 'public', true); END $$; \
             CREATE TABLE astray (a int)",
            "migration 3_step.sql: the path was left at public instead of acme",
        ),
        (
            "DO $$ BEGIN PERFORM set_config('search_path', 'public', false); END $$",
            "migration 3_step.sql: the path was left at public",
        ),
        (
            "DO $$ BEGIN COMMIT; END $$",
            "invalid transaction termination",
        ),
        (
            "DO $$ BEGIN DROP SCHEMA acme CASCADE; END $$",
            "migration 3_step.sql: the path was left at extensions",
        ),
    ] {
        let fleet = fleet(&database, set([NOTES, TAGS, third])).await;
        let new = NewTenant::new(slug("acme")).domain(domain("a.example"));
        let error = fleet.create(new, |_| {}).await.unwrap_err();
        assert!(
            error.to_string().starts_with("creating tenant acme: "),
            "{error}"
        );
        assert!(error.to_string().contains(says), "{third}: {error}");
        assert_ne!(error.kind(), ErrorKind::Conflict, "{third}");
        assert_eq!(traces(&mut superuser).await, before, "{third}");
    }
}

#[tokio::test]
async fn a_create_that_is_dropped_leaves_nothing() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES, "SELECT pg_advisory_xact_lock(42)"])).await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    run(&mut superuser, "SELECT pg_advisory_lock(42)").await;
    tokio::select! {
        created = fleet.create(NewTenant::new(slug("acme")), |_| {}) => {
            panic!("it was to be dropped: {created:?}")
        }
        () = eventually("the script's start", async || {
            let waiting = format!("{LOCKS} WHERE NOT granted");
            (count(&mut superuser, &waiting).await == 1).then_some(())
        }) => {}
    }
    run(&mut superuser, "SELECT pg_advisory_unlock(42)").await;
    eventually("the end of the lock", async || {
        (traces(&mut superuser).await == before).then_some(())
    })
    .await;
    create_again(&fleet).await;
}

async fn create_again(fleet: &Fleet) {
    assert_eq!(create(fleet, "acme").await.status(), Status::Active);
}

#[tokio::test]
async fn names_that_are_taken_are_conflicts_that_say_which() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let mut superuser = database.superuser().await;
    run(&mut superuser, "CREATE SCHEMA foreign_one").await;
    let acme = NewTenant::new(slug("acme")).domain(domain("acme.example"));
    fleet.create(acme, |_| {}).await.unwrap();
    let before = traces(&mut superuser).await;
    for (new, says) in [
        (
            NewTenant::new(slug("acme")).schema(schema("other")),
            "slug acme is taken",
        ),
        (
            NewTenant::new(slug("other")).schema(schema("acme")),
            "schema acme belongs to another tenant",
        ),
        (
            NewTenant::new(slug("other")).domain(domain("ACME.example")),
            "domain acme.example is taken",
        ),
        (
            NewTenant::new(slug("foreign-one")),
            "schema foreign_one exists in PostgreSQL",
        ),
    ] {
        let error = fleet.create(new, |_| {}).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    assert_eq!(traces(&mut superuser).await, before);
}

#[tokio::test]
async fn freed_names_are_refused_until_their_reservation_ends() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let mut superuser = database.superuser().await;
    for (kind, name) in [
        ("slug", "acme"),
        ("schema", "acme"),
        ("domain", "acme.example"),
    ] {
        run(
            &mut superuser,
            &format!(
                "DELETE FROM tenancy.reserved_names; INSERT INTO tenancy.reserved_names \
                 VALUES ('{kind}', '{name}', now() + interval '1 hour')"
            ),
        )
        .await;
        let new = NewTenant::new(slug("acme")).domain(domain("acme.example"));
        let error = fleet.create(new, |_| {}).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(
            error
                .to_string()
                .contains(&format!("{kind} {name} was freed")),
            "{error}"
        );
    }
    let other = create(&fleet, "other").await;
    let name = domain("acme.example");
    let taken = fleet.add_domain(other.slug(), &name, DomainRole::Alias);
    assert_eq!(taken.await.unwrap_err().kind(), ErrorKind::Conflict);
    run(
        &mut superuser,
        "UPDATE tenancy.reserved_names SET until = now() - interval '1 s'",
    )
    .await;
    let new = NewTenant::new(slug("acme")).domain(domain("acme.example"));
    fleet.create(new, |_| {}).await.unwrap();
}

#[tokio::test]
async fn of_twenty_who_want_one_slug_exactly_one_gets_it() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES, TAGS])).await;
    let results = join_all((0..20).map(|n| {
        let new = NewTenant::new(slug("acme")).domain(domain(&format!("d{n}.example")));
        fleet.create(new, |_| {})
    }))
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 19));
    for error in lost.into_iter().map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    }
    let mut superuser = database.superuser().await;
    assert_eq!(count(&mut superuser, "tenancy.tenants").await, 1);
    assert_eq!(count(&mut superuser, "tenancy.domains").await, 1);
    assert_eq!(
        count(&mut superuser, "tenancy.migrations WHERE scope = 'tenant'").await,
        2
    );
}

#[tokio::test]
async fn creators_who_want_the_same_domains_in_other_orders_do_not_wait_in_a_circle() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let results = join_all((0..8).map(|n| {
        let mut domains = [
            domain("a.example"),
            domain("b.example"),
            domain("c.example"),
        ];
        domains.rotate_left(n % 3);
        let [a, b, c] = domains;
        let new = NewTenant::new(slug(&format!("t{n}")))
            .domain(a)
            .domain(b)
            .domain(c);
        fleet.create(new, |_| {})
    }))
    .await;
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for error in lost.into_iter().map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    }
}

/// Writes down what is asked of it, and fails once if it is told to.
struct Recorder {
    name: &'static str,
    fails: bool,
    journal: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl TenantResource for Recorder {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn provision(&self, tenant: &Tenant) -> Result<(), tenancy_core::Error> {
        let entry = format!("provision {} {}", self.name, tenant.status());
        self.journal.lock().unwrap().push(entry);
        if self.fails {
            return Err(tenancy_core::Error::new(
                tenancy_core::ErrorKind::Unavailable,
                "the engine is down",
            ));
        }
        Ok(())
    }

    async fn purge(&self, _: &Tenant) -> Result<(), tenancy_core::Error> {
        self.journal
            .lock()
            .unwrap()
            .push(format!("purge {}", self.name));
        Ok(())
    }

    async fn residue(&self, _: &Tenant) -> Result<Vec<String>, tenancy_core::Error> {
        Ok(Vec::new())
    }
}

fn with_resources(fleet: Fleet, failing: Option<&str>) -> (Fleet, Arc<Mutex<Vec<String>>>) {
    let journal = Arc::new(Mutex::new(Vec::new()));
    let fleet = ["files", "search", "cache"]
        .into_iter()
        .fold(fleet, |fleet, name| {
            fleet.resource(Arc::new(Recorder {
                name,
                fails: failing == Some(name),
                journal: journal.clone(),
            }))
        });
    (fleet, journal)
}

#[tokio::test]
async fn a_tenant_is_active_once_every_resource_is_ready() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = with_resources(fleet(&database, set([NOTES])).await, None);
    let tenant = create(&fleet, "acme").await;
    assert_eq!(tenant.status(), Status::Active);
    assert_eq!(fleet.tenant(&slug("acme")).await.unwrap(), Some(tenant));
    assert_eq!(
        *journal.lock().unwrap(),
        [
            "provision files provisioning",
            "provision search provisioning",
            "provision cache provisioning"
        ]
    );
}

#[tokio::test]
async fn a_failing_resource_is_named_and_everything_is_taken_back_in_reverse() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    let (failing, journal) = with_resources(fleet.clone(), Some("search"));
    let mut events = Vec::new();
    let error = failing
        .create(NewTenant::new(slug("acme")), |event| events.push(event))
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("resource search: the engine is down"),
        "{text}"
    );
    assert_eq!(
        journal.lock().unwrap()[1..],
        [
            "provision search provisioning",
            "purge search",
            "purge files"
        ]
    );
    assert_eq!(events.last(), Some(&ProvisionEvent::Undoing));
    assert_eq!(traces(&mut superuser).await, before);
    create_again(&fleet).await;
}

#[tokio::test]
async fn a_tenant_has_one_primary_domain_and_a_domain_one_tenant() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let tenant = create(&fleet, "acme").await;
    create(&fleet, "other").await;
    assert_eq!(tenant.primary_domain(), None);
    let add = |name: &'static str, text: &'static str, role| {
        let fleet = fleet.clone();
        async move { fleet.add_domain(&slug(name), &domain(text), role).await }
    };
    assert!(
        add("acme", "a.example", DomainRole::Primary)
            .await
            .unwrap()
            .is_primary
    );
    assert!(
        !add("acme", "b.example", DomainRole::Alias)
            .await
            .unwrap()
            .is_primary
    );
    assert!(
        add("acme", "c.example", DomainRole::Primary)
            .await
            .unwrap()
            .is_primary
    );
    let domains = fleet.domains(tenant.id()).await.unwrap();
    let names: Vec<_> = domains
        .iter()
        .map(|d| (d.domain.as_str(), d.is_primary))
        .collect();
    assert_eq!(
        names,
        [
            ("c.example", true),
            ("a.example", false),
            ("b.example", false)
        ]
    );
    let found = fleet.tenant(&slug("acme")).await.unwrap().unwrap();
    assert_eq!(found.primary_domain(), Some(&domain("c.example")));

    for name in ["acme", "other"] {
        let error = add(name, "a.example", DomainRole::Primary)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    }
    // The refused one did not cost the tenant its primary domain.
    assert!(fleet.domains(tenant.id()).await.unwrap()[0].is_primary);
    let error = add("nobody", "n.example", DomainRole::Alias)
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Core(tenancy_core::ErrorKind::NotFound)
    );
}

#[tokio::test]
async fn every_operation_can_be_awaited_in_a_task_of_its_own() {
    fn sendable<F: Future + Send>(_: &F) {}
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let (name, host) = (slug("acme"), domain("a.example"));
    sendable(&fleet.prepare());
    sendable(&fleet.create(NewTenant::new(name.clone()), |_| {}));
    sendable(&fleet.add_domain(&name, &host, DomainRole::Alias));
    sendable(&fleet.remove_domain(&name, &host));
    sendable(&fleet.set_primary_domain(&name, &host));
    sendable(&fleet.suspend(&name));
    sendable(&fleet.resume(&name));
    sendable(&fleet.rename(&name, Rename::to(name.clone())));
    sendable(&fleet.purge(&name, &name));
    sendable(&fleet.migrate(Selection::all(), jobs(2), |_| {}));
    sendable(&fleet.status());
    sendable(&fleet.tenants());
}

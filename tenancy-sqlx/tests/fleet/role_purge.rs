//! A purge takes the tenant's role with it, wherever that has something.

use tenancy_core::{Slug, Tenant};
use tenancy_sqlx::{ErrorKind, Fleet, Isolation};

use crate::recorder::recorded;
use crate::roles::{acting, code, left_of, role, with_roles};
use crate::support::*;

async fn purge(fleet: &Fleet, name: &Slug) -> Result<Tenant, tenancy_sqlx::Error> {
    fleet.purge(name, name).await
}

#[tokio::test]
async fn nothing_of_a_purged_tenants_role_is_left_in_any_catalog() {
    let database = TestDatabase::new().await;
    let fleet = with_roles(&database, set([NOTES])).await;
    let mut superuser = database.superuser().await;
    let other = create(&fleet, "other").await;
    for (name, isolation) in [("acme", Isolation::Role), ("globex", Isolation::Schema)] {
        let tenant = create(&fleet, name).await;
        let name = slug(name);
        assert_eq!(left_of(&mut superuser, &tenant).await, [1, 3, 0, 0]);
        // Whatever else it was given, and a setting of its own.
        run(
            &mut superuser,
            &format!(
                "GRANT SELECT ON public.users TO {role}; GRANT CREATE ON SCHEMA public TO {role}; \
                 GRANT CONNECT ON DATABASE {database} TO {role}; \
                 ALTER ROLE {role} IN DATABASE {database} SET work_mem = '1MB'; \
                 ALTER DEFAULT PRIVILEGES FOR ROLE {APP} GRANT SELECT ON TABLES TO {role}; \
                 CREATE TABLE public.{name}s (id int); ALTER TABLE public.{name}s OWNER TO {role}",
                role = role(&tenant),
                database = database.name(),
            ),
        )
        .await;
        fleet.archive(&name, None).await.unwrap();
        let fleet = fleet.clone().isolation(isolation);
        purge(&fleet, &name).await.unwrap();
        assert_eq!(left_of(&mut superuser, &tenant).await, [0; 4]);
    }
    let mut acting = acting(&database, &other).await;
    run(&mut acting, "INSERT INTO other.notes (title) VALUES ('x')").await;
    run(&mut acting, "SELECT name FROM shared.plans").await;
}

#[tokio::test]
async fn an_owner_that_may_not_remove_the_role_purges_nothing() {
    let database = TestDatabase::new().await;
    let (fleet, journal) = recorded(fleet(&database, set([NOTES])).await);
    let acme = create(&fleet, "acme").await;
    fleet.archive(&slug("acme"), None).await.unwrap();
    journal.take();
    let mut superuser = database.superuser().await;
    let role = role(&acme);
    let make = format!("CREATE ROLE {role}; GRANT USAGE ON SCHEMA acme TO {role}");
    run(&mut superuser, &make).await;
    let error = purge(&fleet, &slug("acme")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    assert!(error.to_string().contains("CREATEROLE"), "{error}");
    assert!(journal.take().is_empty());
    assert_eq!(count(&mut superuser, "acme.notes").await, 0);
    let remove = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    run(&mut superuser, &remove).await;
    purge(&fleet, &slug("acme")).await.unwrap();
}

#[tokio::test]
async fn a_role_that_another_database_uses_stays_and_has_nothing_left_in_this_one() {
    let [here, there] = [TestDatabase::new().await, TestDatabase::new().await];
    let fleet = with_roles(&here, set([NOTES])).await;
    let twin = with_roles(&there, set([NOTES])).await;
    let acme = create(&fleet, "acme").await;
    let namesake = create(&twin, "acme").await;
    assert_ne!(role(&acme), role(&namesake));
    // A copy of a database has its tenants, with their ids.
    let mut elsewhere = there.superuser().await;
    let copy = format!(
        "CREATE SCHEMA copied; CREATE TABLE copied.notes (id int); \
         INSERT INTO tenancy.tenants (id, slug, schema_name, name, status) \
             VALUES ('{}', 'copied', 'copied', '', 'archived'); \
         ALTER SCHEMA copied OWNER TO tenancy_test_role_owner; \
         ALTER TABLE copied.notes OWNER TO tenancy_test_role_owner",
        acme.id()
    );
    run(&mut elsewhere, &copy).await;
    twin.prepare().await.unwrap();

    fleet.archive(&slug("acme"), None).await.unwrap();
    purge(&fleet, &slug("acme")).await.unwrap();
    let mut superuser = here.superuser().await;
    assert_eq!(left_of(&mut superuser, &acme).await, [1, 0, 0, 0]);
    let mut other = acting(&there, &acme).await;
    run(&mut other, "SELECT id FROM copied.notes").await;
    assert_eq!(
        code(&mut other, "SELECT title FROM acme.notes").await,
        "42501"
    );

    purge(&twin, &slug("copied")).await.unwrap();
    assert_eq!(left_of(&mut superuser, &acme).await, [0; 4]);
    let mut acting = acting(&there, &namesake).await;
    run(&mut acting, "INSERT INTO acme.notes (title) VALUES ('x')").await;
}

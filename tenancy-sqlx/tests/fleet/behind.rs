//! One tenant's migration fails: it alone is out of service, until it is mended.

use tenancy_core::{
    Domain, ErrorKind, Identifier, ProblemCode, Resolution, Resolver, Status, Subdomain,
};
use tenancy_sqlx::{Database, PgTenantStore, PoolSettings, Selection};

use crate::support::*;

#[tokio::test]
async fn a_tenant_whose_migration_failed_is_the_only_one_that_does_not_serve() {
    const STRICT: &str = "ALTER TABLE notes ADD CHECK (title <> 'poison')";
    let database = TestDatabase::new().await;
    let first = fleet(&database, set([NOTES])).await;
    for name in ["acme", "globex", "initech"] {
        create(&first, name).await;
    }
    let mut superuser = database.superuser().await;
    run(
        &mut superuser,
        "INSERT INTO globex.notes (title) VALUES ('poison')",
    )
    .await;

    let app = Database::connect(database.app_options(), PoolSettings::default());
    let store = PgTenantStore::new(&app.await.unwrap());
    let later = fleet(&database, set([NOTES, STRICT])).await;
    let needs = later.migrations().tenant.head().unwrap();
    let resolver = Resolver::new(store)
        .strategy(Subdomain::of(Domain::parse("example.com").unwrap()))
        .requires_migration(needs);
    let ask = async |name: &str| {
        let host = format!("{name}.example.com");
        let request = http::Request::get("/").header("host", host).body(());
        let (head, ()) = request.unwrap().into_parts();
        let found = resolver.resolve(&head.method, &head.uri, &head.headers, None);
        match found.await {
            Ok(Resolution::Tenant(context)) => Ok(context.tenant().status()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        }
    };
    // Before the run nobody has the tables that this program needs.
    for name in ["acme", "globex", "initech"] {
        assert_eq!(ask(name).await.unwrap_err().kind(), ErrorKind::Migrating);
    }
    let report = later
        .migrate(Selection::all(), jobs(2), |_| {})
        .await
        .unwrap();
    assert_eq!((report.applied(), report.failures().count()), (2, 1));
    for name in ["acme", "initech"] {
        assert_eq!(ask(name).await.unwrap(), Status::Active, "{name}");
    }
    let error = ask("globex").await.unwrap_err();
    assert_eq!(error.code(), ProblemCode::TenantMigrating);
    assert_eq!(error.code().status(), 503);
    assert!(
        error.to_string().contains("migrate run --tenant globex"),
        "{error}"
    );

    run(&mut superuser, "DELETE FROM globex.notes").await;
    let one = Selection::only([slug("globex")]);
    assert!(
        later
            .migrate(one, jobs(1), |_| {})
            .await
            .unwrap()
            .is_complete()
    );
    assert_eq!(ask("globex").await.unwrap(), Status::Active);
    let by_id = Identifier::Slug(slug("globex"));
    assert!(later.journal(&by_id).await.is_ok());
}

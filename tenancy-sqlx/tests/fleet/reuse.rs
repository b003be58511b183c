//! Whoever holds a tenant's old names never meets the rows of the next one that has them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::ConnectOptions;
use tenancy_core::{Tenant, TenantContext};
use tenancy_sqlx::{
    Database, ErrorKind, Fleet, NewTenant, PoolSettings, Read, Rename, TenantDb, TenantSql,
    tenant_sql,
};

use crate::support::*;

static TITLES: &TenantSql<Read> = tenant_sql!("SELECT title FROM notes");

/// One connection, so that every statement meets what those before it left prepared there.
async fn one_connection(database: &TestDatabase) -> Database {
    let settings = PoolSettings::default().max_connections(1);
    Database::connect(database.app_options(), settings)
        .await
        .unwrap()
}

fn rows_of(database: &Database, tenant: &Tenant) -> TenantDb {
    let context = TenantContext::new(Arc::new(tenant.clone()), "test").unwrap();
    database.tenant(&context)
}

/// Makes a tenant whose only note is its own name, and reads it often enough to be prepared.
async fn noted(fleet: &Fleet, database: &Database, name: &str, note: &str) -> (Tenant, TenantDb) {
    let tenant = create(fleet, name).await;
    let db = rows_of(database, &tenant);
    db.execute(tenant_sql!("INSERT INTO notes (title) VALUES ($1)"))
        .bind(note)
        .await
        .unwrap();
    for _ in 0..3 {
        assert_eq!(titles(&db).await.unwrap(), [note]);
    }
    (tenant, db)
}

async fn titles(db: &TenantDb) -> Result<Vec<String>, tenancy_sqlx::Error> {
    db.query_scalar(TITLES).fetch_all().await
}

/// Frees the schema `acme`, by a rename or by a purge.
async fn free(fleet: &Fleet, how: &str) -> Option<Tenant> {
    let acme = slug("acme");
    if how == "rename" {
        let to = Rename::to(slug("shop"));
        return Some(fleet.rename(&acme, to).await.unwrap());
    }
    fleet.archive(&acme, None).await.unwrap();
    fleet.purge(&acme, &acme).await.unwrap();
    None
}

#[tokio::test]
async fn a_context_and_a_transaction_from_before_find_nothing_and_nobody_gets_the_name() {
    for how in ["rename", "purge"] {
        let database = TestDatabase::new().await;
        let fleet = fleet(&database, set([NOTES])).await;
        let app = one_connection(&database).await;
        let (tenant, old) = noted(&fleet, &app, "acme", "theirs").await;
        let other = one_connection(&database).await;
        let mut open = rows_of(&other, &tenant).begin().await.unwrap();

        free(&fleet, how).await;
        let taken = fleet.create(NewTenant::new(slug("acme")), |_| {}).await;
        assert_eq!(taken.unwrap_err().kind(), ErrorKind::Conflict, "{how}");
        let sly = NewTenant::new(slug("next")).schema(schema("acme"));
        let taken = fleet.create(sly, |_| {}).await;
        assert_eq!(taken.unwrap_err().kind(), ErrorKind::Conflict, "{how}");

        let error = titles(&old).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch, "{how}: {error}");
        let rows = open.query_scalar::<String>(TITLES).fetch_all().await;
        assert_eq!(rows.unwrap_err().kind(), ErrorKind::SchemaMismatch, "{how}");
        drop(open);
    }
}

#[tokio::test]
async fn statements_prepared_for_a_name_read_the_rows_of_whoever_has_it_now() {
    for how in ["rename", "purge"] {
        let database = TestDatabase::new().await;
        let fleet = fleet(&database, set([NOTES]))
            .await
            .name_reservation(Duration::ZERO);
        let app = one_connection(&database).await;
        noted(&fleet, &app, "acme", "of the first").await;
        let renamed = free(&fleet, how).await;
        if let Some(renamed) = &renamed {
            let first = rows_of(&app, renamed);
            assert_eq!(titles(&first).await.unwrap(), ["of the first"]);
        }

        // The same text on the same connection, for somebody else.
        noted(&fleet, &app, "acme", "of the second").await;
        if let Some(renamed) = &renamed {
            let first = rows_of(&app, renamed);
            for _ in 0..3 {
                assert_eq!(titles(&first).await.unwrap(), ["of the first"]);
            }
            // And back again, once the second one has gone.
            free(&fleet, "purge").await;
            let to = Rename::to(slug("acme"));
            let back = fleet.rename(&slug("shop"), to).await.unwrap();
            let back = rows_of(&app, &back);
            for _ in 0..3 {
                assert_eq!(titles(&back).await.unwrap(), ["of the first"]);
            }
        }
    }
}

#[tokio::test]
async fn a_function_that_is_bound_to_its_schema_follows_a_rename() {
    const TOTAL: &str = "CREATE FUNCTION total(bigint DEFAULT 0) RETURNS bigint LANGUAGE sql \
         SET search_path FROM CURRENT AS 'SELECT count(*) + $1 FROM notes'; \
         CREATE PROCEDURE \"Clear\"() LANGUAGE sql SET search_path FROM CURRENT \
         SET work_mem FROM CURRENT AS 'DELETE FROM notes'; \
         CREATE FUNCTION free() RETURNS int LANGUAGE sql AS 'SELECT 1'";
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES, TOTAL]))
        .await
        .name_reservation(Duration::ZERO);
    let app = one_connection(&database).await;
    noted(&fleet, &app, "acme", "of the first").await;
    free(&fleet, "rename").await;
    create(&fleet, "acme").await;

    let mut app = database.app_options().connect().await.unwrap();
    let total = async |app: &mut sqlx::PgConnection, schema: &str| {
        count(
            app,
            &format!("(SELECT FROM generate_series(1, {schema}.total())) t"),
        )
        .await
    };
    assert_eq!(total(&mut app, "shop").await, 1);
    assert_eq!(total(&mut app, "acme").await, 0);
    run(&mut app, "INSERT INTO acme.notes (title) VALUES ('x')").await;
    run(&mut app, "CALL shop.\"Clear\"()").await;
    assert_eq!(total(&mut app, "shop").await, 0);
    assert_eq!(total(&mut app, "acme").await, 1);
    // Extensions stay on the path, and settings of other kinds stay as they were.
    let mut superuser = database.superuser().await;
    let bound = "pg_proc WHERE pronamespace = 'shop'::regnamespace AND \
         'search_path=shop, extensions, pg_temp' = ANY (proconfig)";
    assert_eq!(count(&mut superuser, bound).await, 2);
    let kept = "pg_proc WHERE pronamespace = 'shop'::regnamespace AND \
         proconfig::text LIKE '%work_mem%'";
    assert_eq!(count(&mut superuser, kept).await, 1);
}

//! Plans, what is otherwise for one tenant, and counting in the transaction that would exceed.

use tenancy_core::{
    CachedStore, ErrorKind as Core, FeatureName, Identifier, LimitName, Plan, PlanName, Problem,
    Tenant, TenantContext, TenantStore, Threshold,
};
use tenancy_sqlx::{
    CloneData, Database, Error, ErrorKind, Fleet, NewTenant, PgTenantStore, PoolSettings, Scope,
    TenantChange, TenantDb, tenant_sql,
};

use crate::roles::with_roles;
use crate::support::*;

const PRODUCTS: LimitName = LimitName::new("products");
const USERS: LimitName = LimitName::new("users");
const EXPORTS: FeatureName = FeatureName::new("exports");
const FREE: PlanName = PlanName::new("free");
const TABLE: &str = "CREATE TABLE products (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)";

fn free(products: u64) -> Plan {
    Plan::new(FREE).limit(PRODUCTS, products).feature(EXPORTS)
}

async fn application(test: &TestDatabase) -> Database {
    let settings = PoolSettings::default().max_connections(12);
    Database::connect(test.app_options(), settings)
        .await
        .unwrap()
}

fn db(database: &Database, tenant: Tenant) -> TenantDb {
    database.tenant(&TenantContext::new(tenant.into(), "test").unwrap())
}

async fn create_product(db: &TenantDb) -> Result<Option<Threshold>, Error> {
    let mut tx = db.begin().await?;
    let admission = tx
        .admit(
            &PRODUCTS,
            tenant_sql!("SELECT count(*) FROM (SELECT id FROM products LIMIT $1) AS counted"),
        )
        .await?;
    tx.execute(tenant_sql!("INSERT INTO products DEFAULT VALUES"))
        .await?;
    tx.commit().await?;
    Ok(admission.crossed())
}

async fn products(db: &TenantDb) -> i64 {
    let count = tenant_sql!("SELECT count(*) FROM products");
    db.query_scalar(count).fetch_one().await.unwrap()
}

#[tokio::test]
async fn a_tenant_has_its_plans_terms_and_its_own() {
    let test = TestDatabase::new().await;
    let fleet = fleet(&test, set([TABLE])).await;
    let acme = create(&fleet, "acme").await;
    assert!(acme.plan().is_none() && acme.limits().is_empty() && acme.features().is_empty());

    fleet.set_plan(&free(50).limit(USERS, 5)).await.unwrap();
    assert_eq!(fleet.plans().await.unwrap(), [free(50).limit(USERS, 5)]);
    let acme = fleet.assign_plan(acme.slug(), Some(&FREE)).await.unwrap();
    assert_eq!(acme.plan(), Some(&FREE));
    assert_eq!(acme.limits().get(&PRODUCTS), Some(50));
    assert!(acme.features().has(&EXPORTS));

    let own = fleet.override_limits(acme.slug(), |own| own.limit(PRODUCTS, 100).unlimited(USERS));
    let acme = own.await.unwrap();
    assert_eq!(acme.limits().get(&PRODUCTS), Some(100));
    assert_eq!(acme.limits().get(&USERS), None);
    // What was otherwise stays so.
    let own = fleet.override_limits(acme.slug(), |own| own.without_feature(EXPORTS));
    let acme = own.await.unwrap();
    assert_eq!(acme.limits().get(&PRODUCTS), Some(100));
    assert!(!acme.features().has(&EXPORTS));

    // The application's login reads the same in its one statement.
    let store = PgTenantStore::new(&application(&test).await);
    let found = store.find(&Identifier::Id(acme.id())).await.unwrap();
    assert_eq!(*found.unwrap(), acme);

    // A clone has the same terms.
    let new = NewTenant::new(slug("twin"));
    let twin = fleet.clone_tenant(acme.slug(), new, CloneData::Everything, |_| {});
    let twin = twin.await.unwrap();
    assert_eq!(twin.plan(), Some(&FREE));
    assert_eq!(
        (twin.limits(), twin.features()),
        (acme.limits(), acme.features())
    );
    let found = store.find(&Identifier::Id(twin.id())).await.unwrap();
    assert_eq!(*found.unwrap(), twin);

    let own = fleet.override_limits(acme.slug(), |own| {
        own.planned_limit(&PRODUCTS)
            .planned_limit(&USERS)
            .planned_feature(&EXPORTS)
    });
    let acme = own.await.unwrap();
    assert_eq!(acme.limits().get(&PRODUCTS), Some(50));
    assert_eq!(acme.limits().get(&USERS), Some(5));
    assert!(acme.features().has(&EXPORTS));
    let acme = fleet.assign_plan(acme.slug(), None).await.unwrap();
    assert!(acme.plan().is_none() && acme.limits().is_empty());

    let gold = PlanName::new("gold");
    let error = fleet.assign_plan(acme.slug(), Some(&gold)).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Core(Core::NotFound));
    assert!(error.to_string().contains("plan list"), "{error}");
}

#[tokio::test]
async fn caches_learn_of_new_terms_at_once() {
    let test = TestDatabase::new().await;
    let fleet = fleet(&test, set([TABLE])).await;
    fleet.set_plan(&free(50)).await.unwrap();
    let acme = create(&fleet, "acme").await;
    let cache = CachedStore::new(PgTenantStore::new(&application(&test).await));
    let (told, listening) = tokio::sync::watch::channel(());
    let _changes = PgTenantStore::listen(test.owner_options(), {
        let cache = cache.clone();
        move |change| {
            match change {
                TenantChange::Tenant { id, .. } => cache.invalidate(&id),
                _ => cache.clear(),
            }
            told.send_replace(());
        }
    });
    // From here on it is listened.
    listening.clone().changed().await.unwrap();
    let by_id = Identifier::Id(acme.id());
    let limit = async || {
        let found = cache.find(&by_id).await.unwrap().unwrap();
        found.limits().get(&PRODUCTS)
    };
    assert_eq!(limit().await, None);
    fleet.assign_plan(acme.slug(), Some(&FREE)).await.unwrap();
    eventually("the plan", async || {
        (limit().await == Some(50)).then_some(())
    })
    .await;
    fleet.set_plan(&free(60)).await.unwrap();
    eventually("its change", async || {
        (limit().await == Some(60)).then_some(())
    })
    .await;
    let own = fleet.override_limits(acme.slug(), |own| own.limit(PRODUCTS, 70));
    own.await.unwrap();
    eventually("its own", async || {
        (limit().await == Some(70)).then_some(())
    })
    .await;
}

async fn limited(fleet: &Fleet, name: &str) -> Tenant {
    let tenant = create(fleet, name).await;
    fleet.assign_plan(tenant.slug(), Some(&FREE)).await.unwrap()
}

#[tokio::test]
async fn of_many_creates_at_once_as_many_as_fit_take_effect() {
    let test = TestDatabase::new().await;
    let fleet = fleet(&test, set([TABLE])).await;
    fleet.set_plan(&free(50)).await.unwrap();
    let (acme, globex) = (
        limited(&fleet, "acme").await,
        limited(&fleet, "globex").await,
    );
    let database = application(&test).await;
    let (acme, globex) = (db(&database, acme), db(&database, globex));

    let all: Vec<_> = (0..200)
        .map(|_| {
            let acme = acme.clone();
            tokio::spawn(async move {
                loop {
                    match create_product(&acme).await {
                        // The tenant's share of connections is not what is looked at.
                        Err(error) if error.kind() == ErrorKind::Busy => {
                            tokio::task::yield_now().await;
                        }
                        done => return done,
                    }
                }
            })
        })
        .collect();
    let (mut created, mut refused, mut crossed) = (0, 0, Vec::new());
    for one in all {
        match one.await.unwrap() {
            Ok(threshold) => {
                created += 1;
                crossed.extend(threshold);
            }
            Err(error) => {
                let reached = Core::LimitReached {
                    limit: 50,
                    used: 50,
                };
                assert_eq!(error.kind(), ErrorKind::Core(reached), "{error:?}");
                refused += 1;
            }
        }
    }
    assert_eq!((created, refused), (50, 150));
    assert_eq!(products(&acme).await, 50);
    // Each threshold was crossed once.
    crossed.sort_unstable();
    assert_eq!(crossed, [Threshold::Most, Threshold::All]);

    // Another tenant has a limit of its own.
    create_product(&globex).await.unwrap();
    let problem: Problem = create_product(&acme).await.unwrap_err().to_problem();
    let problem: serde_json::Value = serde_json::from_str(&problem.to_json()).unwrap();
    assert_eq!(problem["code"], "limit_reached");
    assert_eq!(problem["status"], 403);
    assert_eq!(
        (&problem["limit"], &problem["used"]),
        (&50.into(), &50.into())
    );
}

#[tokio::test]
async fn a_tenants_role_counts_under_the_same_lock() {
    let test = TestDatabase::new().await;
    let fleet = with_roles(&test, set([TABLE])).await;
    fleet.set_plan(&free(10)).await.unwrap();
    let acme = limited(&fleet, "acme").await;
    let database = application(&test).await;
    let acme = db(&database, acme);
    let all: Vec<_> = (0..40)
        .map(|n| {
            let acme = acme.clone();
            tokio::spawn(async move {
                // Some with the path, some with the role, some with neither: one limit.
                let scope = [None, Some(Scope::Role), Some(Scope::Path)][n % 3];
                let Some(scope) = scope else {
                    return create_product(&acme).await.is_ok();
                };
                let Ok(mut tx) = acme.begin_scoped(scope).await else {
                    return false;
                };
                let count = tenant_sql!(
                    "SELECT count(*) FROM (SELECT id FROM products LIMIT $1) AS counted"
                );
                if tx.admit_many(&PRODUCTS, 1, count).await.is_err() {
                    return false;
                }
                sqlx::query("INSERT INTO products DEFAULT VALUES")
                    .execute(&mut tx)
                    .await
                    .unwrap();
                tx.commit().await.is_ok()
            })
        })
        .collect();
    for one in all {
        one.await.unwrap();
    }
    assert_eq!(products(&acme).await, 10);
}

#[tokio::test]
async fn what_is_unlimited_costs_no_statement_and_what_is_not_two() {
    let test = TestDatabase::new().await;
    let fleet = fleet(&test, set([TABLE])).await;
    fleet.set_plan(&free(5)).await.unwrap();
    let free = create(&fleet, "acme").await;
    let limited = limited(&fleet, "globex").await;
    let database = application(&test).await;
    let locks = async || count(&mut test.superuser().await, LOCKS).await;
    let many = tenant_sql!("SELECT count(*) FROM (SELECT id FROM products LIMIT $1) AS counted");

    let mut tx = db(&database, free).begin().await.unwrap();
    let admission = tx.admit_many(&PRODUCTS, u64::MAX, many).await.unwrap();
    assert_eq!((admission.limit(), admission.used()), (None, 0));
    assert_eq!(locks().await, 0);
    tx.rollback().await.unwrap();

    let mut tx = db(&database, limited).begin().await.unwrap();
    // More than fit are refused as a whole, and the transaction goes on.
    let error = tx.admit_many(&PRODUCTS, 6, many).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Core(Core::LimitReached { limit: 5, used: 0 })
    );
    let admission = tx.admit_many(&PRODUCTS, 5, many).await.unwrap();
    assert_eq!(admission.crossed(), Some(Threshold::All));
    assert_eq!(locks().await, 1);
    tx.commit().await.unwrap();
    assert_eq!(locks().await, 0);
}

#[tokio::test]
async fn a_transaction_that_sees_one_moment_only_counts_nothing() {
    let test = TestDatabase::new().await;
    let fleet = fleet(&test, set([TABLE])).await;
    fleet.set_plan(&free(5)).await.unwrap();
    let acme = limited(&fleet, "acme").await;
    let sql = "ALTER DATABASE {} SET default_transaction_isolation = 'repeatable read'";
    let sql = sql.replace("{}", test.name());
    run(&mut test.superuser().await, &sql).await;
    let error = create_product(&db(&application(&test).await, acme)).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Configuration);
}

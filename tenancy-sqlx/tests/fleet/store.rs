//! What the application sees of the fleet, and how soon.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use tenancy_core::testing::{StoreFixture, store_contract};
use tenancy_core::{CachedStore, Domain, Error, Identifier, Status, Tenant, TenantId, TenantStore};
use tenancy_sqlx::{
    Database, DomainRole, NewTenant, PgTenantStore, PoolSettings, Rename, Selection, TenantChange,
    TenantChanges,
};

use crate::support::*;

async fn store(database: &TestDatabase) -> PgTenantStore {
    let database = Database::connect(database.app_options(), PoolSettings::default())
        .await
        .unwrap();
    PgTenantStore::new(&database)
}

#[tokio::test]
async fn the_application_finds_tenants_by_id_slug_and_any_domain() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let new = NewTenant::new(slug("acme"))
        .domain(domain("acme.example"))
        .domain(domain("other.example"));
    let tenant = fleet.create(new, |_| {}).await.unwrap();
    let store = store(&database).await;
    for identifier in [
        Identifier::Id(tenant.id()),
        Identifier::Slug(slug("acme")),
        Identifier::Domain(domain("acme.example")),
        Identifier::Domain(domain("other.example")),
    ] {
        let found = store.find(&identifier).await.unwrap().unwrap();
        assert_eq!(*found, tenant, "{identifier:?}");
    }
    for identifier in [
        Identifier::Id(TenantId::generate()),
        Identifier::Slug(slug("nobody")),
        Identifier::Domain(domain("nobody.example")),
    ] {
        assert_eq!(
            store.find(&identifier).await.unwrap(),
            None,
            "{identifier:?}"
        );
    }
}

#[tokio::test]
async fn a_database_that_was_not_prepared_is_a_failure_and_not_a_missing_tenant() {
    let database = TestDatabase::new().await;
    let store = store(&database).await;
    let error = store
        .find(&Identifier::Slug(slug("acme")))
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        tenancy_core::ErrorKind::Configuration,
        "{error}"
    );
}

/// Changes tenants as later lifecycle steps will.
struct Fixture {
    store: PgTenantStore,
    database: TestDatabase,
}

impl Fixture {
    async fn run(&self, sql: String) -> Result<(), Error> {
        let mut superuser = self.database.superuser().await;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut superuser)
            .await
            .map_err(|error| tenancy_sqlx::Error::from(error).into())
            .map(drop)
    }
}

#[async_trait]
impl StoreFixture for Fixture {
    fn store(&self) -> &dyn TenantStore {
        &self.store
    }

    async fn add_tenant(&self, tenant: Tenant) -> Result<(), Error> {
        self.run(format!(
            "INSERT INTO tenancy.tenants (id, slug, schema_name, name, description, status, \
             created_at, updated_at) VALUES ('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
            tenant.id(),
            tenant.slug(),
            tenant.schema_name(),
            tenant.name(),
            tenant.description(),
            tenant.status(),
            tenant.created_at(),
            tenant.updated_at(),
        ))
        .await
    }

    async fn add_domain(&self, id: TenantId, domain: Domain) -> Result<(), Error> {
        self.run(format!(
            "INSERT INTO tenancy.domains (id, tenant_id, domain, is_primary) \
             VALUES (gen_random_uuid(), '{id}', '{domain}', false)"
        ))
        .await
    }

    async fn set_status(&self, id: TenantId, status: Status) -> Result<(), Error> {
        self.run(format!(
            "UPDATE tenancy.tenants SET status = '{status}' WHERE id = '{id}'"
        ))
        .await
    }

    async fn remove(&self, id: TenantId) -> Result<(), Error> {
        self.set_status(id, Status::Purged).await
    }
}

#[tokio::test]
async fn the_store_keeps_the_contract_of_stores() {
    let database = TestDatabase::new().await;
    fleet(&database, set([NOTES])).await;
    let store = store(&database).await;
    store_contract(&Fixture { store, database }).await;
}

#[tokio::test]
async fn a_migrated_tenant_is_news_and_found_at_its_migration() {
    let database = TestDatabase::new().await;
    let old = fleet(&database, set([NOTES])).await;
    let new = NewTenant::new(slug("acme")).domain(domain("acme.example"));
    let id = old.create(new, |_| {}).await.unwrap().id();
    create(&old, "globex").await;
    let store = store(&database).await;
    let find = async || store.find(&Identifier::Id(id)).await.unwrap().unwrap();
    assert_eq!(find().await.migration(), 1);
    let (_handle, heard) = listen(&database);
    let hear = async |count: usize| {
        eventually("the news", async || {
            let heard = heard.lock().unwrap();
            (heard.len() >= count).then(|| heard.clone())
        })
        .await
    };
    hear(1).await;

    let fleet = fleet(&database, set([NOTES, TAGS])).await;
    fleet
        .migrate(Selection::all(), jobs(2), |_| {})
        .await
        .unwrap();
    let migrated = TenantChange::Tenant {
        id,
        slugs: vec![slug("acme")],
        domains: vec![domain("acme.example")],
    };
    let news = hear(3).await;
    assert!(news.contains(&migrated), "{news:?}");
    assert_eq!(find().await.migration(), 2);
    // What is at head is no news.
    fleet
        .migrate(Selection::all(), jobs(2), |_| {})
        .await
        .unwrap();
    fleet.suspend(&slug("acme")).await.unwrap();
    assert_eq!(hear(4).await.len(), 4);
}

/// A listener and what it heard.
fn listen(database: &TestDatabase) -> (TenantChanges, Arc<Mutex<Vec<TenantChange>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let into = heard.clone();
    let options = database.app_options().application_name("news");
    let handle = PgTenantStore::listen(options, move |change| into.lock().unwrap().push(change));
    (handle, heard)
}

const LISTENERS: &str =
    "pg_stat_activity WHERE application_name = 'news' AND datname = current_database()";

#[tokio::test]
async fn news_of_tenants_arrive_with_every_name_and_all_is_new_after_a_reconnect() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let (handle, heard) = listen(&database);
    let hear = async |count: usize| {
        eventually("the news", async || {
            let heard = heard.lock().unwrap();
            (heard.len() >= count).then(|| heard.clone())
        })
        .await
    };
    assert_eq!(hear(1).await, [TenantChange::All]);

    let new = NewTenant::new(slug("acme")).domain(domain("acme.example"));
    let id = fleet.create(new, |_| {}).await.unwrap().id();
    let created = TenantChange::Tenant {
        id,
        slugs: vec![slug("acme")],
        domains: vec![domain("acme.example")],
    };
    assert_eq!(hear(2).await[1], created);
    fleet
        .add_domain(&slug("acme"), &domain("b.example"), DomainRole::Primary)
        .await
        .unwrap();
    let added = TenantChange::Tenant {
        id,
        slugs: vec![slug("acme")],
        domains: vec![domain("b.example"), domain("acme.example")],
    };
    assert_eq!(hear(3).await[2], added);

    let mut superuser = database.superuser().await;
    assert_eq!(count(&mut superuser, LISTENERS).await, 1);
    let kill = format!("(SELECT pg_terminate_backend(pid) FROM {LISTENERS}) k");
    assert_eq!(count(&mut superuser, &kill).await, 1);
    assert_eq!(hear(4).await[3], TenantChange::All);

    create(&fleet, "later").await;
    assert!(
        matches!(&hear(5).await[4], TenantChange::Tenant { slugs, .. } if slugs == &[slug("later")])
    );

    drop(handle);
    eventually("the listener's end", async || {
        (count(&mut superuser, LISTENERS).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_change_of_a_tenant_is_told_with_the_names_it_has_and_had() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let new = NewTenant::new(slug("acme")).domain(domain("a.example"));
    let id = fleet.create(new, |_| {}).await.unwrap().id();
    let b = domain("b.example");
    fleet
        .add_domain(&slug("acme"), &b, DomainRole::Alias)
        .await
        .unwrap();
    let (_handle, heard) = listen(&database);
    eventually("the first news", async || {
        (heard.lock().unwrap().len() == 1).then_some(())
    })
    .await;

    let to = Rename::to(slug("shop")).domain(domain("a.example"), domain("c.example"));
    fleet.rename(&slug("acme"), to).await.unwrap();
    fleet.suspend(&slug("shop")).await.unwrap();
    fleet.resume(&slug("shop")).await.unwrap();
    fleet.remove_domain(&slug("shop"), &b).await.unwrap();
    fleet.suspend(&slug("shop")).await.unwrap();
    fleet.archive(&slug("shop"), None).await.unwrap();
    fleet.purge(&slug("shop"), &slug("shop")).await.unwrap();
    let news = eventually("the news", async || {
        let heard = heard.lock().unwrap();
        (heard.len() >= 8).then(|| heard.clone())
    })
    .await;
    let told = |slugs: &[&str], domains: &[&str]| TenantChange::Tenant {
        id,
        slugs: slugs.iter().map(|name| slug(name)).collect(),
        domains: domains.iter().map(|name| domain(name)).collect(),
    };
    let with_b = told(&["shop"], &["c.example", "b.example"]);
    let without = told(&["shop"], &["c.example"]);
    assert_eq!(
        news[1..],
        [
            told(&["shop", "acme"], &["c.example", "b.example", "a.example"]),
            with_b.clone(),
            with_b.clone(),
            with_b,
            without.clone(),
            without.clone(),
            without,
        ]
    );
}

#[tokio::test]
async fn a_create_that_fails_tells_nobody() {
    let database = TestDatabase::new().await;
    let bad = fleet(&database, set([NOTES, "SELECT nothing"])).await;
    let good = fleet(&database, set([NOTES])).await;
    let (_handle, heard) = listen(&database);
    eventually("the first news", async || {
        (heard.lock().unwrap().len() == 1).then_some(())
    })
    .await;
    bad.create(NewTenant::new(slug("bad")), |_| {})
        .await
        .unwrap_err();
    create(&good, "good").await;
    let news = eventually("the news", async || {
        let heard = heard.lock().unwrap();
        (heard.len() >= 2).then(|| heard.clone())
    })
    .await;
    assert!(matches!(&news[1], TenantChange::Tenant { slugs, .. } if slugs == &[slug("good")]));
}

#[tokio::test]
async fn a_host_that_was_just_asked_for_in_vain_answers_once_its_tenant_is_there() {
    const HOUR: Duration = Duration::from_hours(1);
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES])).await;
    let cache = CachedStore::new(store(&database).await)
        .ttl(HOUR)
        .negative_ttl(HOUR);
    let (listening, mut listens) = tokio::sync::mpsc::unbounded_channel();
    let _handle = PgTenantStore::listen(database.app_options(), {
        let cache = cache.clone();
        move |change| {
            if let TenantChange::Tenant { id, .. } = change {
                cache.invalidate(&id);
            } else {
                cache.clear();
                listening.send(()).unwrap();
            }
        }
    });
    listens.recv().await;
    let host = Identifier::Domain(domain("new.example"));
    let loads = || cache.stats().loads;
    for _ in 0..3 {
        assert_eq!(cache.find(&host).await.unwrap(), None);
    }
    assert_eq!(loads(), 1);

    let new = NewTenant::new(slug("new")).domain(domain("new.example"));
    let tenant = fleet.create(new, |_| {}).await.unwrap();
    let found = eventually("the answer", async || cache.find(&host).await.unwrap()).await;
    assert_eq!(*found, tenant);
    let before = loads();
    for _ in 0..100 {
        assert!(cache.find(&host).await.unwrap().is_some());
    }
    assert_eq!(loads(), before);
}

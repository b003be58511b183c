//! A program is killed at each of its messages: what it did is complete afterwards, or absent.

use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tenancy_core::{Identifier, ScopeKind, Slug, Status, Tenant};
use tenancy_sqlx::{Error, Fleet, MigrationSet, Migrations, NewTenant, Rename, Repair};

use crate::crash::{Crash, Last};
use crate::stores::{Store, with_stores};
use crate::support::*;

/// What follows the crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// Somebody says the same again.
    Rerun,
    /// The reconciler looks at everything.
    Repair,
}

/// A database and two stores, in which programs are killed.
struct Stand {
    _database: TestDatabase,
    stores: [Arc<Store>; 2],
    /// A fleet that nothing happens to.
    fleet: Fleet,
    /// What the others die of, and one of those.
    crash: Crash,
    doomed: Fleet,
    superuser: PgConnection,
}

impl Stand {
    async fn new() -> Self {
        let database = TestDatabase::new().await;
        fleet(&database, set([NOTES])).await;
        let stores = [
            Store::new("files", ScopeKind::Object),
            Store::new("search", ScopeKind::Index),
        ];
        let fleet = connect(database.owner_options(), &stores).await;
        let fleet = fleet.keep_connections(Duration::from_mins(10));
        let crash = Crash::never(&database.owner_options());
        let doomed = connect(crash.options(), &stores).await;
        let superuser = database.superuser().await;
        Self {
            _database: database,
            stores,
            fleet,
            crash,
            doomed,
            superuser,
        }
    }

    /// Makes tenants with `before`, kills programs that do `what` to them at each of their
    /// messages, and looks with `check` at what came of it. Each is named by its number.
    async fn kill(
        &mut self,
        before: impl AsyncFn(&Fleet, &Slug),
        what: impl AsyncFn(&Fleet, &Slug) -> Result<Tenant, Error>,
        check: impl AsyncFn(&Self, &Slug, After, Result<Tenant, Error>),
    ) {
        let mut number = 0;
        for after in [After::Rerun, After::Repair] {
            for last in [Last::Lost, Last::Unanswered] {
                for at in 0.. {
                    let name = slug(&format!("t{number}"));
                    number += 1;
                    before(&self.fleet, &name).await;
                    self.crash.rise(at, last);
                    let ended = what(&self.doomed, &name).await;
                    let happened = self.crash.happened();
                    assert!(happened || ended.is_ok(), "{at} {last:?}: {ended:?}");
                    let superuser = &mut self.superuser;
                    eventually("the end of every lock", async || {
                        (count(superuser, LOCKS).await == 0).then_some(())
                    })
                    .await;
                    let end = match after {
                        After::Rerun => what(&self.fleet, &name).await,
                        After::Repair => {
                            let report = self.fleet.repair(Repair::new(), |_| {}).await.unwrap();
                            assert!(report.is_complete(), "{at} {last:?}: {report:?}");
                            self.now(&name).await
                        }
                    };
                    check(self, &name, after, end).await;
                    let context = format!("killed at {at}, {last:?}, {after:?}");
                    let tenants = self.look(&context).await;
                    if let Some(tenant) = tenants.last() {
                        let table = format!("{}.notes", tenant.schema_name().quoted());
                        assert_eq!(count(&mut self.superuser, &table).await, 0, "{context}");
                    }
                    if !happened {
                        break;
                    }
                    assert!(at < 200, "it never comes to its end");
                }
            }
        }
        let report = self.fleet.repair(Repair::new(), |_| {}).await.unwrap();
        assert!(report.tenants.is_empty(), "{report:?}");
        assert!(number > 40, "{number} are too few messages");
    }

    async fn now(&self, name: &Slug) -> Result<Tenant, Error> {
        let found = self.fleet.tenant(name).await?;
        found.ok_or_else(|| Error::new(tenancy_sqlx::ErrorKind::RowNotFound, "it is not there"))
    }

    /// What holds for all tenants: whatever anybody has of one belongs to one that is whole.
    async fn look(&mut self, context: &str) -> Vec<Tenant> {
        let mut tenants = self.fleet.tenants().await.unwrap();
        for tenant in &tenants {
            let made = self
                .stores
                .each_ref()
                .map(|store| store.get(tenant, "made-for"));
            let slug = tenant.slug().to_string();
            assert_eq!(made, [Some(slug.clone()), Some(slug)], "{context}");
            assert_ne!(tenant.status(), Status::Provisioning, "{context}");
        }
        for id in self.stores.iter().flat_map(|store| store.tenants()) {
            assert!(tenants.iter().any(|tenant| tenant.id() == id), "{context}");
        }
        let strays = "SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^(t|new)[_0-9]'
             AND nspname NOT IN (SELECT schema_name FROM tenancy.tenants WHERE status <> 'purged')";
        let strays: Vec<String> = sqlx::query_scalar(AssertSqlSafe(strays))
            .fetch_all(&mut self.superuser)
            .await
            .unwrap();
        assert!(strays.is_empty(), "{context}: {strays:?}");
        tenants.sort_by_key(Tenant::created_at);
        tenants
    }

    fn stopped(&self, tenant: &Tenant) -> [bool; 2] {
        self.stores
            .each_ref()
            .map(|store| store.get(tenant, "stopped").is_some())
    }
}

async fn connect(options: PgConnectOptions, stores: &[Arc<Store>]) -> Fleet {
    let migrations = Migrations {
        shared: MigrationSet::default(),
        tenant: set([NOTES]),
    };
    let fleet = Fleet::connect(options, Some(APP.to_owned()), migrations).await;
    with_stores(fleet.unwrap(), stores)
}

async fn make(fleet: &Fleet, name: &Slug) {
    fleet.create(new(name), |_| {}).await.unwrap();
}

fn new(name: &Slug) -> NewTenant {
    NewTenant::new(name.clone()).domain(domain(&format!("{name}.example")))
}

#[tokio::test]
async fn a_tenant_is_created_wholly_or_not_at_all() {
    Stand::new()
        .await
        .kill(
            async |_, _| {},
            async |fleet, name| fleet.create(new(name), |_| {}).await,
            async |stand, name, after, end| match (after, end) {
                (After::Rerun, end) => {
                    let is_first = end.is_ok();
                    let tenant = stand.now(name).await.unwrap();
                    assert_eq!(tenant.status(), Status::Active, "{end:?}");
                    // Whoever was told nothing may find that it was done.
                    let text = end.map_or_else(|error| error.to_string(), |_| String::new());
                    assert!(is_first || text.contains("is taken"), "{text}");
                }
                (After::Repair, Ok(tenant)) => assert_eq!(tenant.status(), Status::Active),
                (After::Repair, Err(_)) => {}
            },
        )
        .await;
}

#[tokio::test]
async fn a_tenant_is_archived_in_every_store_or_in_none() {
    Stand::new()
        .await
        .kill(
            make,
            async |fleet, name| fleet.archive(name, None).await,
            async |stand, _, after, end| {
                let tenant = end.unwrap();
                match tenant.status() {
                    Status::Archived => assert_eq!(stand.stopped(&tenant), [true; 2]),
                    status => {
                        assert_eq!((status, after), (Status::Active, After::Repair));
                        assert_eq!(stand.stopped(&tenant), [false; 2]);
                    }
                }
            },
        )
        .await;
}

#[tokio::test]
async fn a_tenant_is_renamed_in_every_store_or_in_none() {
    let renamed = |name: &Slug| slug(&format!("new-{name}"));
    Stand::new()
        .await
        .kill(
            make,
            async |fleet, name| {
                let to = domain(&format!("new.{name}.example"));
                let from = domain(&format!("{name}.example"));
                let to = Rename::to(renamed(name)).domain(from, to);
                fleet.rename(name, to).await
            },
            // What the stores say is looked at for every tenant.
            async |stand, name, after, _| {
                let old = stand.fleet.tenant(name).await.unwrap();
                let new = stand.fleet.tenant(&renamed(name)).await.unwrap();
                assert_ne!(old.is_some(), new.is_some());
                assert!(after == After::Repair || new.is_some());
            },
        )
        .await;
}

#[tokio::test]
async fn a_tenant_is_purged_everywhere_or_nowhere() {
    Stand::new()
        .await
        .kill(
            async |fleet, name| {
                make(fleet, name).await;
                fleet.archive(name, None).await.unwrap();
            },
            async |fleet, name| fleet.purge(name, name).await,
            async |stand, name, after, _| {
                let left = stand.fleet.tenant(name).await.unwrap();
                if let Some(tenant) = left {
                    assert_eq!((tenant.status(), after), (Status::Archived, After::Repair));
                    return;
                }
                let named = Identifier::Slug(name.clone());
                assert_eq!(stand.fleet.residue(&named).await.unwrap(), []);
                let last = stand.fleet.journal(&named).await.unwrap().pop().unwrap();
                assert_eq!((&*last.kind, &*last.step), ("purge", "done"));
            },
        )
        .await;
}

#[tokio::test]
async fn nothing_of_a_purged_tenant_is_in_any_store_and_a_renamed_one_finds_all_of_its_own() {
    let database = TestDatabase::new().await;
    let stores = [
        Store::new("cache", ScopeKind::Cache),
        Store::new("index", ScopeKind::Index),
        Store::new("groups", ScopeKind::Channel),
        Store::new("tokens", ScopeKind::Lock),
        Store::new("files", ScopeKind::Object),
    ];
    let fleet = with_stores(fleet(&database, set([NOTES])).await, &stores);
    let [acme, globex] = [create(&fleet, "acme").await, create(&fleet, "globex").await];
    for store in &stores {
        for tenant in [&acme, &globex] {
            store.put(tenant, "one", tenant.slug().as_str());
            store.put(tenant, "two", "2");
        }
    }
    let to = Rename::to(slug("initech"));
    let renamed = fleet.rename(&slug("globex"), to).await.unwrap();
    fleet.archive(&slug("acme"), None).await.unwrap();
    let by_slug = Identifier::Slug(slug("acme"));
    let found = fleet.residue(&by_slug).await.unwrap();
    let found: Vec<_> = found.iter().map(|of| (&*of.store, of.left.len())).collect();
    let database_too = found.last().unwrap();
    assert_eq!(found[..5].iter().map(|(_, left)| left).sum::<usize>(), 20);
    assert_eq!(database_too.0, "postgres");

    // Whichever store is left out, the purge says so.
    for store in &stores {
        store.keep(true);
        let error = fleet.purge(&slug("acme"), &slug("acme")).await.unwrap_err();
        let text = error.to_string();
        let name = tenancy_core::TenantResource::name(&**store);
        assert!(
            text.contains(&format!("resource {name} still has")),
            "{text}"
        );
        store.keep(false);
        // The others are empty by now, and this one is filled again.
        for other in &stores {
            other.put(&acme, "one", "again");
        }
    }
    fleet.purge(&slug("acme"), &slug("acme")).await.unwrap();
    let by_id = Identifier::Id(acme.id());
    assert_eq!(fleet.residue(&by_id).await.unwrap(), []);
    assert_eq!(fleet.residue(&by_slug).await.unwrap(), []);
    for store in &stores {
        assert!(store.tenants().iter().all(|id| *id == globex.id()));
        assert_eq!(store.get(&renamed, "one").as_deref(), Some("globex"));
        assert_eq!(store.get(&renamed, "two").as_deref(), Some("2"));
        assert_eq!(store.get(&renamed, "made-for").as_deref(), Some("initech"));
    }
    let superuser = &mut database.superuser().await;
    let put = "INSERT INTO tenancy.outbox (id, tenant_id, topic, key, payload) VALUES";
    let late = format!(
        "{put} (gen_random_uuid(), '{}', 'late', '1', '{{}}')",
        acme.id()
    );
    run(superuser, &late).await;
    let left = fleet.residue(&by_id).await.unwrap();
    assert_eq!(left[0].left, ["1 row of tenancy.outbox"]);
}

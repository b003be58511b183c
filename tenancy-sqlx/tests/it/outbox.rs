//! The outbox as a feed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tenancy_core::outbox::{Claim, Feed, Hold, Lease, Next};
use tenancy_core::testing::{FeedFixture, context, feed_contract};
use tenancy_core::{Status, Tenant, TenantContext, TenantId};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{Database, Fleet, Migrations, OutboxEntry, PgOutbox, TenantDb};
use uuid::Uuid;

pub(crate) const TOPICS: [&str; 1] = ["search.products"];

/// A prepared database whose tenants have no tables: only messages.
pub(crate) struct World {
    pub(crate) test: TestDatabase,
    pub(crate) database: Database,
}

impl World {
    pub(crate) async fn new() -> Self {
        let test = TestDatabase::new().await;
        let login = Some(test.app_login());
        let fleet = Fleet::connect(test.owner_options(), login, Migrations::default()).await;
        let fleet = fleet.unwrap();
        fleet.prepare().await.unwrap();
        let database = connect(test.app_options()).await;
        Self { test, database }
    }

    pub(crate) fn feed(&self) -> PgOutbox {
        PgOutbox::new(&self.database)
    }

    /// Adds an active tenant.
    pub(crate) async fn tenant(&self) -> TenantContext {
        let name = format!("t{}", Uuid::now_v7().simple());
        let context = context(&name);
        register(&mut self.test.superuser().await, context.tenant()).await;
        context
    }

    pub(crate) async fn tenants(&self, count: usize) -> Vec<TenantContext> {
        let mut superuser = self.test.superuser().await;
        let mut made = Vec::new();
        for _ in 0..count {
            let context = context(&format!("t{}", Uuid::now_v7().simple()));
            register(&mut superuser, context.tenant()).await;
            made.push(context);
        }
        made
    }

    pub(crate) fn of(&self, tenant: &TenantContext) -> TenantDb {
        self.database.tenant(tenant)
    }

    /// Commits messages about these things.
    pub(crate) async fn append(&self, tenant: &TenantContext, keys: impl IntoIterator<Item = i32>) {
        append(&self.of(tenant), keys).await;
    }

    pub(crate) async fn status(&self, tenant: TenantId, status: Status) {
        let sql = format!("UPDATE tenancy.tenants SET status = '{status}' WHERE id = '{tenant}'");
        self.run(sql).await;
    }

    pub(crate) async fn run(&self, sql: impl Into<String>) {
        run(&mut self.test.superuser().await, sql).await;
    }

    pub(crate) async fn count(&self, what: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {what}");
        let count = sqlx::query_scalar(AssertSqlSafe(sql));
        count
            .fetch_one(&mut self.test.superuser().await)
            .await
            .unwrap()
    }
}

pub(crate) async fn connect(app: PgConnectOptions) -> Database {
    let app = crate::topology::through(app);
    let database = Database::connect(app, crate::server::settings()).await;
    database.unwrap()
}

async fn register(superuser: &mut PgConnection, tenant: &Tenant) {
    sqlx::query(
        "INSERT INTO tenancy.tenants (id, slug, schema_name, name, status)
         VALUES ($1, $2, $3, '', $4)",
    )
    .bind(tenant.id().as_uuid())
    .bind(tenant.slug().as_str())
    .bind(tenant.schema_name().as_str())
    .bind(tenant.status().to_string())
    .execute(superuser)
    .await
    .unwrap();
}

pub(crate) async fn append(db: &TenantDb, keys: impl IntoIterator<Item = i32>) {
    let mut tx = db.begin().await.unwrap();
    for key in keys {
        let entry = OutboxEntry::new(TOPICS[0], key.to_string());
        tx.append(entry).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn run(superuser: &mut PgConnection, sql: impl Into<String>) {
    let sql = sql.into();
    let done = sqlx::raw_sql(AssertSqlSafe(sql.clone()))
        .execute(superuser)
        .await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Waits for something that others do, until they have had long enough.
pub(crate) async fn eventually<F, T>(what: &str, mut look: F) -> T
where
    F: AsyncFnMut() -> Option<T>,
{
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn claim() -> Claim<'static> {
    Claim {
        consumer: "search",
        topics: &TOPICS,
        span: Duration::from_mins(10),
    }
}

async fn keys(feed: &dyn Feed, lease: &Lease) -> Vec<String> {
    let messages = feed.messages(lease, &TOPICS, 1_000).await.unwrap();
    messages.into_iter().map(|message| message.key).collect()
}

#[async_trait]
impl FeedFixture for World {
    fn feed(&self) -> Arc<dyn Feed> {
        Arc::new(self.feed())
    }

    async fn add_tenant(&self) -> TenantId {
        self.tenant().await.id()
    }

    async fn set_status(&self, tenant: TenantId, status: Status) {
        self.status(tenant, status).await;
        if status == Status::Purged {
            for table in ["outbox", "outbox_leases"] {
                let sql = format!("DELETE FROM tenancy.{table} WHERE tenant_id = '{tenant}'");
                self.run(sql).await;
            }
        }
    }

    async fn append(&self, tenant: TenantId, topic: &str, key: &str) -> Uuid {
        let slug = tenancy_core::Slug::parse("whoever").unwrap();
        let schema = tenancy_core::SchemaName::parse("whoever").unwrap();
        let tenant = Tenant::new(tenant, slug, schema).with_status(Status::Active);
        let context = TenantContext::new(tenant.into(), "test").unwrap();
        let mut tx = self.of(&context).begin().await.unwrap();
        let id = tx.append(OutboxEntry::new(topic, key)).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn pass(&self, span: Duration) {
        let span = format!("interval '{} ms'", span.as_millis());
        self.run(format!(
            "UPDATE tenancy.outbox_leases
             SET held_until = held_until - {span}, not_before = not_before - {span}"
        ))
        .await;
    }
}

#[tokio::test]
async fn the_outbox_keeps_the_contract_of_feeds() {
    let world = World::new().await;
    for _ in 0..2 {
        feed_contract(&world).await;
    }
}

#[tokio::test]
async fn a_message_is_there_exactly_when_its_transaction_is() {
    if crate::topology::lacks_sessions(2) {
        return;
    }
    let world = World::new().await;
    let (feed, acme) = (world.feed(), world.tenant().await);
    let entry = |key: &str| OutboxEntry::new(TOPICS[0], key);
    let db = world.of(&acme);

    let mut tx = db.begin().await.unwrap();
    tx.append(entry("rolled back")).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.append(entry("dropped")).await.unwrap();
    drop(tx);
    let mut tx = db.begin().await.unwrap();
    tx.append(entry("kept")).await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    savepoint.append(entry("undone")).await.unwrap();
    savepoint.rollback().await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    savepoint.append(entry("kept, too")).await.unwrap();
    savepoint.commit().await.unwrap();
    assert!(feed.claim(&claim(), 10).await.unwrap().is_empty());
    tx.commit().await.unwrap();

    let leases = feed.claim(&claim(), 10).await.unwrap();
    assert_eq!(keys(&feed, &leases[0]).await, ["kept", "kept, too"]);
}

#[tokio::test]
async fn transactions_that_overlap_and_commit_in_another_order_lose_nothing() {
    if crate::topology::lacks_sessions(2) {
        return;
    }
    let world = World::new().await;
    let (feed, acme) = (world.feed(), world.tenant().await);
    let db = world.of(&acme);
    let mut slow = db.begin().await.unwrap();
    slow.append(OutboxEntry::new(TOPICS[0], "slow"))
        .await
        .unwrap();
    world.append(&acme, [1, 2]).await;

    let lease = feed.claim(&claim(), 1).await.unwrap().remove(0);
    let messages = feed.messages(&lease, &TOPICS, 10).await.unwrap();
    assert_eq!(messages.len(), 2, "what is not committed is not told");
    slow.commit().await.unwrap();
    assert_eq!(feed.done(&lease, &messages).await.unwrap(), Hold::Held);
    assert_eq!(
        keys(&feed, &lease).await,
        ["slow"],
        "its number is lower, and it stays"
    );
    feed.release(lease, Next::Now).await.unwrap();

    let lease = feed.claim(&claim(), 1).await.unwrap().remove(0);
    let messages = feed.messages(&lease, &TOPICS, 10).await.unwrap();
    assert_eq!(messages[0].key, "slow");
}

#[tokio::test]
async fn of_programs_that_claim_together_each_gets_other_tenants() {
    let world = World::new().await;
    for tenant in world.tenants(40).await {
        world.append(&tenant, [1]).await;
    }
    let feeds: Vec<_> = (0..4).map(|_| world.feed()).collect();
    let mut given = Vec::new();
    for _ in 0..10 {
        let claims = feeds
            .iter()
            .map(|feed| async { feed.claim(&claim(), 3).await.unwrap() });
        given.extend(
            futures_util::future::join_all(claims)
                .await
                .into_iter()
                .flatten(),
        );
    }
    let mut tenants: Vec<_> = given.iter().map(Lease::tenant).collect();
    tenants.sort();
    tenants.dedup();
    assert_eq!(
        (given.len(), tenants.len()),
        (40, 40),
        "each has one holder"
    );
    let mut fences: Vec<_> = given.iter().map(Lease::fence).collect();
    fences.sort();
    fences.dedup();
    assert_eq!(fences.len(), 40, "no fence is given twice");
}

/// Waits until somebody waits for a lock.
async fn somebody_waits(world: &World) {
    eventually("a wait for a lock", async || {
        let waiting = "pg_stat_activity WHERE datname = current_database() \
             AND wait_event_type = 'Lock'";
        (world.count(waiting).await == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_fence_is_drawn_after_every_lease_before_it_has_ended() {
    let world = World::new().await;
    let (feed, acme) = (world.feed(), world.tenant().await);
    world.append(&acme, [1]).await;
    let first = feed.claim(&claim(), 1).await.unwrap().remove(0);
    feed.release(first, Next::Now).await.unwrap();
    // Another program is about to lease the tenant, and gives it back in the end.
    let mut superuser = world.test.superuser().await;
    run(
        &mut superuser,
        "BEGIN; UPDATE tenancy.outbox_leases SET attempts = 0",
    )
    .await;
    let waiting = tokio::spawn({
        let feed = feed.clone();
        async move { feed.claim(&claim(), 1).await.unwrap() }
    });
    somebody_waits(&world).await;
    let other: i64 = sqlx::query_scalar(
        "UPDATE tenancy.outbox_leases SET fence = nextval('tenancy.outbox_fence') RETURNING fence",
    )
    .fetch_one(&mut superuser)
    .await
    .unwrap();
    run(&mut superuser, "COMMIT").await;
    let lease = waiting.await.unwrap().remove(0);
    assert!(
        lease.fence().get() > other.unsigned_abs(),
        "{lease:?} is not above {other}"
    );
}

#[tokio::test]
async fn a_lease_that_is_taken_while_its_messages_are_removed_removes_none() {
    let world = World::new().await;
    let (feed, acme) = (world.feed(), world.tenant().await);
    world.append(&acme, [1]).await;
    let lease = feed.claim(&claim(), 1).await.unwrap().remove(0);
    let messages = feed.messages(&lease, &TOPICS, 10).await.unwrap();
    let mut superuser = world.test.superuser().await;
    let taken = "BEGIN; UPDATE tenancy.outbox_leases SET fence = nextval('tenancy.outbox_fence')";
    run(&mut superuser, taken).await;
    let removing = tokio::spawn({
        let (feed, lease) = (feed.clone(), lease.clone());
        async move { feed.done(&lease, &messages).await.unwrap() }
    });
    somebody_waits(&world).await;
    run(&mut superuser, "COMMIT").await;
    assert_eq!(removing.await.unwrap(), Hold::Lost);
    assert_eq!(keys(&feed, &lease).await, ["1"]);
}

#[tokio::test]
async fn pauses_grow_with_each_failure_in_a_row_and_are_the_servers() {
    let world = World::new().await;
    let feed = world
        .feed()
        .pauses(Duration::from_secs(100), Duration::from_secs(400));
    let acme = world.tenant().await;
    world.append(&acme, [1]).await;
    let left = "SELECT extract(epoch FROM not_before - now())::float8, attempts, last_error
         FROM tenancy.outbox_leases";
    for (attempts, pause) in [(1, 100.0), (2, 200.0), (3, 400.0), (4, 400.0)] {
        let lease = feed.claim(&claim(), 1).await.unwrap().remove(0);
        let began = Instant::now();
        feed.release(
            lease,
            Next::AfterFailure(format!("for the {attempts}. time")),
        )
        .await
        .unwrap();
        let mut superuser = world.test.superuser().await;
        let row: (f64, i32, String) = sqlx::query_as(left)
            .fetch_one(&mut superuser)
            .await
            .unwrap();
        let since = began.elapsed().as_secs_f64();
        assert!(row.0 <= pause && row.0 >= pause * 0.75 - since, "{row:?}");
        assert_eq!(
            (row.1, row.2),
            (attempts, format!("for the {attempts}. time"))
        );
        world
            .run("UPDATE tenancy.outbox_leases SET not_before = now() - interval '1 s'")
            .await;
    }
    let lease = feed.claim(&claim(), 1).await.unwrap().remove(0);
    feed.release(lease, Next::Now).await.unwrap();
    let untroubled = "tenancy.outbox_leases WHERE attempts = 0 AND not_before IS NULL
         AND last_error IS NULL AND held_until IS NULL";
    assert_eq!(world.count(untroubled).await, 1);
}

#[tokio::test]
async fn whoever_waits_for_an_append_learns_of_those_that_went_before() {
    let world = World::new().await;
    let (feed, acme) = (world.feed(), world.tenant().await);
    let seen = feed.appended(u64::MAX).await;
    let waiting = tokio::spawn({
        let feed = feed.clone();
        async move { feed.appended(seen).await }
    });
    world.append(&acme, [1]).await;
    let now = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    let now = now.expect("a commit wakes whoever waits").unwrap();
    assert!(now > seen);
    assert_eq!(
        feed.appended(seen).await,
        now,
        "it is not missed by who comes late"
    );
    // What is rolled back wakes nobody.
    let mut tx = world.of(&acme).begin().await.unwrap();
    tx.append(OutboxEntry::new(TOPICS[0], "1")).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(feed.appended(seen).await, now);
}

//! What a tenant costs a read: the SQL door with a hundred tenants in rotation, against the same
//! statement on a plain sqlx pool and one schema.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor};
use tenancy_benches::{Comparison, Plan, report};
use tenancy_core::{SchemaName, Slug, Status, Tenant, TenantContext, TenantId};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{Database, PoolSettings, TenantDb, tenant_sql};

const TENANTS: usize = 100;
const ROWS: i64 = 1_000;
const CONNECTIONS: u32 = 8;
const TASKS: u64 = 16;

type Row = (i64, String);
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let plan = Plan::from_args();
    let test = TestDatabase::new().await;
    let tenants = make(&test).await?;
    let floor = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .test_before_acquire(false)
        .connect_with(test.app_options().statement_cache_capacity(512))
        .await?;
    let settings = PoolSettings::default().max_connections(CONNECTIONS);
    let database = Database::connect(test.app_options(), settings).await?;
    let doors: Arc<[TenantDb]> = tenants
        .iter()
        .map(|context| database.tenant(context))
        .collect();

    let mut one = Comparison {
        name: "one row by primary key",
        rounds: Vec::new(),
    };
    let mut list = Comparison {
        name: "a list of 20 rows",
        rounds: Vec::new(),
    };
    // The first round warms connections and statements up and is not counted.
    for round in 0..=plan.rounds {
        let pairs = [
            (
                rate(plan, doors.clone(), read_one).await?,
                rate(plan, floor.clone(), floor_one).await?,
            ),
            (
                rate(plan, doors.clone(), read_list).await?,
                rate(plan, floor.clone(), floor_list).await?,
            ),
        ];
        if round > 0 {
            one.rounds.push(pairs[0]);
            list.rounds.push(pairs[1]);
        }
    }
    report("hotpath", &[one, list])?;
    database.close().await;
    floor.close().await;
    test.drop_database().await;
    Ok(())
}

/// Runs `operation` in some tasks for a slice and gives the operations per second.
async fn rate<T, F>(plan: Plan, target: T, operation: fn(T, u64) -> F) -> Result<f64, Failure>
where
    T: Clone + Send + 'static,
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let count = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let (target, count) = (target.clone(), Arc::clone(&count));
        tasks.spawn(async move {
            while start.elapsed() < plan.slice {
                operation(target.clone(), count.fetch_add(1, Ordering::Relaxed)).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 operations")]
    Ok(count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

/// A row's number that wanders over the table.
fn id(n: u64) -> i64 {
    i64::try_from(n * 7919 % ROWS.unsigned_abs()).unwrap_or_default() + 1
}

fn door(doors: &[TenantDb], n: u64) -> &TenantDb {
    &doors[usize::try_from(n).unwrap_or_default() % doors.len()]
}

async fn read_one(doors: Arc<[TenantDb]>, n: u64) -> Result<(), Failure> {
    let statement = tenant_sql!("SELECT id, title FROM posts WHERE id = $1");
    let row: Row = door(&doors, n)
        .query_as(statement)
        .bind(id(n))
        .fetch_one()
        .await?;
    check(&row, n)
}

async fn floor_one(pool: PgPool, n: u64) -> Result<(), Failure> {
    let statement = "SELECT id, title FROM plain.posts WHERE id = $1";
    let row: Row = sqlx::query_as(statement)
        .bind(id(n))
        .fetch_one(&pool)
        .await?;
    check(&row, n)
}

async fn read_list(doors: Arc<[TenantDb]>, n: u64) -> Result<(), Failure> {
    let statement = tenant_sql!("SELECT id, title FROM posts WHERE id >= $1 ORDER BY id LIMIT 20");
    let rows: Vec<Row> = door(&doors, n)
        .query_as(statement)
        .bind(id(n))
        .fetch_all()
        .await?;
    check(&rows[0], n)
}

async fn floor_list(pool: PgPool, n: u64) -> Result<(), Failure> {
    let statement = "SELECT id, title FROM plain.posts WHERE id >= $1 ORDER BY id LIMIT 20";
    let rows: Vec<Row> = sqlx::query_as(statement)
        .bind(id(n))
        .fetch_all(&pool)
        .await?;
    check(&rows[0], n)
}

/// A bench that reads the wrong row measures nothing.
fn check(row: &Row, n: u64) -> Result<(), Failure> {
    if row.0 == id(n) {
        Ok(())
    } else {
        Err(format!("asked for {} and got {row:?}", id(n)).into())
    }
}

/// Makes the tables: one plain schema, and one per tenant.
async fn make(test: &TestDatabase) -> Result<Vec<TenantContext>, Failure> {
    let mut owner = test.superuser().await;
    let mut contexts = Vec::new();
    let mut schemas = vec!["plain".to_owned()];
    for n in 0..TENANTS {
        let name = format!("t{n}");
        let tenant = Tenant::new(
            TenantId::generate(),
            Slug::parse(&name)?,
            SchemaName::parse(&name)?,
        )
        .with_status(Status::Active);
        contexts.push(TenantContext::new(Arc::new(tenant), "bench")?);
        schemas.push(name);
    }
    let login = test.app_options().get_username().to_owned();
    for schema in schemas {
        owner
            .execute(sqlx::raw_sql(AssertSqlSafe(format!(
                "CREATE SCHEMA {schema};
                 CREATE TABLE {schema}.posts (id bigint PRIMARY KEY, title text NOT NULL);
                 INSERT INTO {schema}.posts
                     SELECT n, 'A post of moderate length, number ' || n
                     FROM generate_series(1, {ROWS}) n;
                 GRANT USAGE ON SCHEMA {schema} TO {login};
                 GRANT SELECT ON {schema}.posts TO {login};
                 ANALYZE {schema}.posts;"
            ))))
            .await?;
    }
    Ok(contexts)
}

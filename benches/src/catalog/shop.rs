//! Some tenants with the same products, in PostgreSQL and in the engine.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Executor, FromRow};
use tenancy_core::outbox::Fence;
use tenancy_core::{Domain, Error, Prefix, Slug, TenantContext};
use tenancy_search::{
    Change, Document, ElasticEngine, ElasticOptions, Engine, Index, Kind, Operation, Placement,
    Source, Words,
};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{
    Database, Fleet, Migration, MigrationSet, Migrations, NewTenant, PoolSettings, Read, TenantSql,
    tenant_sql,
};
use uuid::Uuid;

use crate::plan::Failure;

/// Tenants in rotation.
pub(super) const TENANTS: usize = 10;
/// Products of each.
pub(super) const PRODUCTS: u64 = 1_000;

const TABLE: &str = "CREATE TABLE products (
    id uuid PRIMARY KEY, name text NOT NULL, sku text NOT NULL UNIQUE, description text NOT NULL,
    price_cents bigint NOT NULL, stock bigint NOT NULL)";

/// What is searched.
pub(super) const KIND: Kind = Kind::new("products");

/// A product as clients see it.
#[derive(Debug, Clone, Serialize, Deserialize, FromRow)]
pub(super) struct Product {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) sku: String,
    pub(super) description: String,
    pub(super) price_cents: i64,
    pub(super) stock: i64,
}

/// The tenants, and where the tests' services are.
#[derive(Debug)]
pub struct Shop {
    pub(super) database: Database,
    pub(super) tenants: Arc<[TenantContext]>,
    pub(super) prefix: Prefix,
    pub(super) redis: String,
    pub(super) elasticsearch: String,
    test: TestDatabase,
}

impl Shop {
    /// Makes the tenants and writes their products into both.
    ///
    /// # Errors
    ///
    /// When a service is not named by `TEST_REDIS_URL` and `TEST_ELASTICSEARCH_URL`, and what they
    /// and the database answer.
    pub async fn open() -> Result<Self, Failure> {
        let service = |name: &str| {
            std::env::var(name).map_err(|_| format!("{name} is not set: run scripts/bench catalog"))
        };
        let test = TestDatabase::new().await;
        let migrations = Migrations {
            shared: MigrationSet::default(),
            tenant: MigrationSet::new([Migration::new(1, "products", TABLE)])?,
        };
        let fleet = Fleet::connect(test.owner_options(), Some(test.app_login()), migrations);
        let fleet = fleet.await?;
        fleet.prepare().await?;
        let mut tenants = Vec::new();
        for number in 0..TENANTS {
            let domain = Domain::parse(&format!("{}.localhost", name(number)))?;
            let new = NewTenant::new(Slug::parse(&name(number))?).domain(domain);
            let tenant = fleet.create(new, |_| {}).await?;
            tenants.push(TenantContext::new(Arc::new(tenant), "bench")?);
        }
        let mut superuser = test.superuser().await;
        for number in 0..TENANTS {
            let schema = name(number);
            let rows = format!(
                "INSERT INTO {schema}.products
                 SELECT lpad(to_hex(n), 32, '0')::uuid,
                        '{schema} ' || (ARRAY['Wireless keyboard', 'Walnut desk', 'Desk lamp',
                            'Paper tray', 'Office chair'])[n % 5 + 1] || ' ' || n,
                        'SKU-' || n, repeat('Made to be used every day. ', 6), n * 100, n
                 FROM generate_series(1, {PRODUCTS}) n; ANALYZE {schema}.products"
            );
            superuser
                .execute(sqlx::raw_sql(AssertSqlSafe(rows)))
                .await?;
        }
        let settings = PoolSettings::default().max_connections(8);
        let shop = Self {
            database: Database::connect(test.app_options(), settings).await?,
            tenants: tenants.into(),
            prefix: Prefix::parse(&format!("bench{}", std::process::id()))?,
            redis: service("TEST_REDIS_URL")?,
            elasticsearch: service("TEST_ELASTICSEARCH_URL")?,
            test,
        };
        shop.index().await?;
        Ok(shop)
    }

    /// The engine on the tests' server.
    pub(super) fn engine(&self) -> Result<ElasticEngine, Error> {
        ElasticEngine::new(&self.elasticsearch, ElasticOptions::default())
    }

    async fn index(&self) -> Result<(), Failure> {
        let engine = self.engine()?;
        let rows = Rows(self.database.clone());
        for tenant in self.tenants.iter() {
            let index = Index::new(tenant, &self.prefix, KIND)?;
            engine.provision(&index, Placement::Dedicated).await?;
            let operations: Vec<_> = rows
                .scan(tenant, None, usize::MAX >> 1)
                .await?
                .into_iter()
                .map(|Document { id, name, text }| Operation {
                    id,
                    fence: Fence::new(u64::MAX >> 2),
                    change: Change::Put(Words::of(&name, &text)),
                })
                .collect();
            engine.write(&index, &operations).await?;
            engine.refresh(&index).await?;
        }
        Ok(())
    }

    /// Removes what was made.
    ///
    /// # Errors
    ///
    /// When the engine does not answer.
    pub async fn close(self) -> Result<(), Failure> {
        let engine = self.engine()?;
        for tenant in self.tenants.iter() {
            engine.purge(&self.prefix, tenant.id(), &[KIND]).await?;
        }
        self.database.close().await;
        self.test.drop_database().await;
        Ok(())
    }
}

/// The products' words.
#[derive(Debug)]
struct Rows(Database);

#[async_trait]
impl Source for Rows {
    fn kind(&self) -> Kind {
        KIND
    }

    async fn load(&self, context: &TenantContext, ids: &[Uuid]) -> Result<Vec<Document>, Error> {
        let all = self.scan(context, None, usize::MAX >> 1).await?;
        Ok(all
            .into_iter()
            .filter(|found| ids.contains(&found.id))
            .collect())
    }

    async fn scan(
        &self,
        context: &TenantContext,
        _: Option<Uuid>,
        _: usize,
    ) -> Result<Vec<Document>, Error> {
        let db = self.0.tenant(context);
        let all = tenant_sql!(
            "SELECT id, name, sku, description, price_cents, stock FROM products ORDER BY id"
        );
        let products: Vec<Product> = db.query_as(all).fetch_all().await?;
        Ok(products
            .into_iter()
            .map(|product| Document {
                id: product.id,
                name: product.name,
                text: product.description,
            })
            .collect())
    }
}

/// The schema and slug of a tenant.
pub(super) fn name(number: usize) -> String {
    format!("t{number:04}")
}

/// The number of the product that operation `n` asks for; wanders over a part of the table, as
/// visitors do.
pub(super) fn product_of(n: u64) -> u64 {
    n * 7919 % (PRODUCTS / 4) + 1
}

/// One product by its key.
pub(super) fn one() -> &'static TenantSql<Read> {
    tenant_sql!("SELECT id, name, sku, description, price_cents, stock FROM products WHERE id = $1")
}

/// A page of products from a key on.
pub(super) fn list() -> &'static TenantSql<Read> {
    tenant_sql!(
        "SELECT id, name, sku, description, price_cents, stock
         FROM products WHERE id >= $1 ORDER BY id LIMIT 20"
    )
}

//! The tenants of one test, in a database that no other test sees.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, raw_sql};
use tenancy_core::testing::{Canary, Party};
use tenancy_core::{Domain, Slug, Tenant, TenantContext};
use tokio::sync::OnceCell;

use super::argument::Needs;
use super::database::TestDatabase;
use super::rows::TenantRows;
use super::template::Home;
use crate::{Database, Fleet, NewTenant, PoolSettings, TenantDb};

/// Everything that one test works on: a database with the migrations applied, and as many tenants
/// in it as the test asks for.
///
/// A test gets it from [`#[tenancy_sqlx::test]`](macro@crate::test). Cloning copies a pointer.
#[derive(Debug, Clone)]
pub struct TestTenants {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    // Before the database: its connections end first.
    database: OnceCell<Database>,
    home: Arc<Home>,
    needs: Needs,
    /// The tenants of this test.
    made: Mutex<Vec<Tenant>>,
}

/// One tenant of a test.
///
/// It is called `tenant-1` or another number, and answers on `tenant-1.example`.
#[derive(Debug, Clone)]
pub struct TestTenant {
    context: TenantContext,
    db: TenantDb,
    host: String,
}

/// Few connections, because tests run beside each other.
const CONNECTIONS: u32 = 4;

impl TestTenants {
    /// Begins a test on the migrations of `folder`.
    pub(super) async fn of(folder: &'static str, needs: Needs) -> Self {
        let inner = Inner {
            database: OnceCell::new(),
            home: Home::get(folder, needs).await,
            needs,
            made: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Makes another tenant, with all its tables and nothing in them.
    ///
    /// Two tenants of one test have the same ids in their rows, because each has sequences of its
    /// own.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    pub async fn tenant(&self) -> TestTenant {
        let number = self.inner.home.next();
        let slug = format!("tenant-{number}");
        let host = format!("{slug}.example");
        let new = NewTenant::new(Slug::parse(&slug).expect("letters and a number"))
            .domain(Domain::parse(&host).expect("a slug is a label"));
        let tenant = self
            .fleet()
            .create(new, |_| {})
            .await
            .unwrap_or_else(|error| panic!("cannot make a tenant for the test: {error:?}"));
        self.inner.made().push(tenant.clone());
        let context = TenantContext::new(Arc::new(tenant), "test").expect("a new one is active");
        TestTenant {
            db: self.database().await.tenant(&context),
            context,
            host,
        }
    }

    /// The application's connections.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub async fn database(&self) -> Database {
        let connect = || async {
            let settings = PoolSettings::default().max_connections(CONNECTIONS);
            Database::connect(self.test_database().app_options(), settings)
                .await
                .unwrap_or_else(|error| panic!("the test's database does not answer: {error:?}"))
        };
        self.inner.database.get_or_init(connect).await.clone()
    }

    /// The owner's side, which makes, changes and purges tenants.
    pub fn fleet(&self) -> &Fleet {
        &self.inner.home.fleet
    }

    /// The database itself and its logins.
    pub fn test_database(&self) -> &TestDatabase {
        &self.inner.home.test
    }

    /// Shows the isolation kit every row of a tenant.
    pub fn rows(&self) -> TenantRows {
        TenantRows::of(self.test_database().superuser_options())
    }

    /// Suspends a tenant of the test; the result is its part in the isolation kit.
    ///
    /// # Panics
    ///
    /// When it cannot be suspended.
    pub async fn suspend(&self, tenant: &TestTenant) -> Party {
        let suspended = self.fleet().suspend(tenant.context.slug()).await;
        let suspended = suspended
            .unwrap_or_else(|error| panic!("cannot suspend a tenant of the test: {error:?}"));
        Party::new(&suspended, &tenant.host)
    }

    /// Ends a test that passed: its tenants go, or the whole database.
    pub(super) async fn finish(self) {
        // A database of its own goes with the last pointer to it.
        if self.inner.needs == Needs::Tenants {
            // What cannot be dropped goes with the database.
            let _ = self.remove().await;
        }
    }

    async fn remove(&self) -> Result<(), sqlx::Error> {
        // Whoever still holds a lock has left it behind.
        let mut statements = vec!["SET LOCAL lock_timeout = '2s'".to_owned()];
        let made = std::mem::take(&mut *self.inner.made());
        if made.is_empty() {
            return Ok(());
        }
        for tenant in made {
            let (id, schema) = (tenant.id(), tenant.schema_name().quoted());
            statements.push(format!("DROP SCHEMA IF EXISTS {schema} CASCADE"));
            for (table, column) in OF_TENANTS {
                statements.push(format!(
                    "DELETE FROM tenancy.{table} WHERE {column} = '{id}'"
                ));
            }
        }
        let mut connection = self.test_database().superuser_options().connect().await?;
        // Statements that are sent at once are one transaction.
        let statements = AssertSqlSafe(statements.join("; "));
        raw_sql(statements).execute(&mut connection).await?;
        connection.close().await
    }

    /// Keeps everything of a test that failed, and says where it is.
    pub(super) fn keep(&self) {
        match self.inner.needs {
            Needs::Database => self.inner.home.test.keep(),
            Needs::Tenants => self.inner.say_where(),
        }
    }
}

/// Where the framework has rows of tenants, what refers to others first.
const OF_TENANTS: [(&str, &str); 6] = [
    ("jobs", "tenant_id"),
    ("outbox", "tenant_id"),
    ("outbox_leases", "tenant_id"),
    ("audit", "tenant_id"),
    ("migrations", "tenant_id"),
    ("tenants", "id"),
];

impl Inner {
    fn made(&self) -> MutexGuard<'_, Vec<Tenant>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say_where(&self) {
        let schemas: Vec<_> = self
            .made()
            .iter()
            .map(|tenant| tenant.schema_name().to_string())
            .collect();
        if schemas.is_empty() {
            return;
        }
        let what = format!("the test's tenants, in {}, are", schemas.join(", "));
        self.home.test.say_where(&what);
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A database of its own says so itself.
        if std::thread::panicking() && self.needs == Needs::Tenants {
            self.say_where();
        }
    }
}

impl TestTenant {
    /// Its rows.
    pub fn db(&self) -> &TenantDb {
        &self.db
    }

    /// The proof that it is this tenant, from which everything of it is made.
    pub fn context(&self) -> &TenantContext {
        &self.context
    }

    /// The tenant.
    pub fn tenant(&self) -> &Tenant {
        self.context.tenant()
    }

    /// The host that it answers on, which is its domain.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The word for its rows, which nobody else may get to see.
    pub fn canary(&self) -> Canary {
        Canary::for_tenant(&self.context.id())
    }

    /// Its part in the isolation kit.
    pub fn party(&self) -> Party {
        Party::new(self.context.tenant(), &self.host)
    }
}

//! What a test may take as its arguments.

use tenancy_core::TenantContext;

use super::tenants::{TestTenant, TestTenants};
use crate::{Database, Fleet, Scope, ScopedDb, SharedDb, TenantDb};

/// What a test of [`#[tenancy_sqlx::test]`](macro@crate::test) may take as an argument.
///
/// Every argument that is a tenant's is a new tenant. A fixture of one's own is made from them:
///
/// ```
/// use tenancy_sqlx::TenantDb;
/// use tenancy_sqlx::testing::{FromTest, Needs, TestTenants};
///
/// /// A tenant with three posts.
/// struct Blog(TenantDb);
///
/// impl FromTest for Blog {
///     const NEEDS: Needs = Needs::Tenants;
///
///     async fn from_test(tenants: &TestTenants) -> Self {
///         let db = TenantDb::from_test(tenants).await;
///         // … insert the posts …
///         Self(db)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a #[tenancy_sqlx::test]",
    label = "not made by the test",
    note = "take TenantDb, ScopedDb, TenantContext or TestTenant for a new tenant each, TestTenants, Fleet, Database or SharedDb",
    note = "or implement tenancy_sqlx::testing::FromTest for a fixture of your own"
)]
pub trait FromTest: Sized {
    /// What the argument reaches.
    const NEEDS: Needs = Needs::Database;

    /// Makes the argument.
    ///
    /// # Panics
    ///
    /// When it cannot be made; that fails the test.
    fn from_test(tenants: &TestTenants) -> impl Future<Output = Self>;
}

/// What an argument of a test reaches, which decides how fast the test begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// The rows of tenants that are made for it. Tests with nothing else share a database, in
    /// which each has tenants of its own.
    Tenants,
    /// Also what all tenants share, and the fleet itself: the test gets a database of its own,
    /// which takes several times as long to make.
    Database,
}

impl Needs {
    /// What a test needs whose arguments need these.
    pub(super) const fn most(needs: &[Self]) -> Self {
        let mut rest = needs;
        while let [first, tail @ ..] = rest {
            if matches!(first, Self::Database) {
                return Self::Database;
            }
            rest = tail;
        }
        Self::Tenants
    }
}

impl FromTest for TestTenants {
    async fn from_test(tenants: &TestTenants) -> Self {
        tenants.clone()
    }
}

impl FromTest for TestTenant {
    const NEEDS: Needs = Needs::Tenants;

    async fn from_test(tenants: &TestTenants) -> Self {
        tenants.tenant().await
    }
}

impl FromTest for TenantContext {
    const NEEDS: Needs = Needs::Tenants;

    async fn from_test(tenants: &TestTenants) -> Self {
        tenants.tenant().await.context().clone()
    }
}

impl FromTest for TenantDb {
    const NEEDS: Needs = Needs::Tenants;

    async fn from_test(tenants: &TestTenants) -> Self {
        let tenant = tenants.tenant().await;
        tenants.database().await.tenant(tenant.context())
    }
}

impl FromTest for ScopedDb {
    const NEEDS: Needs = Needs::Tenants;

    async fn from_test(tenants: &TestTenants) -> Self {
        TenantDb::from_test(tenants).await.scoped(Scope::Path)
    }
}

impl FromTest for Database {
    async fn from_test(tenants: &TestTenants) -> Self {
        tenants.database().await
    }
}

impl FromTest for SharedDb {
    async fn from_test(tenants: &TestTenants) -> Self {
        tenants.database().await.shared()
    }
}

impl FromTest for Fleet {
    async fn from_test(tenants: &TestTenants) -> Self {
        tenants.fleet().clone()
    }
}

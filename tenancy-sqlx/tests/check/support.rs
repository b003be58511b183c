//! A fleet with one tenant, and crates that are only source.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tenancy_core::{Slug, TenantContext};
use tenancy_sqlx::testing::TestDatabase;
use tenancy_sqlx::{
    Database, Fleet, Migration, MigrationSet, Migrations, NewTenant, PoolSettings, TenantDb,
};

pub(crate) const BLOGS: &str = "CREATE TABLE blogs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    body text NOT NULL DEFAULT ''
);";

pub(crate) const PLANS: &str =
    "CREATE TABLE shared.plans (name text PRIMARY KEY, price_cents bigint NOT NULL);";

pub(crate) fn migrations(tenant: &[&'static str]) -> Migrations {
    let set = |sql: &[&'static str]| {
        let numbered = (1..).zip(sql.iter().copied());
        MigrationSet::new(numbered.map(|(version, sql)| Migration::new(version, "step", sql)))
            .unwrap()
    };
    Migrations {
        shared: set(&[PLANS]),
        tenant: set(tenant),
    }
}

/// A fleet that was not prepared yet.
pub(crate) async fn fleet(database: &TestDatabase, tenant: &[&'static str]) -> Fleet {
    let app = Some(database.app_login());
    Fleet::connect(database.owner_options(), app, migrations(tenant))
        .await
        .unwrap()
}

/// The rows of a new tenant `acme`, which has blogs.
pub(crate) async fn acme(test: &TestDatabase) -> TenantDb {
    let fleet = fleet(test, &[BLOGS]).await;
    fleet.prepare().await.unwrap();
    let new = NewTenant::new(Slug::parse("acme").unwrap());
    let tenant = fleet.create(new, |_| {}).await.unwrap();
    let database = Database::connect(test.app_options(), PoolSettings::default())
        .await
        .unwrap();
    database.tenant(&TenantContext::new(tenant.into(), "test").unwrap())
}

/// A crate of these files.
pub(crate) fn source(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

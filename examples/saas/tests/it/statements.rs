//! Every statement of the program against the tables that its migrations make.

use std::path::Path;

use tenancy_core::{Slug, TenantContext};
use tenancy_sqlx::testing::{Statements, TestDatabase};
use tenancy_sqlx::{Database, Fleet, Migrations, NewTenant, PoolSettings};

#[tokio::test]
async fn every_statement_fits_the_tables() {
    let test = TestDatabase::new().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let migrations = Migrations::read(root.join("migrations")).unwrap();
    let fleet = Fleet::connect(test.owner_options(), Some(test.app_login()), migrations)
        .await
        .unwrap();
    fleet.prepare().await.unwrap();
    let new = NewTenant::new(Slug::parse("acme").unwrap());
    let tenant = fleet.create(new, |_| {}).await.unwrap();
    let database = Database::connect(test.app_options(), PoolSettings::default())
        .await
        .unwrap();
    let acme = database.tenant(&TenantContext::new(tenant.into(), "test").unwrap());
    let checked = Statements::in_crate(root).check(&acme).await.unwrap();
    assert!(checked.statements() > 5, "{checked}");
}

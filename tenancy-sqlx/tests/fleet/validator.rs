//! The application has a say about new tenants before anything is done for them.

use std::sync::Arc;

use async_trait::async_trait;
use tenancy_sqlx::{Error, ErrorKind, NewTenant, TenantPlan, TenantValidator};

use crate::support::*;

/// Agrees when the plan is written down as it expects.
struct Expects(&'static str);

#[async_trait]
impl TenantValidator for Expects {
    async fn validate(&self, plan: &TenantPlan) -> Result<(), Error> {
        let seen = format!(
            "{} {} {:?} {:?} {}",
            plan.slug(),
            plan.schema_name(),
            plan.name(),
            plan.description(),
            plan.domains().len()
        );
        if seen == self.0 {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("not what was agreed: {seen}"),
        ))
    }
}

#[tokio::test]
async fn a_refused_tenant_leaves_nothing_and_an_agreed_one_is_created() {
    let database = TestDatabase::new().await;
    let fleet = fleet(&database, set([NOTES]))
        .await
        .validator(Arc::new(Expects(r#"my-shop my_shop "My shop" "" 1"#)));
    let mut superuser = database.superuser().await;
    let before = traces(&mut superuser).await;
    let new = || NewTenant::new(slug("my-shop")).name("My shop");
    let error = fleet.create(new(), |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        error.to_string(),
        "creating tenant my-shop: not what was agreed: my-shop my_shop \"My shop\" \"\" 0"
    );
    assert_eq!(traces(&mut superuser).await, before);
    let new = new().domain(domain("shop.example"));
    fleet.create(new, |_| {}).await.unwrap();

    // Each of several must agree.
    let strict = fleet.validator(Arc::new(Expects("nothing")));
    let new = NewTenant::new(slug("my-shop")).name("My shop");
    let error = strict.create(new, |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

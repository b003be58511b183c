//! With a role for each tenant the database itself holds jobs to their tenant.

use sqlx::ConnectOptions;
use tenancy_sqlx::{Scope, TenantRole};

use crate::handlers::Effect;
use crate::support::*;

#[tokio::test]
async fn a_tenants_role_adds_jobs_of_its_tenant_alone_and_sees_none() {
    let home = Home::with_roles(2).await;
    let [own, other] = [0, 1].map(|n| home.tenants[n].id());
    let mut acting = home.test.app_options().connect().await.unwrap();
    run(&mut acting, &format!("SET ROLE {}", TenantRole::of(own))).await;
    let add = |tenant| {
        format!(
            "INSERT INTO tenancy.jobs (id, tenant_id, kind, payload, priority, max_attempts,
                 timeout_ms, run_at)
             VALUES (gen_random_uuid(), '{tenant}', 'work', '{{}}', 1, 1, 600000, now())
             ON CONFLICT DO NOTHING"
        )
    };
    run(&mut acting, &add(own)).await;
    for forbidden in [
        add(other),
        "SELECT id FROM tenancy.jobs".to_owned(),
        "UPDATE tenancy.jobs SET status = 'done'".to_owned(),
        "DELETE FROM tenancy.jobs".to_owned(),
        "SELECT tick FROM tenancy.job_ticks".to_owned(),
        "SELECT last_tenant FROM tenancy.job_turn".to_owned(),
    ] {
        let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(forbidden.clone()))
            .execute(&mut acting)
            .await;
        let error = refused.expect_err(&forbidden);
        let code = error.as_database_error().unwrap().code();
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}");
    }

    // The door enqueues in every scope, and a worker does it all.
    let mut tx = home.db(0).begin_scoped(Scope::Role).await.unwrap();
    tx.enqueue(work().unique("a")).await.unwrap();
    tx.enqueue(work().unique("a")).await.unwrap();
    tx.commit().await.unwrap();
    home.enqueue(1, work()).await;
    let running = Running::start(home.worker().handler(WORK, Effect));
    home.until("done", 3).await;
    running.stop().await;
    assert_eq!([home.effects(0).await, home.effects(1).await], [2, 1]);
}

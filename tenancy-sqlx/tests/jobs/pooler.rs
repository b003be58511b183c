//! Everything through a pooler that lends its sessions for one transaction each.

use tenancy_sqlx::jobs::Worker;
use tenancy_sqlx::{Database, PgTenantStore, PoolSettings, Pooler};

use crate::bouncer::{Bouncer, Kind, program, tracks_statements};
use crate::handlers::Effect;
use crate::support::*;

async fn works_through(pooler: Pooler) {
    if program().is_none() {
        eprintln!("left out: there is no PgBouncer");
        return;
    }
    let home = Home::new(3).await;
    let direct = home.test.app_options();
    let bouncer = Bouncer::start(
        Kind {
            sessions: 2,
            pooler,
        },
        &direct,
    );
    let settings = PoolSettings::default().pooler(pooler);
    let database = Database::connect(bouncer.options(&direct), settings)
        .await
        .unwrap();
    for tenant in 0..3 {
        home.fill(tenant, 20).await;
        let mut tx = database
            .tenant(&home.tenants[tenant])
            .begin()
            .await
            .unwrap();
        tx.enqueue(work()).await.unwrap();
        tx.commit().await.unwrap();
    }
    let worker = || Worker::new(&database, PgTenantStore::new(&database)).settings(quick());
    let workers = [worker(), worker()].map(|worker| Running::start(worker.handler(WORK, Effect)));
    home.until("done", 63).await;
    for worker in workers {
        worker.stop().await;
    }
    for tenant in 0..3 {
        assert_eq!(home.effects(tenant).await, 21);
    }
}

#[tokio::test]
async fn two_workers_share_two_sessions_of_a_transaction_pooler() {
    works_through(Pooler::Transaction).await;
}

#[tokio::test]
async fn and_those_of_one_that_keeps_statements_apart() {
    if tracks_statements() {
        works_through(Pooler::TransactionWithStatements).await;
    }
}

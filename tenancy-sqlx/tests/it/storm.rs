//! Many requests aborted at any time.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, Request};
use axum::routing::post;
use axum::{Extension, Router};
use futures_util::TryStreamExt;
use http::StatusCode;
use tenancy_sqlx::{Database, Error, Scope, TenantDb, TransactionLayer, Tx};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::extract::App;
use crate::server::{Lots, TENANTS, World};
use crate::statements::*;

const ABORTED: u64 = 6_000;
const AT_ONCE: usize = 16;

/// Writes that were acknowledged, by tenant.
type Ledger = Arc<Mutex<Vec<(&'static str, i64)>>>;

/// What one request does; each writes under ids of its own, pairs under `id` and `-id`.
async fn request(
    db: TenantDb,
    tenant: &'static str,
    lot: u64,
    id: i64,
    ledger: Ledger,
) -> Result<(), Error> {
    let acknowledge = |ids: &[i64]| {
        let mut ledger = ledger.lock().unwrap();
        ledger.extend(ids.iter().map(|id| (tenant, *id)));
    };
    match lot {
        0..30 => {
            db.execute(INSERT).bind(id).bind(tenant).await?;
            acknowledge(&[id]);
        }
        30..60 => {
            let mut tx = db.begin().await?;
            tx.execute(INSERT).bind(id).bind(tenant).await?;
            tx.execute(INSERT).bind(-id).bind(tenant).await?;
            tx.commit().await?;
            acknowledge(&[id, -id]);
        }
        60..70 => {
            let titles = db.query_scalar::<String>(TITLES).fetch_all().await?;
            assert!(titles.iter().all(|title| title.starts_with(tenant)));
        }
        70..80 => {
            let mut tx = db.begin_scoped(Scope::Path).await?;
            for id in [id, -id] {
                sqlx::query("INSERT INTO blogs (id, title) VALUES ($1, $2)")
                    .bind(id)
                    .bind(tenant)
                    .execute(&mut tx)
                    .await?;
            }
            tx.commit().await?;
            acknowledge(&[id, -id]);
        }
        80..85 => drop(db.begin().await?),
        85..90 => {
            let mut tx = db.begin().await?;
            let mut savepoint = tx.begin().await?;
            savepoint.execute(INSERT).bind(id).bind(tenant).await?;
            savepoint.commit().await?;
            let mut titles = tx.query_scalar::<String>(TITLES).fetch();
            while let Some(title) = titles.try_next().await? {
                assert!(title.starts_with(tenant));
            }
            drop(titles);
            tx.execute(INSERT).bind(-id).bind(tenant).await?;
            tx.commit().await?;
            acknowledge(&[id, -id]);
        }
        90..99 => {
            let mut tx = db.begin().await?;
            tx.execute(INSERT)
                .bind(1_i64)
                .bind("twice")
                .await
                .unwrap_err();
            tx.commit().await.unwrap_err();
        }
        _ => {
            let mut tx = db.begin().await?;
            tx.execute(INSERT).bind(id).bind("panicked").await?;
            // Without the hook that would print it.
            std::panic::resume_unwind(Box::new("a panic in the middle of a transaction"));
        }
    }
    Ok(())
}

/// Runs requests until [`ABORTED`] of them were cut off at any time, about half of all.
async fn storm<F>(request: impl Fn(&'static str, u64, i64) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut lots = Lots::new(7);
    let mut running = JoinSet::new();
    let (mut aborted, mut number) = (0, 1000);
    // However fast the machine is today, about half of the requests are cut off.
    let mut window = 4_000;
    while aborted < ABORTED {
        number += 1;
        let work = request(lots.tenant(), lots.below(100), number);
        let patience = Duration::from_micros(lots.below(2 * window));
        running.spawn(async move { tokio::time::timeout(patience, work).await.is_err() });
        while running.len() >= AT_ONCE {
            if let Some(Ok(true)) = running.join_next().await {
                aborted += 1;
                window += window / 50;
            } else {
                window = (window - window / 50).max(100);
            }
        }
    }
    while running.join_next().await.is_some() {}
}

/// Nothing acknowledged is lost, nothing is there by half, and no connection is left open.
async fn check(world: &World, database: &Database, ledger: &Ledger) {
    let acknowledged = ledger.lock().unwrap().clone();
    assert!(
        acknowledged.len() > 500,
        "only {} writes",
        acknowledged.len()
    );

    // No backend stays in a transaction, also of those that were closed.
    world
        .until_no_backend("state LIKE 'idle in transaction%'")
        .await;
    assert!(world.backends("true").await <= 4);

    // Aborted requests do not make the pool connect again and again.
    let pool = database.metrics().unwrap();
    eprintln!(
        "storm: {} writes acknowledged, {pool:?}",
        acknowledged.len()
    );
    assert!(pool.recovered > 100, "hardly anything was abandoned");
    assert_eq!(pool.closed_unclean, 0, "abandoned connections were closed");
    assert_eq!(pool.opened, 4, "connections were opened again");

    for tenant in TENANTS {
        let db = world.tenant(database, tenant);
        let ids = db.query_scalar::<i64>(IDS).fetch_all().await.unwrap();
        let ids: HashSet<i64> = ids.into_iter().collect();
        let acknowledged = acknowledged.iter().filter(|(name, _)| *name == tenant);
        let lost = acknowledged.filter(|(_, id)| !ids.contains(id)).count();
        assert_eq!(lost, 0, "acknowledged writes of {tenant} are lost");
        let half = ids.iter().filter(|id| **id < 0 && !ids.contains(&-**id));
        assert_eq!(half.count(), 0, "half a transaction of {tenant} is there");
        let titles = db.query_scalar::<String>(TITLES).fetch_all().await.unwrap();
        assert!(titles.iter().all(|title| title.starts_with(tenant)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_thousand_aborted_requests_lose_no_acknowledged_write() {
    let world = World::new().await;
    let database = world.database(4).await;
    let ledger = Ledger::default();
    storm(|tenant, lot, id| {
        let db = world.tenant(&database, tenant);
        let work = request(db, tenant, lot, id, Arc::clone(&ledger));
        async move {
            // What fails is not acknowledged.
            let _ = work.await;
        }
    })
    .await;
    check(&world, &database, &ledger).await;
}

/// Writes a pair; every tenth request answers with a failure after that.
async fn pair(mut tx: Tx, Path((id, tenant)): Path<(i64, String)>) -> Result<StatusCode, Error> {
    tx.execute(INSERT).bind(id).bind(&tenant).await?;
    tx.execute(INSERT).bind(-id).bind(&tenant).await?;
    Ok(if id % 10 == 0 {
        StatusCode::BAD_GATEWAY
    } else {
        StatusCode::CREATED
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_201_of_six_thousand_aborted_requests_is_found_afterwards() {
    let world = World::new().await;
    let database = world.database(4).await;
    let ledger = Ledger::default();
    let routes = Router::new()
        .route("/{id}/{tenant}", post(pair))
        .with_state(App {
            database: database.clone(),
        })
        .layer(TransactionLayer::new());
    storm(|tenant, _, id| {
        let app = routes.clone().layer(Extension(world.context(tenant)));
        let ledger = Arc::clone(&ledger);
        async move {
            let request = Request::post(format!("/{id}/{tenant}"))
                .body(Body::empty())
                .unwrap();
            let answer = app.oneshot(request).await.unwrap();
            if answer.status() == StatusCode::CREATED {
                ledger.lock().unwrap().extend([(tenant, id), (tenant, -id)]);
            }
        }
    })
    .await;
    check(&world, &database, &ledger).await;
    for tenant in TENANTS {
        let db = world.tenant(&database, tenant);
        let ids = db.query_scalar::<i64>(IDS).fetch_all().await.unwrap();
        let refused = ids.iter().filter(|id| **id > 1000 && *id % 10 == 0);
        assert_eq!(refused.count(), 0, "what answered 502 was kept");
    }
}

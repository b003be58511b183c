//! The jobs of tenants, as whoever operates the installation sees them.

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use saas::app;
use saas::state::AppState;
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Row as _};
use tenancy_core::Tenant;
use tenancy_core::job::{JobId, JobQueue as _};
use tenancy_core::testing::{Probe, ProbeError};
use tenancy_sqlx::jobs::PgJobs;
use tenancy_sqlx::testing::TestTenant;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::program::until;

/// Shows what a tenant has in the queue.
pub(super) struct Queue(pub(super) PgConnectOptions);

#[async_trait]
impl Probe for Queue {
    fn name(&self) -> &'static str {
        "jobs"
    }

    async fn dump(&self, tenant: &Tenant) -> Result<Vec<(String, Vec<u8>)>, ProbeError> {
        let mut superuser = self.0.connect().await?;
        let sql = "SELECT id::text, concat(kind, payload, status, progress, error) AS job
                   FROM tenancy.jobs WHERE tenant_id = $1";
        let rows = sqlx::query(sql).bind(*tenant.id().as_uuid());
        let rows = rows.fetch_all(&mut superuser).await?;
        let jobs = rows.iter().map(|row| {
            let job: String = row.try_get("job")?;
            Ok((row.try_get("id")?, job.into_bytes()))
        });
        jobs.collect()
    }
}

/// Has a tenant import what is refused with its canary in the reason, and gives the job.
pub(super) async fn imported(app: &Router, state: &AppState, tenant: &TestTenant) -> Uuid {
    let canary = tenant.canary();
    let text = format!("name,sku,price_cents\nAgain,{},1\n", canary.as_str());
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/catalog/products/import/")
        .header("host", tenant.host())
        .header("content-type", "text/csv")
        .body(Body::from(text))
        .unwrap();
    let answer = app.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    let accepted: Value = serde_json::from_slice(&body).unwrap();
    let id: Uuid = accepted["job_id"].as_str().unwrap().parse().unwrap();

    let jobs = PgJobs::new(&state.database);
    let done = until("the import is done", async || {
        let job = jobs.find(tenant.context(), JobId::from_uuid(id)).await;
        let job = job.unwrap().expect("it was enqueued");
        let told = job.progress.to_string().contains(canary.as_str());
        job.status.is_ended() && told
    });
    app::worker(state).run(done).await.unwrap();
    id
}

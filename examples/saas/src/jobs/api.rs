//! `/api/jobs/{id}/`: how far a job of the tenant is.

use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use tenancy_axum::{ApiError, Json, Path};
use tenancy_core::job::{JobId, JobKind, JobQueue as _, JobRecord, JobStatus};
use tenancy_core::{Problem, ProblemCode};
use tenancy_sqlx::jobs::PgJobs;
use tenancy_sqlx::{Database, TenantDb};
use uuid::Uuid;

use crate::routes::{Route, routes};

/// The route of jobs, with and without the closing slash.
pub(crate) const ROUTES: &[Route] = routes! { Tenant:
    GET "/api/jobs/{id}" => retrieve,
    GET "/api/jobs/{id}/" => retrieve,
};

/// A job as clients see it. Why an attempt failed is for whoever operates the installation.
#[derive(Debug, Serialize)]
struct Shown {
    id: JobId,
    kind: JobKind,
    status: JobStatus,
    /// How far it is; null before it began.
    progress: Value,
    /// What it could not do.
    errors: Value,
}

async fn retrieve(
    db: TenantDb,
    State(database): State<Database>,
    Path(id): Path<Uuid>,
) -> Result<Json<Shown>, ApiError> {
    let jobs = PgJobs::new(&database);
    let found = jobs.find(db.context(), JobId::from_uuid(id)).await?;
    let Some(job) = found else {
        return Err(Problem::new(ProblemCode::NotFound)
            .detail("there is no such job")
            .into());
    };
    Ok(Json(job.into()))
}

impl From<JobRecord> for Shown {
    fn from(job: JobRecord) -> Self {
        let mut progress = job.progress;
        let errors = progress
            .as_object_mut()
            .and_then(|all| all.remove("errors"));
        Self {
            id: job.id,
            kind: job.kind,
            status: match job.status {
                // To the tenant it is the same: it waits.
                JobStatus::Parked => JobStatus::Queued,
                status => status,
            },
            progress,
            errors: errors.unwrap_or_else(|| Value::Array(Vec::new())),
        }
    }
}

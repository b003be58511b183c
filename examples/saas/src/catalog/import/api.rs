//! `/api/catalog/products/import/`: takes a file and leaves a job.

use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse};
use serde::{Deserialize, Serialize};
use tenancy_axum::{ApiError, Json, Query};
use tenancy_core::job::{JobId, NewJob};
use tenancy_core::{Problem, ProblemCode};
use tenancy_sqlx::TenantDb;

use super::table::Table;
use super::{IMPORT, Known, Order};
use crate::input::{fault, invalid};
use crate::jobs;
use crate::routes::{Route, routes};

/// The route of imports, with and without the closing slash.
pub(in super::super) const ROUTES: &[Route] = routes! { Tenant:
    POST "/api/catalog/products/import" => import,
    POST "/api/catalog/products/import/" => import,
};

/// An import that is killed is begun anew as often as a worker is started, within reason.
const ATTEMPTS: u16 = 25;

/// `?update=true`.
#[derive(Debug, Deserialize)]
struct Asked {
    update: Option<String>,
}

#[derive(Debug, Serialize)]
struct Accepted {
    job_id: JobId,
}

async fn import(
    db: TenantDb,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let known = match asked.update.as_deref() {
        None | Some("false") => Known::Reported,
        Some("true") => Known::Updated,
        Some(_) => return Err(invalid([fault("update", "must be true or false")])),
    };
    if !is_csv(&headers) {
        return Err(Problem::new(ProblemCode::UnsupportedMediaType)
            .detail("send text/csv in UTF-8")
            .into());
    }
    let text = str::from_utf8(&body).map_err(|error| {
        let line = body[..error.valid_up_to()]
            .split(|byte| *byte == b'\n')
            .count();
        let detail = "the line is not UTF-8: save the file in that encoding";
        invalid([fault(&format!("lines/{line}"), detail)])
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Table::read(text)?;
    let order = Order {
        text: text.to_owned(),
        known,
    };
    let order = serde_json::to_value(order).map_err(ApiError::internal)?;
    let job = NewJob::new(IMPORT).payload(order).max_attempts(ATTEMPTS);
    let mut tx = db.begin().await?;
    let enqueued = tx.enqueue(job).await?;
    tx.commit().await?;
    let job_id = enqueued
        .id()
        .ok_or_else(|| ApiError::internal("a job without a unique key was not added"))?;
    Ok((
        StatusCode::ACCEPTED,
        AppendHeaders([(header::LOCATION, jobs::path(job_id))]),
        Json(Accepted { job_id }),
    ))
}

/// Whether the body says that it is CSV, and in no encoding but ours.
fn is_csv(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let Some(value) = value.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let value = value.to_ascii_lowercase();
    let mut parts = value.split(';').map(str::trim);
    let charset = |part: &str| {
        part.strip_prefix("charset=")
            .map(|name| name.trim_matches('"').to_owned())
    };
    parts.next() == Some("text/csv")
        && parts
            .filter_map(charset)
            .all(|name| name == "utf-8" || name == "utf8" || name == "us-ascii")
}

//! Does an import, part by part.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tenancy_core::job::{Handler, JobError, JobQueue as _, JobRun};
use tenancy_core::{Caches, Identifier, TenantCache, TenantContext, TenantStore as _, sabotaged};
use tenancy_sqlx::jobs::{JobDatabase as _, JobTx, PgJobs};
use tenancy_sqlx::{ErrorKind, PgTenantStore};
use tracing::Instrument as _;

use super::super::product_input::Move;
use super::super::touched::Touched;
use super::progress::{LineError, Progress};
use super::rows::{self, Became};
use super::table::{Row, Table, shown};
use super::{Known, Order};
use crate::state::AppState;

/// Lines of which all are written, with how far the import is, or none.
const PART: usize = 50;

/// Writes the products of a file; the lines that do not fit are told, and stop no other.
#[derive(Debug)]
pub(crate) struct Importer {
    jobs: PgJobs,
    tenants: PgTenantStore,
    caches: Caches,
}

impl Importer {
    pub(crate) fn new(state: &AppState) -> Self {
        Self {
            jobs: PgJobs::new(&state.database),
            tenants: state.tenants.clone(),
            caches: state.caches.clone(),
        }
    }

    /// How far it was when this run began: whoever had the job before commits nothing any more.
    async fn progress(&self, job: &JobRun<'_>, lines: usize) -> Result<Progress, JobError> {
        let found = self.jobs.find(job.context(), job.job().id).await?;
        let kept = found.map(|job| job.progress).unwrap_or_default();
        Ok(Progress::of(&kept, lines)?)
    }

    /// Gives the job back when its tenant does not serve any more.
    async fn serves(&self, job: &JobRun<'_>) -> Result<(), JobError> {
        let tenant = self.tenants.find(&Identifier::Id(job.job().tenant)).await?;
        match tenant.map(|tenant| TenantContext::new(tenant, "import")) {
            Some(Ok(_)) => Ok(()),
            _ if sabotaged!("catalog.import-when-suspended") => Ok(()),
            _ => Err(JobError::retry_after(
                Duration::ZERO,
                "the tenant is not active: the import goes on when it is",
            )),
        }
    }
}

#[async_trait]
impl Handler for Importer {
    async fn run(&self, job: JobRun<'_>) -> Result<(), JobError> {
        let order: Order = job.payload()?;
        let table = Table::read(&order.text)
            .map_err(|failure| JobError::give_up(format!("{:?}", failure.problem())))?;
        let cache = self.caches.of(job.context());
        let mut progress = self.progress(&job, table.records.len()).await?;
        if progress.done > 0 && !sabotaged!("catalog.import-resumed-stale") {
            // Whoever wrote the last part may have ended before anything was forgotten.
            cache.invalidate_all().await;
        }
        while let Some(left) = table.records.get(progress.done..)
            && !left.is_empty()
        {
            self.serves(&job).await?;
            let part = &left[..left.len().min(PART)];
            let lines: Vec<_> = part
                .iter()
                .map(|record| (record.line, table.row(record)))
                .collect();
            let mut tx = job.begin().await?;
            let touched = Touched::default();
            let before = progress.done;
            write(&mut tx, lines, order.known, &mut progress, &touched).await?;
            progress.done = before + sabotaged!("catalog.import-progress-apart", 0, part.len());
            commit(tx, serde_json::to_value(&progress)?, touched, &cache).await?;
            progress.done = before + part.len();
        }
        // The job ends after everything was forgotten: it is not part of the last commit.
        Ok(())
    }
}

/// Writes what fits of these lines, and notes what does not.
async fn write(
    tx: &mut JobTx,
    lines: Vec<(usize, Result<Row, Vec<LineError>>)>,
    known: Known,
    progress: &mut Progress,
    touched: &Touched,
) -> Result<(), JobError> {
    let slugs = lines
        .iter()
        .filter_map(|(_, row)| row.as_ref().ok()?.category.clone());
    let categories = rows::categories(tx, slugs.collect()).await?;
    for (line, row) in lines {
        let mut row = match row {
            Ok(row) => row,
            Err(errors) => {
                progress.failed(errors);
                continue;
            }
        };
        let category = match &row.category {
            None => None,
            Some(slug) => {
                let Some(id) = categories.get(slug) else {
                    let detail = format!("there is no category with the slug {}", shown(slug));
                    let error = LineError::new(line, Some("category"), "unknown", detail);
                    progress.failed([error]);
                    continue;
                };
                row.patch.category = Move::To(Some(*id));
                Some(*id)
            }
        };
        match rows::put(tx, &row.sku, &row.patch, category, known, touched).await? {
            Became::Created => progress.created += 1,
            Became::Updated => progress.updated += 1,
            Became::Full => {
                let detail = "the plan admits no more products: ask for another plan";
                progress.failed([LineError::new(
                    line,
                    None,
                    "limit_reached",
                    detail.to_owned(),
                )]);
            }
            Became::Taken => {
                let sku = shown(&row.sku);
                let detail = format!("another product has the sku {sku}: use another one");
                progress.failed([LineError::new(line, Some("sku"), "taken", detail)]);
            }
        }
    }
    Ok(())
}

/// Commits a part and makes the cache forget what it touched, in a task of its own: a run that is
/// dropped between the two would leave old answers behind.
async fn commit(
    tx: JobTx,
    progress: Value,
    touched: Touched,
    cache: &TenantCache,
) -> Result<(), JobError> {
    let cache = cache.clone();
    let committing = async move {
        let committed = tx.commit_part(progress).await;
        match &committed {
            Ok(()) => touched.forget(&cache).await,
            // The job is another run's by now, so nothing is another.
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            Err(_) => touched.forget_unknown(&cache).await,
        }
        committed
    };
    let committed = tokio::spawn(committing.in_current_span()).await;
    Ok(committed.map_err(JobError::retry)??)
}

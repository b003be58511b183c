//! Does the jobs of all tenants: within a program that serves, or alone as `saas worker`.

use std::path::Path;

use tenancy_sqlx::jobs::JobFigures;
use tenancy_sqlx::{Database, PgTenantStore, PoolSettings, login};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::installation::{self, Installation, Purpose};
use super::serve::stop_signal;
use super::{banner, cache, doctor, metrics, presence, rates};
use crate::app;
use crate::cli::Failure;
use crate::settings::Settings;
use crate::state::{AppState, CacheHeader, Site};

/// Whether a program that serves does jobs, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inside {
    /// It does.
    Works,
    /// They are left to others.
    Rests,
}

/// A worker within this program.
#[derive(Debug)]
pub(crate) struct Working {
    figures: JobFigures,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Working {
    /// Begins with whatever is due.
    pub(crate) fn begin(state: &AppState) -> Self {
        let worker = app::worker(state);
        let figures = worker.figures();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async {
                // Whoever drops the other end wants it to stop, too.
                let _ = stopped.await;
            };
            if let Err(error) = worker.run(stopped).await {
                tracing::error!(target: "saas.worker", %error, "no jobs are done here");
            }
        });
        Self {
            figures,
            stop,
            task,
        }
    }

    /// What it counts.
    pub(crate) fn figures(&self) -> JobFigures {
        self.figures.clone()
    }

    /// Lets what runs come to its end; what does not in time is given back, and the rest waits for
    /// the next worker.
    pub(crate) async fn end(self) {
        let _ = self.stop.send(());
        if let Err(error) = self.task.await {
            tracing::error!(target: "saas.worker", %error, "the worker did not come to its end");
        }
    }
}

/// Does jobs until Ctrl-C or SIGTERM, without serving anything but figures.
pub(crate) async fn run(settings: Settings, data_dir: &Path) -> Result<(), Failure> {
    let listener = metrics::bind(settings.metrics_listen).await?;
    let mut installation = installation::open(&settings, data_dir, Purpose::Command).await?;
    if settings.database.is_some() {
        login::prepare(&installation.app).await?;
    }
    installation.fleet.prepare().await?;
    let pool = PoolSettings::default()
        .pooler(settings.pooler)
        .max_connections(settings.pool_size);
    let database = Database::connect(installation.app.clone(), pool).await?;
    // What it keeps of a tenant would be as old for others as theirs for it.
    let mut presence = presence::announce_worker(&settings, &database).await?;
    doctor::refuse_critical(&settings, &installation).await?;
    let state = state(&settings, &installation, &database)?;
    let working = Working::begin(&state);
    let settling = cache::settle(state.caches.clone());
    let address = listener.as_ref().and_then(|at| at.local_addr().ok());
    let figures = listener.map(|listener| {
        let page = metrics::worker_page(&state, working.figures());
        metrics::serve(listener, page)
    });
    banner::working(&settings, address, &installation.description);

    let (mut lost, mut displaced) = (false, None);
    tokio::select! {
        () = stop_signal() => {}
        () = installation.lost() => lost = true,
        reason = presence.lost() => displaced = Some(reason),
    }
    tracing::info!(target: "saas.worker", "stopping: jobs under way may finish");
    working.end().await;
    if let Some(figures) = figures {
        figures.abort();
    }
    settling.abort();
    presence.leave().await;
    database.close().await;
    // What could not be sent yet is lost with this process.
    installation.caches.settle().await;
    if lost {
        let what = installation.description;
        return Err(format!("{what} has ended by itself: its postgres.log says why").into());
    }
    installation.close().await?;
    match displaced {
        Some(reason) => Err(reason.into()),
        None => Ok(()),
    }
}

/// What handlers share with what serves.
fn state(
    settings: &Settings,
    installation: &Installation,
    database: &Database,
) -> Result<AppState, Failure> {
    Ok(AppState {
        database: database.clone(),
        tenants: PgTenantStore::new(database),
        caches: installation.caches.clone(),
        search: installation.search.clone(),
        cache_header: CacheHeader::Hidden,
        site: Site {
            base_domain: settings.base_domain.clone(),
            showcase: Vec::new(),
        },
        prefix: settings.prefix.clone(),
        rates: rates::open(settings)?,
    })
}

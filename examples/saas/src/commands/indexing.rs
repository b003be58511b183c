//! Keeps the indexes of all tenants as their rows are, for as long as the application serves.

use std::sync::Arc;

use tenancy_search::Search;
use tenancy_sqlx::{Database, OutboxFigures, OutboxWorker, PgOutbox};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app;
use crate::cli::Failure;
use crate::search;
use crate::state::AppState;

/// The worker that tells the search what changed.
#[derive(Debug)]
pub(crate) struct Indexing {
    figures: OutboxFigures,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// `search`, which has an index built that is asked for and is not there.
pub(crate) fn tells_what_is_missing(search: &Search, database: &Database) -> Search {
    let database = database.clone();
    search.clone().on_missing(move |context, kind| {
        if tenancy_core::sabotaged!("search.missing-not-built") {
            return;
        }
        let (database, context) = (database.clone(), context.clone());
        tokio::spawn(async move {
            if let Err(error) = search::everything(&database, &context, kind).await {
                tracing::warn!(target: "saas.search", %error, "an index is not built yet");
            }
        });
    })
}

impl Indexing {
    /// Begins with whatever is in the outbox.
    pub(crate) fn begin(state: &AppState) -> Result<Self, Failure> {
        let indexer = app::indexer(state)?;
        let feed = Arc::new(PgOutbox::new(&state.database));
        let worker = OutboxWorker::new(feed, state.tenants.clone()).consumer(Arc::new(indexer));
        let figures = worker.figures();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(worker.run(async {
            // Whoever drops the other end wants it to stop, too.
            let _ = stopped.await;
        }));
        Ok(Self {
            figures,
            stop,
            task,
        })
    }

    /// What it counts.
    pub(crate) fn figures(&self) -> OutboxFigures {
        self.figures.clone()
    }

    /// Lets what is under way finish; the rest stays in the outbox.
    pub(crate) async fn end(self) {
        let _ = self.stop.send(());
        if let Err(error) = self.task.await {
            tracing::error!(target: "saas.search", %error, "the search was not told everything");
        }
    }
}

//! Does the jobs of all tenants.

mod board;
mod crew;
mod settings;

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tenancy_core::TenantStore;
use tenancy_core::job::{Handler, JobKind, JobQueue as _, NewJob, Schedule};
use time::OffsetDateTime;
use tokio::task::JoinSet;

pub use settings::WorkerSettings;

use self::board::{Board, Order};
use self::crew::Crew;
use super::figures::JobFigures;
use super::queue::PgJobs;
use super::tick::Tick;
use crate::database::Database;
use crate::error::{Error, ErrorKind};

/// How long runs may take to stop once they were told to.
const STOPPING: Duration = Duration::from_secs(5);

/// How often what waits and runs is counted.
const COUNTING: Duration = Duration::from_secs(5);

/// How often what has ended is cleared away.
const CLEARING: Duration = Duration::from_mins(1);

/// Does jobs of all tenants, one tenant after the other, until it is told to stop.
///
/// There may be any number of workers in any number of processes. One that is killed loses its
/// jobs to the others when its leases have run out; what it was doing in
/// [`JobDatabase::begin`](super::JobDatabase::begin) is either committed together with the job's
/// end or not at all.
///
/// Before each run the tenant is asked for anew: a handler gets a
/// [`TenantContext`](tenancy_core::TenantContext) of a tenant that is active now. The jobs of one
/// that is not wait until it is, and do not count as tried.
#[must_use = "it does nothing before it runs"]
pub struct Worker {
    jobs: PgJobs,
    store: Arc<dyn TenantStore>,
    handlers: HashMap<JobKind, Arc<dyn Handler>>,
    ticks: Vec<Tick>,
    settings: WorkerSettings,
    figures: JobFigures,
}

impl Worker {
    /// A worker on the jobs of `database`, which asks `store` who a job's tenant is.
    pub fn new(database: &Database, store: impl TenantStore) -> Self {
        Self {
            jobs: PgJobs::new(database),
            store: Arc::new(store),
            handlers: HashMap::new(),
            ticks: Vec::new(),
            settings: WorkerSettings::default(),
            figures: JobFigures::default(),
        }
    }

    /// What it counts, also while it runs.
    pub fn figures(&self) -> JobFigures {
        self.figures.clone()
    }

    /// Sets its size and patience.
    pub fn settings(mut self, settings: WorkerSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Lets `handler` do the jobs of this kind; other kinds are left to other workers.
    pub fn handler(mut self, kind: JobKind, handler: impl Handler) -> Self {
        self.handlers.insert(kind, Arc::new(handler));
        self
    }

    /// Enqueues `job` for every active tenant at each time of `schedule`: once, however many workers
    /// there are. A kind has one schedule.
    ///
    /// Times that pass while no worker runs are made up for once.
    pub fn schedule(mut self, schedule: Schedule, job: NewJob) -> Self {
        self.ticks.push(Tick::new(schedule, job));
        self
    }

    /// Works until `stop` is there; then it takes nothing more, lets what is running come to its
    /// end for as long as the [grace](WorkerSettings::grace) lasts, and gives the rest back.
    ///
    /// A database that does not answer is waited for. Dropping this future stops everything at
    /// once, and the jobs come back when their leases have run out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when it has no handler, or two schedules of one kind.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), Error> {
        self.check()?;
        let crew = Arc::new(Crew {
            jobs: self.jobs,
            store: self.store,
            handlers: self.handlers,
            settings: self.settings,
            board: Board::default(),
            figures: self.figures,
        });
        let mut bell = crew.jobs.database.bell().listen();
        let mut rounds = Rounds {
            runs: JoinSet::new(),
            ticks: self.ticks,
            cleared: None,
            counted: None,
            crew,
        };
        // Dropped with this future, whatever it is in the middle of.
        let mut keeper = JoinSet::new();
        keeper.spawn(Arc::clone(&rounds.crew).keep());
        let mut stop = pin!(stop);
        let mut next = Next::Look;
        let mut look = tokio::time::Instant::now();
        loop {
            let more = match next {
                Next::Look => {
                    look = tokio::time::Instant::now() + rounds.crew.pause();
                    rounds.look().await && rounds.claim().await
                }
                Next::Claim => rounds.claim().await,
            };
            next = tokio::select! {
                biased;
                () = &mut stop => break,
                // However many jobs end in a row: schedules and the jobs of the dead wait, too.
                () = tokio::time::sleep_until(look) => Next::Look,
                () = std::future::ready(()), if more => Next::Claim,
                Some(_) = rounds.runs.join_next(), if !rounds.runs.is_empty() => Next::Claim,
                Ok(()) = bell.changed() => Next::Claim,
            };
        }
        rounds.end().await;
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        let unfit = |message| Err(Error::new(ErrorKind::Configuration, message));
        if self.handlers.is_empty() {
            return unfit("a worker without handlers has nothing to do: give it one".to_owned());
        }
        let kinds = self.ticks.iter().map(Tick::kind);
        let mut seen = std::collections::HashSet::new();
        for kind in kinds {
            if !seen.insert(kind) {
                return unfit(format!(
                    "the kind {kind} has two schedules: give one of them a kind of its own"
                ));
            }
        }
        Ok(())
    }
}

/// What is done next.
enum Next {
    /// See whether there is anything to do.
    Look,
    /// Take what there is.
    Claim,
}

/// The state of a worker that runs.
struct Rounds {
    crew: Arc<Crew>,
    runs: JoinSet<()>,
    ticks: Vec<Tick>,
    cleared: Option<Instant>,
    counted: Option<Instant>,
}

impl Rounds {
    /// Does what is due besides the jobs, and says whether there are any.
    async fn look(&mut self) -> bool {
        let looked = self.look_around().await;
        looked.unwrap_or_else(|error| {
            tracing::warn!(target: "tenancy.jobs", %error, "the queue could not be looked into");
            false
        })
    }

    async fn look_around(&mut self) -> Result<bool, Error> {
        let jobs = &self.crew.jobs;
        for tick in &mut self.ticks {
            tick.look(jobs, OffsetDateTime::now_utc()).await?;
        }
        if self.cleared.is_none_or(|at| at.elapsed() > CLEARING) {
            jobs.clear(self.crew.settings.kept).await?;
            self.cleared = Some(Instant::now());
        }
        if self.counted.is_none_or(|at| at.elapsed() > COUNTING) {
            self.crew.figures.counted(jobs.backlog().await?);
            self.counted = Some(Instant::now());
        }
        let mut look = jobs.look().await?;
        if look.left {
            look.due |= jobs.recover().await? > 0;
        }
        Ok(look.due)
    }

    /// Takes one job of each tenant whose turn it is, and says whether there may be more.
    async fn claim(&mut self) -> bool {
        while self.runs.try_join_next().is_some() {}
        let free = self
            .crew
            .settings
            .concurrency
            .saturating_sub(self.runs.len());
        if free == 0 {
            return false;
        }
        // It is not cut off by a stop: what was claimed has to be known to be given back.
        let claimed = match self.crew.claim(free).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(target: "tenancy.jobs", %error, "no jobs could be claimed");
                return false;
            }
        };
        let more = !claimed.is_empty() && claimed.len() < free;
        for job in claimed {
            let told = self.crew.board.sit(job.lease(), self.crew.settings.lease);
            self.runs.spawn(Arc::clone(&self.crew).attend(job, told));
        }
        more
    }

    /// Lets the runs come to their ends.
    async fn end(mut self) {
        let crew = Arc::clone(&self.crew);
        if self.all_within(crew.settings.grace).await {
            return;
        }
        crew.board.tell_all(Order::Return);
        if !self.all_within(STOPPING).await {
            tracing::warn!(
                target: "tenancy.jobs",
                runs = self.runs.len(),
                "runs do not stop: their jobs come back when their leases have run out"
            );
        }
    }

    async fn all_within(&mut self, span: Duration) -> bool {
        let all = async { while self.runs.join_next().await.is_some() {} };
        tokio::time::timeout(span, all).await.is_ok()
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("kinds", &self.handlers.keys())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

//! `jobs list|retry|cancel|purge`.

use std::collections::HashMap;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};
use tenancy_core::job::{JobId, JobKind, JobRecord, JobStatus};
use tenancy_core::{Slug, TenantId};

use super::lifecycle::moment;
use super::output::{Exit, Output, count, table};
use super::span::Span;
use super::tenant::existing;
use crate::jobs::JobFilter;
use crate::{Error, Fleet};

const LIST_EXAMPLES: &str = "\
Examples:
  jobs list --status failed
  jobs list --tenant acme --kind mail.send --limit 10 --json";

const RETRY_EXAMPLES: &str = "\
Examples:
  jobs retry 0198c0de-0000-7000-8000-000000000001
  jobs retry --tenant acme --kind mail.send
  jobs retry --all";

const CANCEL_EXAMPLES: &str = "\
Examples:
  jobs cancel 0198c0de-0000-7000-8000-000000000001
  jobs cancel --tenant acme --kind products.import";

const PURGE_EXAMPLES: &str = "\
Examples:
  jobs purge                                  all that are done or cancelled
  jobs purge --status failed --older-than 30d
  jobs purge --tenant acme --status failed";

/// What can be done with background jobs.
#[derive(Debug, Clone, Subcommand)]
pub enum JobsCommand {
    /// List jobs, the newest first.
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Queue failed or cancelled jobs anew, with all their attempts.
    #[command(after_help = RETRY_EXAMPLES)]
    Retry(Chosen),
    /// Take jobs back: those that wait at once, those that run as soon as their worker hears of it.
    #[command(after_help = CANCEL_EXAMPLES)]
    Cancel(Chosen),
    /// Remove jobs that have ended.
    #[command(after_help = PURGE_EXAMPLES)]
    Purge(Purge),
}

/// Whose jobs, and of which kind.
#[derive(Debug, Clone, Args)]
struct Whose {
    /// Only those of the tenant with this slug.
    #[arg(long, value_name = "SLUG")]
    tenant: Option<Slug>,
    /// Only those of this kind, such as mail.send.
    #[arg(long)]
    kind: Option<JobKind>,
}

/// The words of `jobs list`.
#[derive(Debug, Clone, Args)]
pub struct List {
    #[command(flatten)]
    whose: Whose,
    /// Only those that are queued, running, done, failed, cancelled or parked.
    #[arg(long)]
    status: Option<JobStatus>,
    /// How many at most.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

/// The words of `jobs retry` and `jobs cancel`.
#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("which").args(["ids", "tenant", "kind", "all"]).multiple(true).required(true)))]
pub struct Chosen {
    /// The jobs' ids.
    #[arg(value_name = "ID")]
    ids: Vec<JobId>,
    #[command(flatten)]
    whose: Whose,
    /// Those of all tenants and kinds.
    #[arg(long, conflicts_with_all = ["ids", "tenant", "kind"])]
    all: bool,
}

/// The words of `jobs purge`.
#[derive(Debug, Clone, Args)]
pub struct Purge {
    /// The jobs' ids.
    #[arg(value_name = "ID")]
    ids: Vec<JobId>,
    #[command(flatten)]
    whose: Whose,
    /// Only those that are done, failed or cancelled; done and cancelled ones otherwise.
    #[arg(long, value_parser = ended)]
    status: Option<JobStatus>,
    /// Only those that have ended so long ago, such as 30d or 12h.
    #[arg(long, value_name = "SPAN")]
    older_than: Option<Span>,
}

impl JobsCommand {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        match self {
            Self::List(words) => return words.run(fleet, output).await,
            Self::Retry(words) => {
                fleet.prepare().await?;
                let jobs = fleet.retry_jobs(&words.filter(fleet).await?).await?;
                say(output, "retried", jobs, "queued anew");
            }
            Self::Cancel(words) => {
                fleet.prepare().await?;
                let jobs = fleet.cancel_jobs(&words.filter(fleet).await?).await?;
                say(output, "cancelled", jobs, "cancelled");
            }
            Self::Purge(words) => {
                fleet.prepare().await?;
                let jobs = words.run(fleet).await?;
                say(output, "removed", jobs, "removed");
            }
        }
        Ok(Exit::Done)
    }
}

impl Whose {
    async fn filter(&self, fleet: &Fleet) -> Result<JobFilter, Error> {
        let mut filter = JobFilter::new();
        if let Some(slug) = &self.tenant {
            filter = filter.tenant(existing(fleet, slug).await?.id());
        }
        if let Some(kind) = &self.kind {
            filter = filter.kind(kind.clone());
        }
        Ok(filter)
    }
}

impl List {
    async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let mut filter = self.whose.filter(fleet).await?;
        if let Some(status) = self.status {
            filter = filter.status(status);
        }
        let jobs = fleet.jobs(&filter, self.limit).await?;
        let tenants = fleet.tenants().await?;
        let slugs: HashMap<TenantId, &Slug> = tenants
            .iter()
            .map(|tenant| (tenant.id(), tenant.slug()))
            .collect();
        let slug = |job: &JobRecord| {
            let slug = slugs.get(&job.tenant);
            slug.map_or_else(|| job.tenant.to_string(), ToString::to_string)
        };
        let documents: Vec<Value> = jobs
            .iter()
            .map(|job| {
                let mut document = json!(job);
                document["tenant"] = json!({ "id": job.tenant, "slug": slug(job) });
                document
            })
            .collect();
        output.result("jobs", &documents, || {
            let rows = jobs.iter().map(|job| {
                [
                    job.id.to_string(),
                    slug(job),
                    job.kind.to_string(),
                    job.status.to_string(),
                    format!("{}/{}", job.attempt, job.max_attempts),
                    moment(job.run_at),
                    first_line(job.error.as_deref().unwrap_or_default()),
                ]
            });
            let heads = ["ID", "TENANT", "KIND", "STATUS", "TRIED", "DUE", "ERROR"];
            table(heads, rows)
        });
        Ok(Exit::Done)
    }
}

impl Chosen {
    async fn filter(&self, fleet: &Fleet) -> Result<JobFilter, Error> {
        let filter = self.whose.filter(fleet).await?;
        Ok(if self.ids.is_empty() {
            filter
        } else {
            filter.ids(self.ids.iter().copied())
        })
    }
}

impl Purge {
    async fn run(self, fleet: &Fleet) -> Result<u64, Error> {
        let mut filter = self.whose.filter(fleet).await?;
        if !self.ids.is_empty() {
            filter = filter.ids(self.ids.iter().copied());
        }
        if let Some(span) = self.older_than {
            filter = filter.ended_before(span.into());
        }
        let statuses = match self.status {
            Some(status) => vec![status],
            // Whoever names a job means it.
            None if !self.ids.is_empty() => return fleet.purge_jobs(&filter).await,
            None => vec![JobStatus::Done, JobStatus::Cancelled],
        };
        let mut removed = 0;
        for status in statuses {
            removed += fleet.purge_jobs(&filter.clone().status(status)).await?;
        }
        Ok(removed)
    }
}

fn ended(text: &str) -> Result<JobStatus, String> {
    let status: JobStatus = text.parse().map_err(|error| format!("{error}"))?;
    if status.is_ended() {
        return Ok(status);
    }
    Err(format!(
        "what is {status} has not ended: use done, failed or cancelled"
    ))
}

fn say(output: &Output, key: &str, jobs: u64, what: &str) {
    output.result(key, &jobs, || format!("{} {what}", count(jobs, "job")));
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

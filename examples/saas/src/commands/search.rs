//! `saas search`: indexes are built anew, and compared with the rows.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tenancy_core::{Slug, Status, Tenant, TenantContext};
use tenancy_search::Indexer;
use tenancy_sqlx::cli::{Exit, Output};
use tenancy_sqlx::{Database, Fleet, PgOutbox, PoolSettings};

use super::installation::{self, Purpose};
use crate::cli::Failure;
use crate::search;
use crate::settings::Settings;

const REINDEX: &str = "\
Examples:
  saas search reindex --tenant acme     beside the index that is searched, which it then replaces
  saas search reindex --all --json

Without ELASTICSEARCH_URL the index is in the memory of the process that serves: that is asked to
build it. Exit codes: 0 done, 3 some tenants failed and others did not.";

const CHECK: &str = "\
Examples:
  saas search check --all               exit code 7 when an index is not what the rows are
  saas search check --tenant acme --json

What was changed in the last second may not be found yet.";

/// The words of `saas search`.
#[derive(Debug, Subcommand)]
pub(crate) enum SearchCommand {
    /// Build indexes anew from the rows, while they are searched and written.
    #[command(after_help = REINDEX)]
    Reindex(Reindex),
    /// Compare indexes with the rows.
    #[command(after_help = CHECK)]
    Check(Reindex),
}

/// Whose indexes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Reindex {
    /// Only this tenant; may be given more than once.
    #[arg(long, value_name = "SLUG", required_unless_present = "all")]
    tenant: Vec<Slug>,
    /// Every active tenant.
    #[arg(long, conflicts_with = "tenant")]
    all: bool,
}

/// What `rebuild_indices` takes: every tenant when none is named.
#[derive(Debug, Clone, Args)]
pub(crate) struct RebuildIndices {
    /// Only this tenant; may be given more than once.
    #[arg(long, value_name = "SLUG")]
    tenant: Vec<Slug>,
}

impl From<RebuildIndices> for SearchCommand {
    fn from(words: RebuildIndices) -> Self {
        Self::Reindex(Reindex {
            all: words.tenant.is_empty(),
            tenant: words.tenant,
        })
    }
}

/// What became of one tenant's index of one kind.
#[derive(Debug, Serialize)]
struct Line {
    tenant: Slug,
    kind: &'static str,
    #[serde(flatten)]
    end: End,
}

#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum End {
    /// It was built.
    Built { documents: u64, refused: u64 },
    /// The process that serves was asked to build it.
    Asked,
    /// It is, or is not, what the rows are.
    Compared {
        rows: u64,
        missing: usize,
        stale: usize,
        extra: usize,
    },
    /// It failed.
    Failed { error: String },
}

/// Runs one of the commands.
pub(crate) async fn run(
    settings: &Settings,
    data_dir: &Path,
    command: SearchCommand,
    output: &Output,
) -> Result<Exit, Failure> {
    let installation = installation::open(settings, data_dir, Purpose::Command).await?;
    let pool = PoolSettings::default().pooler(settings.pooler);
    let database = Database::connect(installation.app.clone(), pool).await?;
    let indexer = search::fill(installation.search.clone(), &database)?;
    let work = Work {
        feed: PgOutbox::new(&database),
        is_shared: settings.elasticsearch.is_some(),
        indexer,
        database,
    };
    let lines = work.each(&installation.fleet, &command, output).await;
    work.database.close().await;
    installation.close().await?;
    let lines = lines?;
    output.result("indexes", &lines, || describe(&lines));
    Ok(exit(&lines))
}

struct Work {
    database: Database,
    feed: PgOutbox,
    indexer: Indexer,
    /// Whether all processes have the same indexes.
    is_shared: bool,
}

impl Work {
    async fn each(
        &self,
        fleet: &Fleet,
        command: &SearchCommand,
        output: &Output,
    ) -> Result<Vec<Line>, Failure> {
        let (SearchCommand::Reindex(whose) | SearchCommand::Check(whose)) = command;
        if matches!(command, SearchCommand::Check(_)) && !self.is_shared {
            return Err(
                "without ELASTICSEARCH_URL the index is in the memory of the process that \
                        serves, and no other process can look at it: /metrics tells of it"
                    .into(),
            );
        }
        let tenants = whose.tenants(fleet).await?;
        let bar = bar(tenants.len(), output);
        let mut lines = Vec::new();
        for tenant in tenants {
            bar.set_message(tenant.slug().to_string());
            let slug = tenant.slug().clone();
            let context = TenantContext::new(Arc::new(tenant), "command")?;
            for kind in self.indexer.search().kinds() {
                let end = match command {
                    SearchCommand::Check(_) => self.compare(&context, *kind).await,
                    SearchCommand::Reindex(_) if self.is_shared => {
                        self.rebuild(&context, *kind, &bar).await
                    }
                    SearchCommand::Reindex(_) => self.ask(&context, *kind).await,
                };
                lines.push(Line {
                    tenant: slug.clone(),
                    kind: kind.as_str(),
                    end: end.unwrap_or_else(|error| End::Failed {
                        error: error.to_string(),
                    }),
                });
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(lines)
    }

    async fn rebuild(
        &self,
        context: &TenantContext,
        kind: tenancy_search::Kind,
        bar: &ProgressBar,
    ) -> Result<End, Failure> {
        let slug = context.slug();
        let rebuild = self.indexer.rebuild(kind).progress(|progress| {
            bar.set_message(format!("{slug}: {} {kind}", progress.documents));
        });
        let rebuilt = rebuild.run(&self.feed, context).await?;
        Ok(End::Built {
            documents: rebuilt.documents,
            refused: rebuilt.refused,
        })
    }

    async fn ask(
        &self,
        context: &TenantContext,
        kind: tenancy_search::Kind,
    ) -> Result<End, Failure> {
        search::everything(&self.database, context, kind).await?;
        Ok(End::Asked)
    }

    async fn compare(
        &self,
        context: &TenantContext,
        kind: tenancy_search::Kind,
    ) -> Result<End, Failure> {
        let compared = self.indexer.compare(context, kind).await?;
        Ok(End::Compared {
            rows: compared.rows,
            missing: compared.missing.len(),
            stale: compared.stale.len(),
            extra: compared.extra.len(),
        })
    }
}

impl Reindex {
    /// The tenants that are named, or every active one.
    async fn tenants(&self, fleet: &Fleet) -> Result<Vec<Tenant>, Failure> {
        if self.all {
            let mut tenants = fleet.tenants().await?;
            tenants.retain(|tenant| tenant.status() == Status::Active);
            return Ok(tenants);
        }
        let mut tenants = Vec::new();
        for slug in &self.tenant {
            let tenant = fleet.tenant(slug).await?.ok_or_else(|| {
                format!("there is no tenant {slug}: `saas tenant list` shows those there are")
            })?;
            tenants.push(tenant);
        }
        Ok(tenants)
    }
}

/// How far it is, for people who look; programs and files get none.
fn bar(tenants: usize, output: &Output) -> ProgressBar {
    if output.is_json() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(tenants as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn describe(lines: &[Line]) -> String {
    let mut text = String::new();
    for Line { tenant, kind, end } in lines {
        let _ = write!(text, "{tenant}  {kind}  ");
        let _ = match end {
            End::Built {
                documents,
                refused: 0,
            } => writeln!(text, "built, {documents} documents"),
            End::Built { documents, refused } => {
                writeln!(text, "built, {documents} documents, {refused} refused")
            }
            End::Asked => writeln!(text, "asked the process that serves to build it"),
            End::Compared {
                rows,
                missing: 0,
                stale: 0,
                extra: 0,
            } => writeln!(text, "as its {rows} rows"),
            End::Compared {
                rows,
                missing,
                stale,
                extra,
            } => writeln!(
                text,
                "of {rows} rows {missing} missing and {stale} old, and {extra} too much: \
                 `saas search reindex --tenant {tenant}`"
            ),
            End::Failed { error } => writeln!(text, "failed: {error}"),
        };
    }
    if lines.is_empty() {
        text.push_str("there are no active tenants");
    }
    text
}

fn exit(lines: &[Line]) -> Exit {
    let failed = |line: &Line| matches!(line.end, End::Failed { .. });
    let differs = |line: &Line| {
        matches!(
            line.end,
            End::Compared { missing, stale, extra, .. } if missing + stale + extra > 0
        )
    };
    if !lines.is_empty() && lines.iter().all(failed) {
        Exit::Failed
    } else if lines.iter().any(failed) {
        Exit::SomeFailed
    } else if lines.iter().any(differs) {
        Exit::Drifted
    } else {
        Exit::Done
    }
}

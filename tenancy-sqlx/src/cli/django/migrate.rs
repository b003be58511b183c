//! `migrate_schemas`.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use tenancy_core::SchemaName;

use super::{Questions, by_schema};
use crate::cli::migrate::{self, Scope};
use crate::cli::output::{Exit, Output};
use crate::{Error, Fleet};

pub(in crate::cli) const MIGRATE_EXAMPLES: &str = "\
Examples:
  migrate_schemas              shared tables, then every tenant's
  migrate_schemas --shared
  migrate_schemas --tenant --schema=tenant1
  migrate_schemas --executor=multiprocessing --parallel 8
  migrate_schemas --list       where every tenant stands
  migrate_schemas --plan       what would be applied
  migrate_schemas --check      exit code 4 when something is pending";

/// The words of `migrate_schemas`.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct MigrateSchemas {
    /// Only the shared tables.
    #[arg(long)]
    shared: bool,
    /// Only the tenants' tables.
    #[arg(long, conflicts_with = "shared")]
    tenant: bool,
    /// Only this tenant's schema.
    #[arg(
        short = 's',
        long,
        visible_alias = "schema_name",
        value_name = "SCHEMA",
        conflicts_with = "shared"
    )]
    schema: Option<String>,
    /// Shared tables and every tenant's, as without it.
    #[arg(short, long, conflicts_with_all = ["shared", "tenant", "schema"])]
    all: bool,
    /// One tenant after the other, or several at a time.
    #[arg(long, value_enum, value_name = "EXECUTOR")]
    executor: Option<Executor>,
    /// How many at a time [default: 4].
    #[arg(long, value_name = "N")]
    parallel: Option<NonZeroUsize>,
    /// Say where every tenant stands, and change nothing.
    #[arg(long, conflicts_with_all = ["plan", "check", "fake"])]
    list: bool,
    /// Say what would be applied to whom, and change nothing.
    #[arg(long, conflicts_with_all = ["check", "fake"])]
    plan: bool,
    /// The same, and end with exit code 4 when that is anything.
    #[arg(long, visible_alias = "check_unapplied", conflicts_with = "fake")]
    check: bool,
    /// Enter what is pending as applied, and run nothing: the tables are there already.
    #[arg(long)]
    fake: bool,
    #[command(flatten)]
    _questions: Questions,
}

/// How django-tenants runs several tenants' migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Executor {
    /// One after the other.
    Standard,
    /// Several at a time.
    #[value(alias = "subprocess")]
    Multiprocessing,
}

impl MigrateSchemas {
    /// How many tenants at a time.
    fn jobs(&self) -> NonZeroUsize {
        match (self.parallel, self.executor) {
            (Some(jobs), _) => jobs,
            (None, Some(Executor::Standard)) => NonZeroUsize::MIN,
            (None, _) => migrate::default_jobs(),
        }
    }

    pub(in crate::cli) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        if self.list {
            return migrate::status(fleet, Exit::Done, output).await;
        }
        let jobs = self.jobs();
        let scope = match (self.schema.as_deref(), self.shared, self.tenant) {
            // django-tenants calls the shared side a schema, too.
            (Some("public"), _, _) | (None, true, _) => Scope::Shared,
            (Some(schema), _, _) => {
                Scope::Tenants(vec![by_schema(fleet, &SchemaName::parse(schema)?).await?])
            }
            (None, false, true) => Scope::AllTenants,
            (None, false, false) => Scope::Everything,
        };
        match (self.plan, self.check, self.fake) {
            (true, ..) => migrate::plan(fleet, scope.into(), Exit::Done, output).await,
            (_, true, _) => migrate::plan(fleet, scope.into(), Exit::Pending, output).await,
            (.., true) => migrate::mark(fleet, scope, output).await,
            _ => migrate::run(fleet, scope, jobs, output).await,
        }
    }
}

//! `tenant export|import|inspect|adopt`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use tenancy_core::{Domain, SchemaName, Slug};
use tokio::fs;
use tokio::io::{AsyncWriteExt as _, BufWriter};

use super::new_tenant;
use super::output::{Exit, Output, count, table};
use crate::{Adoption, AdoptionPlan, ArchiveInfo, ExportFormat, ExportSummary};
use crate::{Error, ErrorKind, Fleet, TableRows};

pub(super) const EXPORT_EXAMPLES: &str = "\
Examples:
  tenant export acme acme.tar
  tenant export acme acme.sql --format sql
  psql -v ON_ERROR_STOP=1 -d elsewhere -f acme.sql      restores it without the framework";

pub(super) const IMPORT_EXAMPLES: &str = "\
Examples:
  tenant import acme.tar --as acme --domain acme.example.com
  tenant restore acme.tar --as acme-yesterday           a backup beside the tenant itself";

pub(super) const ADOPT_EXAMPLES: &str = "\
Examples:
  tenant adopt acme --from-schema Acme --domain acme.example.com --dry-run
  tenant adopt first --from-schema public --keep countries --to 3";

/// The words of `tenant export`.
#[derive(Debug, Clone, Args)]
pub struct Export {
    /// The tenant's slug.
    slug: Slug,
    /// Where to write; the file is there only when it is whole.
    file: PathBuf,
    /// What to write: an archive for `tenant import`, or SQL for psql.
    #[arg(long, value_enum, default_value_t = Format::Archive)]
    format: Format,
    /// With --format sql, the schema that is made [default: the tenant's].
    #[arg(long = "as", value_name = "SCHEMA")]
    to: Option<SchemaName>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One file with everything, for `tenant import`.
    Archive,
    /// SQL that psql restores without the framework.
    Sql,
}

/// The words of `tenant import`.
#[derive(Debug, Clone, Args)]
pub struct Import {
    /// The archive.
    file: PathBuf,
    /// The new tenant's slug.
    #[arg(long = "as", value_name = "SLUG")]
    slug: Slug,
    /// Its primary domain, without a port.
    #[arg(long)]
    domain: Option<Domain>,
    /// Its PostgreSQL schema [default: the slug with _ for -].
    #[arg(long)]
    schema: Option<SchemaName>,
    /// Its name for people [default: that of the archive].
    #[arg(long)]
    name: Option<String>,
}

/// The words of `tenant adopt`.
#[derive(Debug, Clone, Args)]
pub struct Adopt {
    /// The slug of the tenant that it becomes.
    slug: Slug,
    /// The schema that has the tables, by its exact name; public stays and gives its tables.
    #[arg(long, value_name = "NAME")]
    from_schema: String,
    /// What the schema is called then [default: as now where that can be, or as the slug].
    #[arg(long)]
    schema: Option<SchemaName>,
    /// Its primary domain, without a port.
    #[arg(long)]
    domain: Option<Domain>,
    /// Its name for people [default: the slug].
    #[arg(long)]
    name: Option<String>,
    /// The last migration that the tables have already, 0 for none [default: all].
    #[arg(long, value_name = "VERSION")]
    to: Option<i64>,
    /// A table of public that stays there, for everybody; may be repeated.
    #[arg(long, value_name = "TABLE")]
    keep: Vec<String>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Export {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let format = match (self.format, self.to) {
            (Format::Archive, None) => ExportFormat::Archive,
            (Format::Archive, Some(_)) => {
                output
                    .refuse("--as goes with --format sql: an archive is named by `tenant import`");
                return Ok(Exit::Usage);
            }
            (Format::Sql, schema) => ExportFormat::Sql { schema },
        };
        if self.file == Path::new("-") {
            output.refuse("an export that is cut off must not look whole: give a file");
            return Ok(Exit::Usage);
        }
        if !self.force && fs::try_exists(&self.file).await.unwrap_or(true) {
            output.refuse(format!(
                "{} is there already: choose another file, or say --force",
                self.file.display()
            ));
            return Ok(Exit::Usage);
        }
        let summary = write(fleet, &self.slug, &self.file, format, output).await?;
        let value = json!({
            "file": self.file, "rows": summary.rows(), "slug": summary.slug,
            "schema": summary.schema, "tables": summary.tables, "resources": summary.resources,
            "bytes": summary.bytes, "sha256": summary.sha256,
        });
        output.result("export", &value, || {
            format!(
                "tenant {} is in {}: {}, {}, {}\nsha256 {}",
                summary.slug,
                self.file.display(),
                count(summary.tables.len(), "table"),
                count(summary.rows(), "row"),
                count(summary.bytes, "byte"),
                summary.sha256
            )
        });
        Ok(Exit::Done)
    }
}

/// Writes beside the file, and gives it its name once it is whole.
async fn write(
    fleet: &Fleet,
    slug: &Slug,
    file: &Path,
    format: ExportFormat,
    output: &Output,
) -> Result<ExportSummary, Error> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let partial = file.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let unwritable = |error: std::io::Error| {
        Error::new(
            ErrorKind::Unavailable,
            format!("{} cannot be written: {error}", file.display()),
        )
        .with_source(error)
    };
    let mut created = fs::File::create_new(&partial).await.map_err(unwritable)?;
    let written = async {
        let into = BufWriter::with_capacity(1 << 16, &mut created);
        let summary = fleet
            .export(slug, into, format, |event| {
                output.note(format!("  {event}"));
            })
            .await?;
        created.flush().await.map_err(unwritable)?;
        created.sync_all().await.map_err(unwritable)?;
        fs::rename(&partial, file).await.map_err(unwritable)?;
        Ok(summary)
    }
    .await;
    if written.is_err() {
        // It is of no use to anybody, and its name says so if it stays.
        let _ = fs::remove_file(&partial).await;
    }
    written
}

impl Import {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        if self.file == Path::new("-") {
            output.refuse("an archive is read twice, first to see that it is whole: give a file");
            return Ok(Exit::Usage);
        }
        let file = open(&self.file).await?;
        let new = new_tenant::of_words(self.slug, self.schema, self.name, self.domain);
        fleet.prepare().await?;
        let tenant = fleet
            .import(file, new, |event| output.note(format!("  {event}")))
            .await?;
        let head = fleet.migrations().tenant.head().unwrap_or(0);
        output.result("tenant", &tenant, || {
            let behind = if tenant.migration() < head {
                "; it is behind: run `migrate`"
            } else {
                ""
            };
            format!(
                "tenant {} is ready in schema {}{behind}",
                tenant.slug(),
                tenant.schema_name()
            )
        });
        Ok(Exit::Done)
    }
}

/// Reads a whole archive, verifies it and says what is in it.
pub(super) async fn inspect(path: &Path, output: &Output) -> Result<Exit, Error> {
    let info = ArchiveInfo::read(open(path).await?).await?;
    output.result("archive", &info, || {
        let rows: u64 = info.tables.iter().map(|table| table.rows).sum();
        let mut lines = vec![
            format!("tenant       {} ({})", info.slug, info.name),
            format!("id           {}", info.tenant_id),
            format!("schema       {}", info.schema),
            format!("written      {} by {}", info.made_at, info.made_by),
            format!("postgresql   {}", info.postgresql),
            format!("migrations   {:?}", info.versions),
            format!("extensions   {}", info.extensions.join(", ")),
            format!("resources    {} entries", info.resources.len()),
            format!(
                "size         {}, {}",
                count(info.bytes, "byte"),
                count(rows, "row")
            ),
            format!("sha256       {}", info.sha256),
            String::new(),
        ];
        let row = |one: &TableRows| [one.table.clone(), one.rows.to_string()];
        lines.push(table(["TABLE", "ROWS"], info.tables.iter().map(row)));
        lines.join("\n")
    });
    Ok(Exit::Done)
}

impl Adopt {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let new = new_tenant::of_words(self.slug, self.schema, self.name, self.domain);
        let mut adoption = Adoption::of_schema(self.from_schema).as_tenant(new);
        if let Some(version) = self.to {
            adoption = adoption.up_to(version);
        }
        for name in self.keep {
            adoption = adoption.keep(name);
        }
        if self.dry_run {
            let plan = fleet.adoption_plan(&adoption).await?;
            output.result("plan", &plan, || describe(&plan, "would become"));
            return Ok(Exit::Done);
        }
        fleet.prepare().await?;
        let adopted = fleet.adopt(adoption).await?;
        output.result("adopted", &adopted, || {
            let slug = adopted.tenant.slug();
            format!(
                "{}\nsee what differs from the migrations with `migrate drift --tenant {slug}`",
                describe(&adopted.plan, "is")
            )
        });
        Ok(Exit::Done)
    }
}

fn describe(plan: &AdoptionPlan, verb: &str) -> String {
    let mut lines = vec![format!(
        "schema {:?} {verb} tenant {}, in schema {}; migrations entered as applied: {:?}",
        plan.from, plan.slug, plan.schema, plan.versions
    )];
    lines.extend(plan.moves.iter().map(|object| format!("  moves  {object}")));
    let keeps = plan.keeps.iter();
    lines.extend(keeps.map(|kept| format!("  stays  {}: {}", kept.object, kept.because)));
    lines.extend(plan.hints.iter().map(|hint| format!("  note   {hint}")));
    lines.join("\n")
}

async fn open(path: &Path) -> Result<fs::File, Error> {
    fs::File::open(path).await.map_err(|error| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("{} cannot be read: {error}", path.display()),
        )
        .with_source(error)
    })
}

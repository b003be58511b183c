//! `run`: a command about one tenant, for a tenant that is named apart, or for each in turn.

use clap::{ArgGroup, Args, Parser};
use serde_json::{Map, Value, json};
use tenancy_core::{Slug, Tenant};

use super::FleetCommand;
use super::output::{Exit, Output, count};
use super::tenant::existing;
use crate::{Error, Fleet};

pub(super) const EXAMPLES: &str = "\
Examples:
  run migrate --tenant acme
  run domain list --all --json
  run tenant suspend --all
  run tenant maintenance --all -- --on --message \"back at noon\" --until 2h
  run psql --all -- -c 'SELECT count(*) FROM blogs'";

/// The commands that are about one tenant, and how each takes it.
const COMMANDS: [(&[&str], Takes); 14] = [
    (&["migrate", "run"], Takes::Flag("--tenant")),
    (&["migrate", "plan"], Takes::Flag("--tenant")),
    (&["migrate"], Takes::Flag("--tenant")),
    (&["tenant", "show"], Takes::Place),
    (&["tenant", "suspend"], Takes::Place),
    (&["tenant", "resume"], Takes::Place),
    (&["tenant", "archive"], Takes::Place),
    (&["tenant", "maintenance"], Takes::Place),
    (&["tenant", "psql"], Takes::Psql),
    (&["domain", "add"], Takes::Place),
    (&["domain", "list"], Takes::Place),
    (&["psql"], Takes::Psql),
    (&["shell"], Takes::Psql),
    (&["migrate_schemas"], Takes::Schema),
];

#[derive(Debug, Clone, Copy)]
enum Takes {
    /// The slug follows the command.
    Place,
    /// The slug follows a flag.
    Flag(&'static str),
    /// The schema follows `--schema`.
    Schema,
    /// The slug follows `tenant psql`, and what comes after is psql's.
    Psql,
}

/// The words of `run`.
#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("who").args(["tenant", "all"]).required(true)))]
pub struct Run {
    /// The command without its tenant, such as migrate; its own flags follow after --.
    #[arg(required = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// The tenant's slug.
    #[arg(long, value_name = "SLUG")]
    tenant: Option<Slug>,
    /// Every tenant, one after the other; one that fails stops no other.
    #[arg(long)]
    all: bool,
}

/// The tenants a command is run for.
#[derive(Debug)]
pub(super) enum Tenants {
    One(Slug),
    All,
}

impl Run {
    pub(super) async fn run(self, fleet: &Fleet, output: &Output) -> Result<Exit, Error> {
        let tenants = self.tenant.map_or(Tenants::All, Tenants::One);
        run(fleet, &self.command, tenants, output).await
    }
}

/// The words of a command as they stand behind `run`.
#[derive(Debug, Parser)]
#[command(name = "run", no_binary_name = true)]
struct Inner {
    #[command(subcommand)]
    command: FleetCommand,
}

/// Runs the command of `words` for each of `tenants`.
pub(super) async fn run(
    fleet: &Fleet,
    words: &[String],
    tenants: Tenants,
    output: &Output,
) -> Result<Exit, Error> {
    let tenants = match tenants {
        Tenants::One(slug) => vec![existing(fleet, &slug).await?],
        Tenants::All => fleet.tenants().await?,
    };
    // The words are read once for all of them first, so that wrong ones do nothing for anybody.
    let mut commands = Vec::with_capacity(tenants.len());
    for tenant in tenants {
        match command(words, &tenant) {
            Ok(command) => commands.push((tenant, command)),
            Err(refusal) => {
                output.refuse(refusal);
                return Ok(Exit::Usage);
            }
        }
    }
    let mut ends = Vec::with_capacity(commands.len());
    let mut parts = Vec::with_capacity(commands.len());
    for (tenant, command) in commands {
        output.note(format!("{}:", tenant.slug()));
        let (end, mut part) = output
            .part(async |part| Box::pin(command.run(fleet, part)).await)
            .await;
        let exit = end.unwrap_or_else(|error| {
            part.insert("error".to_owned(), Output::failure_value(&error));
            output.note(format!("  {error}"));
            Exit::Failed
        });
        parts.push(entry(&tenant, exit, part));
        ends.push(exit);
    }
    let exit = together(&ends);
    output.result("runs", &parts, || {
        let done = ends.iter().filter(|end| **end == Exit::Done).count();
        format!("done for {done} of {}", count(ends.len(), "tenant"))
    });
    Ok(exit)
}

fn entry(tenant: &Tenant, exit: Exit, part: Map<String, Value>) -> Value {
    json!({ "slug": tenant.slug(), "exit_code": exit.code(), "result": part })
}

/// How all of them ended, as one exit code.
fn together(ends: &[Exit]) -> Exit {
    match ends {
        [] => Exit::Done,
        [first, others @ ..] if others.iter().all(|end| end == first) => *first,
        ends if ends.contains(&Exit::Done) => Exit::SomeFailed,
        _ => Exit::Failed,
    }
}

/// The command of `words` about `tenant`, or why there is none.
fn command(words: &[String], tenant: &Tenant) -> Result<FleetCommand, String> {
    let known = COMMANDS.iter().find(|(name, _)| {
        name.len() <= words.len() && name.iter().zip(words).all(|(name, word)| name == word)
    });
    let Some((name, takes)) = known else {
        let names: Vec<_> = COMMANDS.iter().map(|(name, _)| name.join(" ")).collect();
        return Err(format!(
            "{:?} is no command about one tenant: those are {}",
            words.join(" "),
            names.join(", ")
        ));
    };
    let slug = tenant.slug().to_string();
    let (name, rest) = words.split_at(name.len());
    let mut full = name.to_vec();
    match takes {
        Takes::Place => full.push(slug),
        Takes::Flag(flag) => full.extend([(*flag).to_owned(), slug]),
        Takes::Schema => full.extend(["--schema".to_owned(), tenant.schema_name().to_string()]),
        Takes::Psql => {
            full = ["tenant", "psql"].map(str::to_owned).to_vec();
            full.extend([slug, "--".to_owned()]);
        }
    }
    full.extend_from_slice(rest);
    match Inner::try_parse_from(full) {
        Ok(inner) => Ok(inner.command),
        Err(error) => Err(error.render().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use tenancy_core::{SchemaName, TenantId};

    use super::*;

    #[test]
    fn every_command_about_one_tenant_takes_it_where_it_says() {
        Inner::command().debug_assert();
        let slug = Slug::parse("my-shop").unwrap();
        let schema = SchemaName::parse("shop_7").unwrap();
        let tenant = Tenant::new(TenantId::generate(), slug, schema);
        for (words, _) in COMMANDS {
            let mut words: Vec<_> = words.iter().map(ToString::to_string).collect();
            if words == ["domain", "add"] {
                words.push("shop.example".to_owned());
            }
            if words == ["tenant", "maintenance"] {
                words.push("--off".to_owned());
            }
            let command = format!("{:?}", command(&words, &tenant).unwrap());
            let named = command.contains("my-shop") || command.contains("shop_7");
            assert!(named, "{words:?}: {command}");
        }
        for words in [
            &["run", "migrate"][..],
            &["tenant", "purge"],
            &["migrate", "--nothing"],
        ] {
            let words: Vec<_> = words.iter().map(ToString::to_string).collect();
            command(&words, &tenant).unwrap_err();
        }
    }

    #[test]
    fn some_that_failed_among_others_are_said_apart() {
        assert_eq!(together(&[]), Exit::Done);
        assert_eq!(together(&[Exit::Done, Exit::Done]), Exit::Done);
        assert_eq!(together(&[Exit::Done, Exit::Failed]), Exit::SomeFailed);
        assert_eq!(together(&[Exit::Failed, Exit::Failed]), Exit::Failed);
    }
}

//! `sql render`: what a statement becomes, or why it is refused.

use std::io::{ErrorKind, IsTerminal as _, Read as _};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tenancy_core::SchemaName;
use tenancy_qualify::{Allowed, Kind, Refusal, Statement};

use super::output::{Exit, Output};

const EXAMPLES: &str = "\
Examples:
  sql render --schema acme <<< 'SELECT id FROM blogs WHERE id = $1'
  sql render --schema acme --raw <<< 'SELECT id FROM tenant.blogs FOR NO KEY UPDATE'
  sql render --shared < users.sql

The first one prints:
  SELECT id FROM \"acme\".blogs WHERE id = $1

The tenancy.toml of the current folder counts, as it does for the macros.

With --json: {text, kind, tables, parameters}, or {refused: {reason, help, start, end}}, where start
and end count bytes of the statement. A refused statement ends with exit code 1.";

/// What can be asked about statements; no database is needed.
#[derive(Debug, Clone, Subcommand)]
pub enum SqlCommand {
    /// Read one statement from standard input and print it as it is sent, or why it is refused.
    #[command(after_help = EXAMPLES)]
    Render(Render),
}

/// How the statement on standard input is read.
#[derive(Debug, Clone, Args)]
pub struct Render {
    /// The schema of the tenant that it is sent for.
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "shared",
        conflicts_with = "shared"
    )]
    schema: Option<SchemaName>,
    /// Read it as `tenant_sql!(raw "…")` does: by its tokens, every table with its schema.
    #[arg(long)]
    raw: bool,
    /// Read it as `shared_sql!` does: a statement on the app's own tables.
    #[arg(long)]
    shared: bool,
}

impl SqlCommand {
    pub(super) fn run(&self, output: &Output) -> Exit {
        let Self::Render(render) = self;
        let mut stdin = std::io::stdin().lock();
        if stdin.is_terminal() {
            output.note("write one statement and end it with Ctrl-D:");
        }
        let mut sql = String::new();
        if let Err(error) = stdin.read_to_string(&mut sql) {
            output.failure(&error);
            return Exit::Failed;
        }
        let allowed = match allowed() {
            Ok(allowed) => allowed,
            Err(error) => {
                output.failure(&*error);
                return Exit::Failed;
            }
        };
        // A line that was typed or echoed ends with a line break.
        let sql = sql.trim_end();
        match render.read(sql, &allowed) {
            Ok(statement) => {
                let text = render.text(&statement);
                output.document(&accepted(&statement, &text), || text.clone());
                Exit::Done
            }
            Err(refusal) => {
                output.note(format_args!("refused: {}", refusal.explain(sql)));
                if output.is_json() {
                    output.document(&refused(&refusal), String::new);
                }
                Exit::Failed
            }
        }
    }
}

impl Render {
    fn read(&self, sql: &str, allowed: &Allowed) -> Result<Statement, Refusal> {
        match (self.shared, self.raw) {
            (false, false) => allowed.tenant(sql),
            (false, true) => allowed.tenant_raw(sql),
            (true, false) => allowed.shared(sql),
            (true, true) => allowed.shared_raw(sql),
        }
    }

    fn text(&self, statement: &Statement) -> String {
        let schema = self.schema.as_ref().map(SchemaName::quoted);
        statement.render(&schema.unwrap_or_default())
    }
}

/// What the `tenancy.toml` of the current folder adds to the lists, if there is one.
fn allowed() -> Result<Allowed, Box<dyn std::error::Error>> {
    match std::fs::read_to_string("tenancy.toml") {
        Ok(text) => Ok(Allowed::parse(&text)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Allowed::none()),
        Err(error) => Err(error.into()),
    }
}

fn accepted(statement: &Statement, text: &str) -> Value {
    let kind = match statement.kind() {
        Kind::Read => "read",
        Kind::Write => "write",
    };
    json!({
        "text": text,
        "kind": kind,
        "tables": statement.tables(),
        "parameters": statement.parameters(),
    })
}

fn refused(refusal: &Refusal) -> Value {
    let span = refusal.span();
    json!({ "refused": {
        "reason": refusal.reason(),
        "help": refusal.help(),
        "start": span.start,
        "end": span.end,
    } })
}

#[cfg(test)]
mod tests {
    use super::*;

    static LISTED: Allowed = Allowed::none();

    fn render(schema: Option<&str>, raw: bool, shared: bool) -> Render {
        let schema = schema.map(|name| SchemaName::parse(name).unwrap());
        Render {
            schema,
            raw,
            shared,
        }
    }

    #[test]
    fn a_statement_is_printed_as_it_is_sent() {
        let tenant = render(Some("acme"), false, false);
        let statement = tenant
            .read("DELETE FROM blogs WHERE id = $1", &LISTED)
            .unwrap();
        let text = tenant.text(&statement);
        assert_eq!(text, r#"DELETE FROM "acme".blogs WHERE id = $1"#);
        let wanted = json!({ "text": text, "kind": "write", "tables": ["blogs"], "parameters": 1 });
        assert_eq!(accepted(&statement, &text), wanted);

        let raw = render(Some("acme"), true, false);
        let statement = raw
            .read("SELECT id FROM ONLY tenant.blogs", &LISTED)
            .unwrap();
        assert_eq!(raw.text(&statement), r#"SELECT id FROM ONLY "acme".blogs"#);

        let shared = render(None, false, true);
        let statement = shared.read("SELECT id FROM public.users", &LISTED).unwrap();
        assert_eq!(shared.text(&statement), "SELECT id FROM public.users");
        assert_eq!(accepted(&statement, "")["tables"], json!(["public.users"]));
    }

    #[test]
    fn a_refusal_says_where_and_what_to_do() {
        let refusal = render(Some("acme"), false, false)
            .read("SELECT * FROM blogs", &LISTED)
            .unwrap_err();
        let document = refused(&refusal);
        assert_eq!(document["refused"]["start"], 7);
        assert_eq!(document["refused"]["end"], 8);
        assert_eq!(document["refused"]["help"], "name the columns");
    }
}

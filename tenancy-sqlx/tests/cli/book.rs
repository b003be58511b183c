//! Every command that the guides tell a reader to type is one.

use clap::error::ErrorKind;
use clap::{Parser, Subcommand as _};
use tenancy_sqlx::cli::{FleetCommand, Output};

const GUIDES: [(&str, &str); 10] = [
    (
        "commands",
        include_str!("../../../docs/book/reference/commands.md"),
    ),
    (
        "deployment",
        include_str!("../../../docs/book/guide/deployment.md"),
    ),
    (
        "from-django-tenants",
        include_str!("../../../docs/book/guide/from-django-tenants.md"),
    ),
    ("jobs", include_str!("../../../docs/book/guide/jobs.md")),
    (
        "lifecycle",
        include_str!("../../../docs/book/guide/lifecycle.md"),
    ),
    ("limits", include_str!("../../../docs/book/guide/limits.md")),
    (
        "migrations",
        include_str!("../../../docs/book/guide/migrations.md"),
    ),
    ("moving", include_str!("../../../docs/book/guide/moving.md")),
    ("safety", include_str!("../../../docs/book/guide/safety.md")),
    (
        "troubleshooting",
        include_str!("../../../docs/book/guide/troubleshooting.md"),
    ),
];

#[derive(Debug, Parser)]
#[command(name = "program", no_binary_name = true)]
struct Program {
    #[command(flatten)]
    _output: Output,
    #[command(subcommand)]
    _command: FleetCommand,
}

/// The lines of shell blocks, and what stands between single backquotes elsewhere.
fn spans(text: &str) -> Vec<String> {
    let mut spans = Vec::new();
    for (n, part) in text.split("```").enumerate() {
        if n % 2 == 1 {
            let lines = part.strip_prefix("sh\n").unwrap_or_default().lines();
            spans.extend(lines.map(str::to_owned));
        } else {
            let inline = part.split('`').skip(1).step_by(2);
            spans.extend(inline.map(|span| span.replace('\n', " ")));
        }
    }
    spans
}

/// The words of a span as a shell would part them.
fn words(span: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in span.chars() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('#', None) if words.last().is_some_and(String::is_empty) => break,
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().expect("there is one").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_of_the_guides_is_one() {
    let program = FleetCommand::augment_subcommands(clap::Command::new("program"));
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (guide, text) in GUIDES {
        for span in spans(text) {
            // Forms with choices and places to fill are read by people.
            if span.contains(['[', '|', '…', '<', '&', '$', '*', '=']) && !span.contains("--") {
                continue;
            }
            let mut words = words(&span);
            words.retain(|word| !word.starts_with("DATABASE_"));
            let prefixed = words.first().is_some_and(|w| w == "saas" || w == "tenancy");
            if prefixed {
                words.remove(0);
            }
            let Some(first) = words.first() else { continue };
            let known = program.find_subcommand(first).is_some();
            if words.len() < 2 || !known || words.iter().any(|w| w.contains(['[', '|', '…'])) {
                continue;
            }
            seen += 1;
            let Err(error) = Program::try_parse_from(&words) else {
                continue;
            };
            let fits = match error.kind() {
                ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => false,
                // A word in capitals stands for one of the reader's, and a flag for itself.
                ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                    let is_place = |word: &str| word.chars().all(|c| c.is_ascii_uppercase());
                    span.split([' ', '=']).any(is_place)
                        || words.last().is_some_and(|word| word.starts_with("--"))
                }
                _ => true,
            };
            if !fits {
                wrong.push(format!("{guide}: {span}: {error}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 80, "{seen} commands were looked at");
}

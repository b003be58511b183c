//! What the program says about itself, without any database.

use std::process::Stdio;

use clap::Subcommand as _;
use tenancy_sqlx::cli::FleetCommand;

use super::support::{Ended, tenancy};

const COMMANDS: &str = include_str!("../../../docs/book/reference/commands.md");

fn run(words: &[&str]) -> Ended {
    Ended::of(tenancy().args(words).output().unwrap())
}

/// The commands that a help text lists.
fn commands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        // Further lines of a description are indented more.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_help_of_every_command_ends_with_an_example_of_it() {
    let mut left = vec![Vec::<String>::new()];
    let (mut seen, mut without) = (0, Vec::new());
    while let Some(path) = left.pop() {
        let mut words: Vec<&str> = path.iter().map(String::as_str).collect();
        words.push("--help");
        let ended = run(&words);
        assert_eq!(ended.code, Some(0), "{path:?}: {ended:?}");
        let below = commands(&ended.stdout);
        if below.is_empty() {
            seen += 1;
            let example = ended
                .stdout
                .split_once("\nExample")
                .is_some_and(|(_, examples)| {
                    path.last().is_some_and(|name| examples.contains(name))
                });
            if !example {
                without.push(path.join(" "));
            }
        }
        left.extend(below.into_iter().map(|name| {
            let mut path = path.clone();
            path.push(name);
            path
        }));
    }
    assert!(without.is_empty(), "no example of itself: {without:?}");
    assert!(seen > 25, "{seen} commands were looked at");
}

#[test]
fn the_help_of_the_program_names_every_exit_code() {
    let help = run(&["--help"]).stdout;
    for code in [
        "0 done",
        "1 failed",
        "2 wrong words",
        "3 some",
        "4 ",
        "5 ",
        "6 ",
        "7 ",
    ] {
        assert!(help.contains(code), "{code:?} is missing: {help}");
    }
}

/// Every command without commands of its own, with the words that lead to it.
fn leaves(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    for below in command.get_subcommands() {
        let path = format!("{path} {}", below.get_name()).trim().to_owned();
        if below.has_subcommands() {
            leaves(below, &path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn the_book_lists_every_command_and_every_exit_code() {
    let program = FleetCommand::augment_subcommands(clap::Command::new("tenancy"));
    let mut found = Vec::new();
    leaves(&program, "", &mut found);
    assert!(found.len() > 40, "{found:?}");
    let listed = |path: &String| {
        ["`", " "]
            .iter()
            .any(|end| COMMANDS.contains(&format!("`{path}{end}")))
    };
    found.retain(|path| !listed(path));
    assert!(found.is_empty(), "not in the book: {found:?}");
    // The help names the same codes, which another test reads.
    for code in 0..=7 {
        let row = format!("\n| {code} | ");
        assert!(
            COMMANDS.contains(&row),
            "exit code {code} is not in the book"
        );
    }
}

#[test]
fn a_choice_that_must_be_made_is_shown_with_all_that_can_be_chosen() {
    for (words, choice) in [
        (&["tenant", "maintenance", "acme"][..], "<--on|--off>"),
        (&["migrate", "new", "tags"], "<--shared|--tenant>"),
        (&["run", "migrate"], "<--tenant <SLUG>|--all>"),
        (&["jobs", "retry"], "--all"),
    ] {
        let ended = run(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {ended:?}");
        assert!(ended.stderr.contains(choice), "{words:?}: {ended:?}");
    }
    for words in [
        &["migrate", "run", "--status", "gone"][..],
        &["migrate", "run", "--jobs", "0"],
        &["jobs", "list", "--status", "gone"],
        &["jobs", "purge", "--status", "queued"],
        &["jobs", "cancel", "--all", "--tenant", "acme"],
        &["jobs", "retry", "not-an-id"],
        &["migrate", "run", "--wave", "101%"],
        &["migrate", "undo", "--run", "nonsense"],
        &["tenant", "maintenance", "acme", "--on", "--off"],
    ] {
        assert_eq!(run(words).code, Some(2), "{words:?}");
    }
}

#[test]
fn a_reader_of_the_completions_may_leave_early() {
    let mut command = tenancy();
    command
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success() && stderr.is_empty(), "{stderr}");
}

#[test]
fn a_misspelt_command_is_refused_with_the_one_that_was_meant() {
    for (words, meant) in [
        (&["tenat", "list"][..], "tenant"),
        (&["tenant", "lst"], "list"),
        (&["migrate", "run", "--tenants", "acme"], "--tenant"),
        (&["migrate_schema"], "migrate_schemas"),
    ] {
        let ended = run(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {ended:?}");
        assert!(ended.stderr.contains("similar"), "{words:?}: {ended:?}");
        assert!(ended.stderr.contains(meant), "{words:?}: {ended:?}");
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ended = run(&["completions", shell]);
        assert_eq!(ended.code, Some(0), "{shell}: {ended:?}");
        for word in ["tenancy", "migrate", "create_tenant"] {
            assert!(ended.stdout.contains(word), "{shell} lacks {word}");
        }
    }
}

#[test]
fn nothing_is_coloured_where_nobody_looks() {
    for words in [&["--help"][..], &["migrate", "--help"], &["tenat"]] {
        for colour in [None, Some(("NO_COLOR", "1"))] {
            let mut command = tenancy();
            command.args(words).envs(colour);
            let ended = Ended::of(command.output().unwrap());
            let all = [ended.stdout, ended.stderr].concat();
            assert!(!all.contains('\u{1b}'), "{words:?}: {all:?}");
        }
    }
}

#[test]
fn without_a_database_it_says_what_to_set() {
    let ended = run(&["tenant", "list"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("DATABASE_URL"), "{ended:?}");
}

//! `migrate new`: the next numbered file, with its header, for somebody to fill in.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use serde_json::json;

use super::output::{Exit, Output};

const EXAMPLES: &str = "\
Examples:
  migrate new --tenant add_tags
  migrate new --shared plans --dir migrations
  makemigrations --tenant add_tags";

/// The words of `migrate new`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("side").args(["shared", "tenant"]).required(true)))]
pub struct NewMigration {
    /// For what all tenants share.
    #[arg(long)]
    shared: bool,
    /// For the tables that each tenant has.
    #[arg(long)]
    tenant: bool,
    /// What it does, in a word or two, such as `add_tags`.
    name: String,
    /// The folder with `shared/` and `tenant/` [default: the program's own].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl NewMigration {
    /// Where the files are when nothing else is said.
    pub(super) fn default_dir(&mut self, dir: &Path) {
        self.dir.get_or_insert_with(|| dir.to_owned());
    }

    pub(super) fn run(&self, output: &Output) -> Exit {
        let Some(name) = file_name(&self.name) else {
            output.refuse(format!(
                "the name {:?} cannot be a file's: use a-z, 0-9 and _",
                self.name
            ));
            return Exit::Usage;
        };
        let scope = if self.shared { "shared" } else { "tenant" };
        let dir = self.dir.as_deref().unwrap_or(Path::new("migrations"));
        match write(dir, scope, &name) {
            Ok((version, file)) => {
                let done = json!({ "version": version, "scope": scope, "file": file });
                output.result("migration", &done, || {
                    format!(
                        "{} is there: write its SQL, then run `migrate` (build the program first \
                         if it embeds its migrations)",
                        file.display()
                    )
                });
                Exit::Done
            }
            Err(error) => {
                output.failure(&error);
                Exit::Failed
            }
        }
    }
}

/// The part of a file's name after the number.
fn file_name(name: &str) -> Option<String> {
    let name = name.trim().to_lowercase().replace([' ', '-'], "_");
    let fits = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    (fits && !name.is_empty() && name.len() <= 100).then_some(name)
}

fn write(dir: &Path, scope: &str, name: &str) -> io::Result<(i64, PathBuf)> {
    if !dir.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!(
                "there is no folder {}: make it, or give another --dir",
                dir.display()
            ),
        ));
    }
    let folder = dir.join(scope);
    fs::create_dir_all(&folder)?;
    let (version, width) = next(&folder)?;
    let file = folder.join(format!("{version:0width$}_{name}.sql"));
    // An existing file is somebody's work, whoever was faster.
    let mut new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&file)?;
    new.write_all(header(scope, version, name).as_bytes())?;
    Ok((version, file))
}

/// One more than the highest number there is, and how many digits that one has.
fn next(folder: &Path) -> io::Result<(i64, usize)> {
    let (mut highest, mut width) = (0, 1);
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let version = name.to_str().and_then(|name| name.split_once('_'));
        let Some((digits, _)) = version else { continue };
        if let Ok(version) = digits.parse::<i64>()
            && version > highest
        {
            (highest, width) = (version, digits.len());
        }
    }
    let next = highest
        .checked_add(1)
        .ok_or_else(|| io::Error::other("the highest number is taken: rename that file"))?;
    Ok((next, width))
}

fn header(scope: &str, version: i64, name: &str) -> String {
    let what = name.replace('_', " ");
    let rules = if scope == "shared" {
        "-- Runs once, in public; what every tenant may read is written shared.NAME."
    } else {
        "-- Runs in the schema of each tenant, one transaction each; write names without a schema."
    };
    format!(
        "-- {version}: {what}\n{rules}\n-- An applied file is never changed: add another one.\n\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MigrationSet;

    #[test]
    fn the_next_file_is_numbered_named_and_readable() {
        let dir = tempfile::tempdir().unwrap();
        let (version, file) = write(dir.path(), "tenant", "add_tags").unwrap();
        assert_eq!(version, 1);
        fs::write(dir.path().join("tenant/41_old.sql"), "SELECT 1").unwrap();
        fs::write(dir.path().join("tenant/README.md"), "no number").unwrap();
        let (version, second) = write(dir.path(), "tenant", "add_tags").unwrap();
        assert_eq!(version, 42);
        assert!(second.ends_with("tenant/42_add_tags.sql"), "{second:?}");
        assert!(
            fs::read_to_string(&file)
                .unwrap()
                .starts_with("-- 1: add tags\n")
        );
        let set = MigrationSet::read(dir.path().join("tenant")).unwrap();
        assert_eq!(set.versions(), [1, 41, 42]);
        fs::write(dir.path().join("tenant/0099_wide.sql"), "SELECT 1").unwrap();
        let (_, wide) = write(dir.path(), "tenant", "wider").unwrap();
        assert!(wide.ends_with("tenant/0100_wider.sql"), "{wide:?}");

        assert_eq!(write(dir.path(), "shared", "plans").unwrap().0, 1);
        let error = write(&dir.path().join("nowhere"), "shared", "plans").unwrap_err();
        assert!(error.to_string().contains("--dir"), "{error}");
    }

    #[test]
    fn names_become_file_names_or_are_refused() {
        assert_eq!(file_name("Add Tags-2").as_deref(), Some("add_tags_2"));
        for name in ["", "  ", "a/b", "../a", "ü", "a.sql"] {
            assert_eq!(file_name(name), None, "{name:?}");
        }
    }
}

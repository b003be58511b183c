//! Where PostgreSQL's programs lie on this machine, and which of them will do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::failure::configuration;
use crate::Error;

/// The oldest major version that the framework runs on.
const OLDEST: u16 = 15;

/// What to type when there is no PostgreSQL.
const INSTALL: &str = if cfg!(target_os = "macos") {
    "install it with `brew install postgresql`"
} else {
    "install it with `apt-get install postgresql`"
};

/// Folders of which each sub-folder may be one version's home: the parent, what the
/// sub-folder's name starts with, and where the programs lie below it.
const PLACES: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
];

/// One folder with `postgres` and `initdb` of a known version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) folder: PathBuf,
    pub(super) version: String,
    pub(super) major: u16,
}

impl Binaries {
    /// Finds programs of version 15 or newer, of version `wanted` when there is data of it.
    ///
    /// `explicit` is the only place when it is given. Otherwise: what the shell finds by its
    /// own search, then the places where packages install, newest version first.
    pub(super) fn find(explicit: Option<&Path>, wanted: Option<u16>) -> Result<Self, Error> {
        let searched = match explicit {
            Some(folder) => vec![folder.to_owned()],
            None => on_the_path().into_iter().chain(installed()).collect(),
        };
        if let Some(folder) = explicit
            && read_version(folder).is_none()
        {
            return Err(configuration(format!(
                "folder `{}` has no PostgreSQL programs `postgres` and `initdb` that run: name the `bin` folder of an installation, or {INSTALL}",
                folder.display()
            )));
        }
        choose(
            searched.iter().filter_map(|folder| read_version(folder)),
            wanted,
        )
    }

    /// The path of one program.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Takes the first that will do; looks no further than that.
fn choose(found: impl Iterator<Item = Binaries>, wanted: Option<u16>) -> Result<Binaries, Error> {
    let mut rejected = Vec::new();
    for binaries in found {
        if binaries.major >= OLDEST && wanted.is_none_or(|wanted| wanted == binaries.major) {
            return Ok(binaries);
        }
        rejected.push(format!(
            "{} in `{}`",
            binaries.version,
            binaries.folder.display()
        ));
    }
    let rejected = rejected.join(", ");
    Err(configuration(match wanted {
        _ if rejected.is_empty() => {
            format!("PostgreSQL is not installed: {INSTALL}")
        }
        Some(wanted) => format!(
            "the data was made by PostgreSQL {wanted}, but what is installed is {rejected}: install PostgreSQL {wanted}, or start with a new data folder"
        ),
        None => format!(
            "PostgreSQL {OLDEST} or newer is needed, but what is installed is {rejected}: install a newer one"
        ),
    }))
}

/// Asks the shell, which searches for programs as every other one does.
fn on_the_path() -> Option<PathBuf> {
    let output = Command::new("/bin/sh")
        .args(["-c", "command -v postgres"])
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    let real = fs::canonicalize(path.trim_end_matches('\n')).ok()?;
    real.parent().map(Path::to_owned)
}

fn installed() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for (parent, prefix, below) in PLACES {
        let Ok(entries) = fs::read_dir(parent) else {
            continue;
        };
        let mut versions: Vec<(u16, PathBuf)> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name();
                let number = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
                Some((number, entry.path().join(below)))
            })
            .collect();
        versions.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        folders.extend(versions.into_iter().map(|(_, folder)| folder));
    }
    folders
}

/// Runs `postgres --version`, so that a folder of broken programs is passed over.
fn read_version(folder: &Path) -> Option<Binaries> {
    if !folder.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let (version, major) = parse_version(std::str::from_utf8(&output.stdout).ok()?)?;
    Some(Binaries {
        folder: folder.to_owned(),
        version,
        major,
    })
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian …)`, `… 19devel` and the like.
fn parse_version(line: &str) -> Option<(String, u16)> {
    let version = line
        .split_once("(PostgreSQL) ")?
        .1
        .split_whitespace()
        .next()?;
    let digits = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    Some((version.to_owned(), version[..digits].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binaries(folder: &str, version: &str) -> Binaries {
        let (version, major) = parse_version(&format!("postgres (PostgreSQL) {version}")).unwrap();
        Binaries {
            folder: folder.into(),
            version,
            major,
        }
    }

    #[test]
    fn versions_are_read_from_what_packagers_print() {
        let check = |line: &str, expected: Option<(&str, u16)>| {
            let expected = expected.map(|(version, major)| (version.to_owned(), major));
            assert_eq!(parse_version(line), expected, "{line}");
        };
        check(
            "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n",
            Some(("15.18", 15)),
        );
        check("postgres (PostgreSQL) 19devel\n", Some(("19devel", 19)));
        check("postgres (PostgreSQL) 9.6.24", Some(("9.6.24", 9)));
        check("postgres (PostgreSQL) \n", None);
        check("redis-server 7", None);
    }

    #[test]
    fn the_first_that_will_do_is_taken() {
        let found = [
            binaries("/a", "14.9"),
            binaries("/b", "16.2"),
            binaries("/c", "18.0"),
        ];
        let chosen = choose(found.into_iter(), None).unwrap();
        assert_eq!(chosen.folder, Path::new("/b"));
    }

    #[test]
    fn data_of_an_older_version_gets_its_own_programs() {
        let found = [binaries("/b", "18.0"), binaries("/a", "16.2")];
        let chosen = choose(found.into_iter(), Some(16)).unwrap();
        assert_eq!(chosen.folder, Path::new("/a"));
    }

    #[test]
    fn nothing_that_will_do_is_an_error_that_says_what_to_type() {
        let none = choose(std::iter::empty(), None).unwrap_err().to_string();
        assert!(none.contains("apt-get install postgresql") || none.contains("brew install"));

        let old = choose([binaries("/a", "14.9")].into_iter(), None).unwrap_err();
        assert!(old.to_string().contains("14.9 in `/a`"), "{old}");

        let other = choose([binaries("/a", "18.0")].into_iter(), Some(16)).unwrap_err();
        assert!(
            other.to_string().contains("made by PostgreSQL 16"),
            "{other}"
        );
        assert!(other.to_string().contains("18.0 in `/a`"), "{other}");
    }
}

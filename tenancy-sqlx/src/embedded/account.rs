//! The account a server runs as: this one, or an unprivileged one when this is root.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use super::failure::{configuration, io_at};
use crate::Error;

/// Whom root becomes, in order of preference.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// What a server or `initdb` would take from the caller's environment and must not.
const FOREIGN_SETTINGS: [&str; 9] = [
    "PGDATA",
    "PGPORT",
    "PGHOST",
    "PGUSER",
    "PGDATABASE",
    "PGOPTIONS",
    "PGDATESTYLE",
    "PGCLIENTENCODING",
    "PGTZ",
];

/// The account that the server's processes and files belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// This process's own.
    Own,
    /// Another one, because this process is root and PostgreSQL refuses root.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// Picks the account for `cluster`: the owner of what is there already, when it may be.
    pub(super) fn pick(cluster: &Path) -> Result<Self, Error> {
        let own = rustix::process::geteuid().as_raw();
        let owner = match fs::metadata(cluster) {
            Ok(metadata) => Some((metadata.uid(), metadata.gid())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_at("read folder", cluster, error)),
        };
        match owner {
            Some((uid, _)) if own != 0 && uid != own => Err(configuration(format!(
                "folder `{}` belongs to the account with number {uid}, this is number {own}: run as that account or as root, or name another data folder",
                cluster.display()
            ))),
            _ if own != 0 => Ok(Self::Own),
            Some((uid, gid)) if uid != 0 => Ok(Self::Other { uid, gid }),
            _ => UNPRIVILEGED
                .into_iter()
                .find_map(look_up)
                .ok_or_else(|| {
                    configuration(
                        "PostgreSQL refuses to run as root, and there is no account `postgres` or `nobody` to run it as: make one, or run as another account".to_owned(),
                    )
                }),
        }
    }

    /// A command that runs as this account, in a folder that every account may enter.
    pub(super) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self {
            Self::Own => Command::new(program),
            Self::Other { uid, gid } => {
                let mut command = Command::new("setpriv");
                command
                    .arg(format!("--reuid={uid}"))
                    .arg(format!("--regid={gid}"))
                    .args(["--clear-groups", "--"])
                    .arg(program);
                command
            }
        };
        for name in FOREIGN_SETTINGS {
            command.env_remove(name);
        }
        command
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::null());
        command
    }

    /// Gives `path` to this account.
    pub(super) fn own(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid))
                .map_err(|error| io_at("give away folder", path, error)),
        }
    }

    /// Whether this account can enter `folder`, through all the folders above it.
    pub(super) fn enters(self, folder: &Path) -> Result<bool, Error> {
        if self == Self::Own {
            return Ok(true);
        }
        self.command("/bin/sh")
            .args(["-c", "cd -- \"$1\"", "sh"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map(|status| status.success())
            .map_err(cannot_run)
    }
}

/// Tells why a program of the server did not even start.
pub(super) fn cannot_run(error: io::Error) -> Error {
    let hint = if error.kind() == io::ErrorKind::NotFound {
        ": as root this needs the program `setpriv` (package `util-linux`)"
    } else {
        ""
    };
    configuration(format!(
        "cannot run the programs of PostgreSQL: {error}{hint}"
    ))
    .with_source(error)
}

fn look_up(name: &str) -> Option<Account> {
    let number = |flag: &str| {
        let output = Command::new("id")
            .args([flag, name])
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let number: u32 = std::str::from_utf8(&output.stdout)
            .ok()?
            .trim()
            .parse()
            .ok()?;
        (number != 0).then_some(number)
    };
    Some(Account::Other {
        uid: number("-u")?,
        gid: number("-g")?,
    })
}

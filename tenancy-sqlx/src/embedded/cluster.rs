//! PostgreSQL's own data folder: made once, completely or not at all.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::{Account, cannot_run};
use super::binaries::Binaries;
use super::failure::{configuration, io_at};
use super::folder::{DataFolder, remove_folder};
use super::options::{Durability, EmbeddedOptions};
use crate::Error;

/// A complete cluster, and the programs that fit it.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) path: PathBuf,
    pub(super) account: Account,
    pub(super) binaries: Binaries,
}

impl Cluster {
    /// Finds the cluster of `folder`, or makes it; only for the holder of the folder's lock.
    pub(super) fn open(folder: &DataFolder, options: &EmbeddedOptions) -> Result<Self, Error> {
        let (path, account) = folder.locate()?;
        let made_by = major_version(&path)?;
        let binaries = Binaries::find(options.binaries.as_deref(), made_by).map_err(|error| {
            error.while_doing(format_args!("data folder `{}`", folder.path().display()))
        })?;
        let cluster = Self {
            path,
            account,
            binaries,
        };
        let marker = folder.marker();
        let draft = cluster.path.with_extension("new");
        if draft.exists() {
            if !marker.exists() {
                return Err(in_the_way(&draft));
            }
            remove_folder(&draft)?;
        }
        if made_by.is_none() {
            if cluster.path.exists() {
                return Err(in_the_way(&cluster.path));
            }
            fs::write(&marker, "").map_err(|error| io_at("write", &marker, error))?;
            cluster.initialise(&draft, options.durability)?;
        }
        match fs::remove_file(&marker) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_at("remove", &marker, error))
            }
            _ => Ok(cluster),
        }
    }

    /// The command of a server that listens in `socket_dir` only.
    pub(super) fn server(&self, socket_dir: &Path, options: &EmbeddedOptions) -> Command {
        // The value is a list, in which a quoted entry may contain anything.
        let listed = socket_dir.to_string_lossy().replace('"', "\"\"");
        let mut server = Command::new(self.binaries.program("postgres"));
        server
            .arg("-D")
            .arg(&self.path)
            .args(["-p", &super::PORT.to_string()])
            .args(["-c", &format!("unix_socket_directories=\"{listed}\"")]);
        let settings = [
            "listen_addresses=",
            "unix_socket_permissions=0700",
            "max_connections=100",
            "shared_buffers=64MB",
            "logging_collector=off",
            "log_destination=stderr",
            "log_checkpoints=off",
            "log_line_prefix=%m [%p] %q%u@%d ",
            "timezone=UTC",
            "log_timezone=UTC",
            "jit=off",
        ];
        // Commits still leave the process at once, so that a killed server loses none.
        let hasty = ["fsync=off", "full_page_writes=off"];
        let hasty = if options.durability == Durability::Fast {
            &hasty[..]
        } else {
            &[]
        };
        server.args([
            "-c",
            &format!("max_locks_per_transaction={}", options.locks),
        ]);
        for setting in settings.iter().chain(hasty) {
            server.args(["-c", setting]);
        }
        server
    }

    /// Makes the cluster beside its place and moves it there when it is complete.
    fn initialise(&self, draft: &Path, durability: Durability) -> Result<(), Error> {
        let mut complaint = String::new();
        for locale in ["C.UTF-8", "C"] {
            remove_folder(draft)?;
            DirBuilder::new()
                .mode(0o700)
                .create(draft)
                .map_err(|error| io_at("make folder", draft, error))?;
            self.account.own(draft)?;
            let mut initdb = self.account.command(self.binaries.program("initdb"));
            initdb
                .arg("-D")
                .arg(draft)
                .args(["-A", "trust", "-U", super::SUPERUSER, "-E", "UTF8"])
                .args([&format!("--locale={locale}"), "--no-instructions"]);
            if durability == Durability::Fast {
                initdb.arg("--no-sync");
            }
            let output = initdb.output().map_err(cannot_run)?;
            if output.status.success() {
                return fs::rename(draft, &self.path).map_err(|error| io_at("move", draft, error));
            }
            complaint = String::from_utf8_lossy(&output.stderr)
                .trim()
                .replace('\n', "; ");
            if !complaint.contains("locale") {
                break;
            }
        }
        remove_folder(draft)?;
        Err(configuration(format!(
            "cannot set up a PostgreSQL server in `{}`: {complaint}",
            self.path.display()
        )))
    }
}

fn in_the_way(path: &Path) -> Error {
    configuration(format!(
        "folder `{}` is in the way and was not made by this program: move it away, or name another data folder",
        path.display()
    ))
}

/// The version that made the cluster; `None` when there is none.
fn major_version(cluster: &Path) -> Result<Option<u16>, Error> {
    let path = cluster.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| {
            configuration(format!(
                "`{}` says {:?}, which is no version of PostgreSQL: restore the data folder, or name another one",
                path.display(),
                text.trim()
            ))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_at("read", &path, error)),
    }
}

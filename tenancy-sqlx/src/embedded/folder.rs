//! The data folder: who may use it, and where in it, or outside it, the cluster lies.
//!
//! | name | what it is |
//! |---|---|
//! | `lock` | locked by the process that holds the server's life, and by the server's shell |
//! | `server.json` | how to reach the running server |
//! | `postgres.log` | what the server has to say |
//! | `cluster` | PostgreSQL's own data folder |
//! | `location` | the folder that has `cluster` instead, where the server's account cannot come here |
//! | `initialising` | there while `cluster.new` is being made, which is worth nothing until then |

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::account::Account;
use super::failure::{configuration, io_at};
use super::options::{EmbeddedOptions, Keep};
use super::postmaster;
use super::state::ServerState;
use crate::Error;

/// Where a cluster goes when the server's account cannot enter the data folder. Only root
/// needs it, so it is a place of root's that nobody cleans.
const OUTSIDE: &str = "/var/lib";

/// A log longer than this starts anew with the server.
const LOG_LIMIT: u64 = 10 * 1024 * 1024;

/// A data folder that exists; nobody needs to hold its lock.
#[derive(Debug, Clone)]
pub(super) struct DataFolder {
    root: PathBuf,
    keep: Keep,
}

impl DataFolder {
    /// Opens the folder, and makes it when it is not there.
    pub(super) fn open(options: &EmbeddedOptions) -> Result<Self, Error> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        if options.keep == Keep::WhileRunning {
            builder.mode(0o700);
        }
        let given = &options.data_dir;
        builder
            .create(given)
            .map_err(|error| io_at("make data folder", given, error))?;
        let root =
            fs::canonicalize(given).map_err(|error| io_at("find data folder", given, error))?;
        if root.join("PG_VERSION").exists() {
            return Err(configuration(format!(
                "data folder `{}` is that of another PostgreSQL server: name a folder of its own",
                root.display()
            )));
        }
        Ok(Self {
            root,
            keep: options.keep,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.root
    }

    /// Takes the lock, or says `None` when another one has it. It is held until every copy
    /// of the file is closed, also those that children got.
    pub(super) fn lock(&self) -> Result<Option<File>, Error> {
        let path = self.root.join("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| io_at("open", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(io_at("lock", &path, error)),
        }
    }

    /// Where the cluster lies, or will; only for the holder of the lock.
    ///
    /// A cluster outside whose data folder was deleted goes with it: deleting the data folder
    /// deletes the data.
    pub(super) fn locate(&self) -> Result<(PathBuf, Account), Error> {
        let inside = self.root.join("cluster");
        if let Some(home) = self.pointed()? {
            self.adopt(&home)?;
            let cluster = home.join("cluster");
            let account = Account::pick(&cluster)?;
            return Ok((cluster, account));
        }
        let account = Account::pick(&inside)?;
        if self.keep == Keep::WhileRunning {
            // The server's shell removes it, and so has to own it.
            account.own(&self.root)?;
        }
        if account.enters(&self.root)? {
            return Ok((inside, account));
        }
        if inside.exists() {
            return Err(configuration(format!(
                "the account of the PostgreSQL server can no longer enter data folder `{}`: allow that (`chmod a+x` on the folders above it)",
                self.root.display()
            )));
        }
        let home = self.claim()?;
        let pointer = self.root.join("location");
        fs::write(&pointer, home.as_os_str().as_encoded_bytes())
            .map_err(|error| io_at("write", &pointer, error))?;
        Ok((home.join("cluster"), account))
    }

    /// Removes the cluster and everything that belongs to it; only for the lock's holder.
    pub(super) fn erase(&self) -> Result<(), Error> {
        // What is gone already needs no erasing.
        let outside = self.pointed()?.filter(|home| home.exists());
        if let Some(home) = &outside {
            // A second opinion beside the name: the folder itself says that it is ours.
            self.adopt(home)?;
        }
        let inside = self.root.join("cluster");
        let state = ServerState::read(&self.root);
        let cluster = outside
            .as_ref()
            .map_or_else(|| inside.clone(), |home| home.join("cluster"));
        postmaster::clear(&cluster, state.as_ref())?;
        ServerState::clear(&self.root)?;
        for folder in [inside, self.root.join("cluster.new")] {
            remove_folder(&folder)?;
        }
        if let Some(home) = outside {
            remove_home(&home)?;
        }
        for name in ["location", "initialising", "postgres.log"] {
            let path = self.root.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_at("remove", &path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The file that is there while a cluster is being made.
    pub(super) fn marker(&self) -> PathBuf {
        self.root.join("initialising")
    }

    /// Opens the log to append to, and empties one that grew too long.
    pub(super) fn log(&self) -> Result<File, Error> {
        let path = self.root.join("postgres.log");
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| io_at("open", &path, error))?;
        if log
            .metadata()
            .is_ok_and(|metadata| metadata.len() > LOG_LIMIT)
        {
            log.set_len(0)
                .map_err(|error| io_at("shorten", &path, error))?;
        }
        Ok(log)
    }

    /// The last lines of the log, for an error.
    pub(super) fn last_words(&self) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut log = File::open(self.root.join("postgres.log"))?;
            let length = log.metadata()?.len();
            log.seek(SeekFrom::Start(length.saturating_sub(2000)))?;
            let mut end = Vec::new();
            log.read_to_end(&mut end)?;
            Ok(end)
        };
        let end = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
        let lines: Vec<&str> = end.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("; ")
    }

    /// The folder that `location` names.
    fn pointed(&self) -> Result<Option<PathBuf>, Error> {
        let path = self.root.join("location");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_at("read", &path, error)),
        };
        let home = PathBuf::from(&text);
        // The file is only believed where it says what this program would have written.
        if !is_outside(&home) {
            return Err(configuration(format!(
                "`{}` names `{text}`, which is not a folder that this program makes: remove the data folder, or put the right name back",
                path.display()
            )));
        }
        Ok(Some(home))
    }

    /// Goes on with the folder outside, also when the data folder was moved in the meantime.
    fn adopt(&self, home: &Path) -> Result<(), Error> {
        let origin = home.join("origin");
        let root = self.root.as_os_str().as_encoded_bytes();
        let known = fs::read(&origin).map_err(|error| {
            io_at(
                "find the data of this folder, which was kept in",
                home,
                error,
            )
        })?;
        if known == root {
            return Ok(());
        }
        // A copy of a data folder points here as well, and the data are the first one's.
        let first = PathBuf::from(OsString::from_vec(known));
        let pointer = fs::read(first.join("location"));
        if pointer.is_ok_and(|pointer| pointer == home.as_os_str().as_encoded_bytes()) {
            return Err(configuration(format!(
                "the data of `{}` are those of `{}`, which it is a copy of: use that one, or \
                 remove the copy",
                self.root.display(),
                first.display()
            )));
        }
        fs::write(&origin, root).map_err(|error| io_at("write", &origin, error))
    }

    /// Makes a folder outside. One that is there already is that of a data folder of the
    /// same name: replaced when that is gone, left alone when it was moved.
    fn claim(&self) -> Result<PathBuf, Error> {
        let root = self.root.as_os_str().as_encoded_bytes();
        for attempt in 0..u8::MAX {
            let home = outside(&self.root, attempt);
            if home.exists() {
                if fs::read(home.join("origin")).is_ok_and(|origin| origin != root) {
                    continue;
                }
                postmaster::clear(&home.join("cluster"), None)?;
                remove_home(&home)?;
            }
            // Entered by the server's account, read by nobody.
            return DirBuilder::new()
                .mode(0o711)
                .create(&home)
                .and_then(|()| fs::write(home.join("origin"), root))
                .map(|()| home.clone())
                .map_err(|error| io_at("make folder", &home, error));
        }
        Err(configuration(format!(
            "`{OUTSIDE}` is full of data folders that were moved away from `{}`: remove some",
            self.root.display()
        )))
    }
}

fn outside(root: &Path, attempt: u8) -> PathBuf {
    let digest = Sha256::new()
        .chain_update(root.as_os_str().as_encoded_bytes())
        .chain_update([attempt])
        .finalize();
    let mut name = "tenancy-".to_owned();
    for byte in &digest[..8] {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    Path::new(OUTSIDE).join(name)
}

fn is_outside(home: &Path) -> bool {
    home.parent() == Some(Path::new(OUTSIDE))
        && home
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix("tenancy-"))
            .is_some_and(|rest| rest.len() == 16 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Removes a folder outside piece by piece: a folder of somebody else, which a wrong name may
/// lead to, has other things in it and stays.
fn remove_home(home: &Path) -> Result<(), Error> {
    for name in ["cluster", "cluster.new"] {
        remove_folder(&home.join(name))?;
    }
    match fs::remove_file(home.join("origin")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_at("remove the mark in", home, error));
        }
        _ => {}
    }
    fs::remove_dir(home).map_err(|error| io_at("remove folder", home, error))
}

/// Removes a folder and all that is in it; none is as good.
pub(super) fn remove_folder(folder: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_at("remove folder", folder, error))
        }
        _ => Ok(()),
    }
}

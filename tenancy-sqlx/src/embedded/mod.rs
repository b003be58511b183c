//! A private PostgreSQL server, started from installed binaries and gone with its program.
//!
//! For demos and tests: no container, no system service, no port, no password. The server
//! listens on a socket in a private folder, keeps its data in a folder that you name, and
//! cannot outlive the process that started it, however that one ends. When that process is
//! root, the server runs as an unprivileged account.
//!
//! ```no_run
//! # async fn run() -> Result<(), tenancy_sqlx::Error> {
//! use tenancy_sqlx::embedded::{EmbeddedOptions, EmbeddedPg};
//!
//! let server = EmbeddedPg::start(EmbeddedOptions::new(".saas/postgres").database("saas")).await?;
//! println!("PostgreSQL {} in {}", server.version(), server.socket_dir().display());
//! server.stop().await
//! # }
//! ```
//!
//! Unix only. PostgreSQL 15 or newer is searched for as [`EmbeddedOptions::binaries`] says.

mod account;
mod binaries;
mod cluster;
mod failure;
mod folder;
mod lifeline;
pub(crate) mod logins;
mod options;
pub(crate) mod postmaster;
mod state;

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

pub use options::{Durability, EmbeddedOptions};

use self::cluster::Cluster;
use self::failure::{configuration, io_at};
use self::folder::DataFolder;
use self::lifeline::Lifeline;
use self::state::ServerState;
use crate::{Error, Isolation};

/// The login that `initdb` makes.
const SUPERUSER: &str = "postgres";

/// The database that is always there.
const MAINTENANCE: &str = "postgres";

/// Part of the socket's name only: nothing listens on a port.
const PORT: u16 = 5432;

/// How the names of the sockets' folders start.
const SOCKET_PREFIX: &str = "tenancy-s-";

/// The longest path that a socket may have on every Unix we know of.
const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "macos") { 103 } else { 107 };

/// How long a server may take to start, which after a crash includes repairing its data.
const START_PATIENCE: Duration = Duration::from_mins(2);

/// How long a server that is about to stop or to become ready may take, seen from outside.
const LOCK_PATIENCE: Duration = Duration::from_mins(1);

/// How long a server that already runs may take to prove that it was a command's.
const COMMAND_PATIENCE: Duration = Duration::from_secs(3);

/// How long a server may take to stop before it is told not to tidy up.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// How long one look at a file that is about to change waits for the next.
const GLANCE: Duration = Duration::from_millis(5);

/// A private server: one data folder, one socket that only its account and root reach.
///
/// The value that started the server holds its life. Dropping it never blocks: the server
/// notices and stops by itself; [`stop`](Self::stop) also waits for that.
#[derive(Debug)]
pub struct EmbeddedPg {
    state: ServerState,
    held: Option<Held>,
}

/// What only the starter of a server has.
#[derive(Debug)]
struct Held {
    // Dropped in this order: the server is asked to stop before our hold on the lock ends.
    lifeline: Lifeline,
    folder: DataFolder,
    _lock: File,
}

impl Drop for Held {
    fn drop(&mut self) {
        // A server that is about to stop still answers for a moment, and nobody should take it
        // for one that runs.
        ServerState::disown(self.folder.path());
    }
}

/// What to do about a server that already runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Running {
    Attach,
    Refuse,
}

impl EmbeddedPg {
    /// Starts the server, sets it up first when the data folder is new, and prepares its
    /// database: both logins exist and have exactly the rights they need.
    ///
    /// A server that already runs is given a few seconds to end, because it may be a command's.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) when there is no PostgreSQL 15 or
    /// newer, when the data is another version's, when the folder cannot be used, or when its
    /// server already runs; [`InvalidInput`](crate::ErrorKind::InvalidInput) for a name that
    /// no database may have; else what the server answers.
    ///
    /// ```
    /// # use tenancy_sqlx::{ErrorKind, embedded::{EmbeddedOptions, EmbeddedPg}};
    /// # let runtime = tokio::runtime::Runtime::new().unwrap();
    /// # runtime.block_on(async {
    /// let options = EmbeddedOptions::temporary().database("Not A Name");
    /// let error = EmbeddedPg::start(options).await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
    /// # });
    /// ```
    pub async fn start(options: EmbeddedOptions) -> Result<Self, Error> {
        Self::open(options, Running::Refuse).await
    }

    /// Uses the server that already runs on this data folder, or starts it.
    ///
    /// A server that was attached to lives as long as the process that started it.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start), but a server that already runs is none.
    pub async fn attach_or_start(options: EmbeddedOptions) -> Result<Self, Error> {
        Self::open(options, Running::Attach).await
    }

    /// Removes the data, wherever it lies; what others keep in the data folder stays.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) while the server runs, or when
    /// something cannot be removed.
    pub async fn erase(options: EmbeddedOptions) -> Result<(), Error> {
        if !options.data_dir.exists() {
            return Ok(());
        }
        let folder = blocking(move || DataFolder::open(&options)).await?;
        match Holder::of(&folder).await? {
            Holder::Us(lock) => {
                blocking(move || {
                    folder.erase()?;
                    drop(lock);
                    Ok(())
                })
                .await
            }
            Holder::Server(_) => Err(already_runs(&folder)),
        }
    }

    /// The restricted login of the application; its default path is empty in this database.
    pub fn app_options(&self) -> PgConnectOptions {
        self.state.options(logins::APP, &self.state.database)
    }

    /// The login that owns the database, for migrations and provisioning.
    pub fn owner_options(&self) -> PgConnectOptions {
        self.state.options(logins::OWNER, &self.state.database)
    }

    /// The server's superuser, for tests and tools.
    pub fn superuser_options(&self) -> PgConnectOptions {
        self.state.options(SUPERUSER, &self.state.database)
    }

    /// The server's version, such as `15.18`.
    pub fn version(&self) -> &str {
        &self.state.version
    }

    /// The name of the application's database.
    pub fn database(&self) -> &str {
        &self.state.database
    }

    /// The folder of the socket, for `psql -h`.
    pub fn socket_dir(&self) -> &Path {
        &self.state.socket_dir
    }

    /// The folder that really has the data: the data folder, or one outside it that the server's
    /// account may enter.
    pub fn cluster_dir(&self) -> &Path {
        &self.state.cluster
    }

    /// Waits until the server has ended by itself, for ever when another process holds its life.
    pub async fn ended(&mut self) {
        match &mut self.held {
            Some(held) => held.lifeline.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Whether this value started the server, and so holds its life.
    pub fn is_owner(&self) -> bool {
        self.held.is_some()
    }

    /// Stops the server when this value started it, and waits until nothing of it is left.
    /// Open connections are cut off, and their transactions rolled back.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::ErrorKind::Configuration) when it does not stop.
    pub async fn stop(self) -> Result<(), Error> {
        let Some(mut held) = self.held else {
            return Ok(());
        };
        held.lifeline.release();
        if tokio::time::timeout(STOP_PATIENCE, held.lifeline.ended())
            .await
            .is_err()
        {
            postmaster::signal(self.state.pid, Signal::QUIT);
            let ended = tokio::time::timeout(STOP_PATIENCE, held.lifeline.ended()).await;
            ended.map_err(|_| {
                configuration(format!(
                    "the PostgreSQL server does not stop: end process {}",
                    self.state.pid
                ))
            })?;
        }
        ServerState::clear(held.folder.path())
    }

    async fn open(options: EmbeddedOptions, running: Running) -> Result<Self, Error> {
        logins::check_name(&options.database)?;
        let folder = {
            let options = options.clone();
            blocking(move || DataFolder::open(&options)).await?
        };
        let deadline = Instant::now() + COMMAND_PATIENCE;
        loop {
            match (Holder::of(&folder).await?, running) {
                (Holder::Us(lock), _) => return Self::launch(folder, lock, options).await,
                (Holder::Server(state), Running::Attach) => {
                    return Self::attach(state, options.database).await;
                }
                // A command's server is gone in a moment.
                (Holder::Server(_), Running::Refuse) if Instant::now() < deadline => {
                    tokio::time::sleep(GLANCE).await;
                }
                (Holder::Server(_), Running::Refuse) => return Err(already_runs(&folder)),
            }
        }
    }

    async fn attach(mut state: ServerState, database: String) -> Result<Self, Error> {
        if state.database != database {
            state.database = database;
            // Who started it said what its logins may do.
            prepare(&state, None).await?;
        }
        Ok(Self { state, held: None })
    }

    async fn launch(
        folder: DataFolder,
        lock: File,
        options: EmbeddedOptions,
    ) -> Result<Self, Error> {
        let (database, isolation) = (options.database.clone(), options.isolation);
        let (mut held, mut state) = blocking(move || {
            let cluster = Cluster::open(&folder, &options)?;
            let left = ServerState::read(folder.path());
            postmaster::clear(&cluster.path, left.as_ref())?;
            ServerState::clear(folder.path())?;
            let socket_dir = make_socket_dir(&cluster, &folder, &options)?;
            let server = cluster.server(&socket_dir, &options);
            let removed = match options.keep {
                options::Keep::Always => socket_dir.as_path(),
                options::Keep::WhileRunning => folder.path(),
            };
            let copy = lock
                .try_clone()
                .map_err(|error| io_at("lock", folder.path(), error))?;
            let log = folder.log()?;
            let lifeline = Lifeline::start(cluster.account, &server, removed, copy, log)?;
            let state = ServerState {
                socket_dir,
                port: PORT,
                database,
                pid: 0,
                owner: std::process::id(),
                version: cluster.binaries.version,
                cluster: cluster.path,
            };
            let held = Held {
                lifeline,
                folder,
                _lock: lock,
            };
            Ok((held, state))
        })
        .await?;
        state.pid = wait_until_ready(&held, &state).await?;
        if let Err(error) = prepare(&state, Some(isolation)).await {
            held.lifeline.release();
            return Err(error);
        }
        state.write(held.folder.path())?;
        Ok(Self {
            state,
            held: Some(held),
        })
    }
}

/// Who has a data folder.
enum Holder {
    /// This call, for as long as the file is open.
    Us(File),
    /// A server that answers.
    Server(ServerState),
}

impl Holder {
    /// Takes the folder's lock, or finds the server that runs on it. A lock that is held without
    /// a server is waited for: a process is about to start one, or it is about to stop, or a
    /// child that another thread is starting has a copy of the lock until it is its program.
    async fn of(folder: &DataFolder) -> Result<Self, Error> {
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            if let Some(lock) = folder.lock()? {
                return Ok(Self::Us(lock));
            }
            if let Some(state) = ServerState::read(folder.path())
                && state.is_held()
                && state.answers().await
            {
                return Ok(Self::Server(state));
            }
            if Instant::now() > deadline {
                return Err(already_runs(folder));
            }
            tokio::time::sleep(GLANCE).await;
        }
    }
}

/// Waits for the server to say so in its own file, which costs it nothing.
async fn wait_until_ready(held: &Held, state: &ServerState) -> Result<i32, Error> {
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        if let Some(pid) = postmaster::ready(&state.cluster) {
            return Ok(pid);
        }
        let ended = held.lifeline.has_ended();
        if ended || Instant::now() > deadline {
            return Err(configuration(format!(
                "the PostgreSQL server of `{}` {}: {}",
                held.folder.path().display(),
                if ended {
                    "ended at once"
                } else {
                    "does not become ready"
                },
                held.folder.last_words()
            )));
        }
        tokio::time::sleep(GLANCE).await;
    }
}

async fn prepare(state: &ServerState, isolation: Option<Isolation>) -> Result<(), Error> {
    // Lets no login into the databases that are not the application's.
    const CLOSE: &str = "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC";
    let superuser = state.options(SUPERUSER, MAINTENANCE);
    let mut connection = superuser.connect().await?;
    connection.execute(CLOSE).await?;
    if let Some(isolation) = isolation {
        logins::ensure_logins(&mut connection, isolation).await?;
    }
    logins::prepare_database(&superuser, &mut connection, &state.database).await?;
    connection.close().await?;
    Ok(())
}

/// Makes the private folder of the socket, short enough for what a socket's path may be.
fn make_socket_dir(
    cluster: &Cluster,
    folder: &DataFolder,
    options: &EmbeddedOptions,
) -> Result<PathBuf, Error> {
    let socket_dir = match options.keep {
        options::Keep::Always => {
            let parent = &options.socket_parent;
            let parent = fs::canonicalize(parent)
                .map_err(|error| io_at("find the folder for sockets", parent, error))?;
            parent.join(format!("{SOCKET_PREFIX}{}", random_name()))
        }
        // Everything that goes with the server lies together.
        options::Keep::WhileRunning => folder.path().join(format!("{SOCKET_PREFIX}0")),
    };
    let length = socket_dir
        .join(format!(".s.PGSQL.{PORT}"))
        .as_os_str()
        .len();
    if length > SOCKET_PATH_LIMIT {
        return Err(configuration(format!(
            "the path of the socket in `{}` would have {length} bytes, and no more than {SOCKET_PATH_LIMIT} are possible: name a shorter folder for sockets, such as `/tmp`",
            socket_dir.display()
        )));
    }
    DirBuilder::new()
        .mode(0o700)
        .create(&socket_dir)
        .map_err(|error| io_at("make folder", &socket_dir, error))?;
    cluster.account.own(&socket_dir)?;
    Ok(socket_dir)
}

fn already_runs(folder: &DataFolder) -> Error {
    let by = ServerState::read(folder.path()).map_or_else(String::new, |state| {
        format!(", started by process {}", state.owner)
    });
    configuration(format!(
        "the PostgreSQL server of data folder `{}` already runs{by}: stop that process, or attach to its server",
        folder.path().display()
    ))
}

/// Runs what waits for the disk or for other programs where it holds up nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(configuration(format!(
                "the runtime is shutting down: {error}"
            ))),
        },
    }
}

fn random_name() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    id[..12].to_owned()
}

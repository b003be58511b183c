//! What a running server tells the other processes of its data folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};

use super::failure::{configuration, io_at};
use super::postmaster;
use crate::Error;

const FILE: &str = "server.json";

/// The owner of a server that was let go of.
const NOBODY: u32 = 0;

/// The content of `server.json`: written when the server is ready, and believed by nobody
/// until the server has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServerState {
    pub(super) socket_dir: PathBuf,
    pub(super) port: u16,
    pub(super) database: String,
    /// The server's own process.
    pub(super) pid: i32,
    /// The process that holds its life.
    pub(super) owner: u32,
    pub(super) version: String,
    pub(super) cluster: PathBuf,
}

impl ServerState {
    /// Reads what the last server wrote; a broken file says nothing.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()
    }

    /// Writes it in one step, so that nobody reads half of it.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        let path = folder.join(FILE);
        let draft = folder.join("server.json.new");
        let text = serde_json::to_vec_pretty(self).map_err(|error| {
            configuration(format!("cannot write `{}`: {error}", path.display())).with_source(error)
        })?;
        fs::write(&draft, text)
            .and_then(|()| fs::rename(&draft, &path))
            .map_err(|error| io_at("write", &path, error))
    }

    /// Says that nobody holds the server's life any more. That may fail: then the server is
    /// believed to run until it has stopped.
    pub(super) fn disown(folder: &Path) {
        if let Some(state) = Self::read(folder) {
            let _ = Self {
                owner: NOBODY,
                ..state
            }
            .write(folder);
        }
    }

    /// Whether the process that holds the server's life is there; a server without one is about
    /// to stop, even while it still answers.
    pub(super) fn is_held(&self) -> bool {
        self.owner != NOBODY && postmaster::is_alive(self.owner)
    }

    /// Removes it, and the socket's folder where the server could not do that itself.
    pub(super) fn clear(folder: &Path) -> Result<(), Error> {
        if let Some(state) = Self::read(folder)
            && is_socket_folder(&state.socket_dir)
        {
            match fs::remove_dir_all(&state.socket_dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_at("remove folder", &state.socket_dir, error));
                }
                _ => {}
            }
        }
        let path = folder.join(FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(io_at("remove", &path, error))
            }
            _ => Ok(()),
        }
    }

    /// How `login` connects to `database`.
    pub(super) fn options(&self, login: &str, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket_dir)
            .port(self.port)
            .username(login)
            .database(database)
            .password("")
            .ssl_mode(PgSslMode::Disable)
    }

    /// Whether this server answers, and is the one of this cluster.
    pub(super) async fn answers(&self) -> bool {
        // Asks which folder the server at the other end really works in.
        const CLUSTER: &str = "SELECT pg_catalog.current_setting('data_directory')";
        let options = self.options(super::SUPERUSER, super::MAINTENANCE);
        let Ok(mut connection) = options.connect().await else {
            return false;
        };
        let cluster: Result<String, _> =
            sqlx::query_scalar(CLUSTER).fetch_one(&mut connection).await;
        let _ = connection.close().await;
        cluster.is_ok_and(|cluster| Path::new(&cluster) == self.cluster)
    }
}

/// A state file is a hint; it must not make anybody remove a folder that is not a socket's.
fn is_socket_folder(folder: &Path) -> bool {
    let named = folder
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with(super::SOCKET_PREFIX));
    let only_sockets = || {
        fs::read_dir(folder).is_ok_and(|mut entries| {
            entries.all(|entry| {
                entry
                    .is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with(".s.PGSQL."))
            })
        })
    };
    named && only_sockets()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(socket_dir: &Path) -> ServerState {
        ServerState {
            socket_dir: socket_dir.to_owned(),
            port: 5432,
            database: "app".to_owned(),
            pid: 1,
            owner: 1,
            version: "15.1".to_owned(),
            cluster: "/nowhere".into(),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(Path::new("/tmp/tenancy-s-none"));
        state.write(folder.path()).unwrap();
        assert_eq!(ServerState::read(folder.path()), Some(state));
        ServerState::clear(folder.path()).unwrap();
        assert_eq!(ServerState::read(folder.path()), None);
    }

    #[test]
    fn a_broken_file_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "{\"socket_dir\":").unwrap();
        assert_eq!(ServerState::read(folder.path()), None);
    }

    #[test]
    fn only_a_folder_of_sockets_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        for (name, file, survives) in [
            ("precious", ".s.PGSQL.5432", true),
            ("tenancy-s-1", "letter.txt", true),
            ("tenancy-s-2", ".s.PGSQL.5432", false),
        ] {
            let dir = folder.path().join(name);
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join(file), "").unwrap();
            state(&dir).write(folder.path()).unwrap();
            ServerState::clear(folder.path()).unwrap();
            assert_eq!(dir.exists(), survives, "{name}");
        }
    }
}

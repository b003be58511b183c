//! A private PostgreSQL server, started from installed binaries and gone with its program.

mod options;

use std::path::Path;

use sqlx::postgres::PgConnectOptions;

pub use options::{Durability, EmbeddedOptions};

use crate::Error;

/// A private server: one data folder, one socket that only this account reaches, no port.
#[derive(Debug)]
pub struct EmbeddedPg {
    _private: (),
}

impl EmbeddedPg {
    /// Starts the server, and sets it up first when the data folder is new.
    pub async fn start(_options: EmbeddedOptions) -> Result<Self, Error> {
        todo!()
    }

    /// Uses the server that already runs on this data folder, or starts it.
    pub async fn attach_or_start(_options: EmbeddedOptions) -> Result<Self, Error> {
        todo!()
    }

    /// Removes the data, wherever it lies; the server must not run.
    pub async fn erase(_options: EmbeddedOptions) -> Result<(), Error> {
        todo!()
    }

    /// The restricted login of the application; its default path is empty in this database.
    pub fn app_options(&self) -> PgConnectOptions {
        todo!()
    }

    /// The login that owns the database, for migrations and provisioning.
    pub fn owner_options(&self) -> PgConnectOptions {
        todo!()
    }

    /// The server's superuser, for tests and tools.
    pub fn superuser_options(&self) -> PgConnectOptions {
        todo!()
    }

    /// The server's version, such as `15.18`.
    pub fn version(&self) -> &str {
        todo!()
    }

    /// The name of the application's database.
    pub fn database(&self) -> &str {
        todo!()
    }

    /// The folder of the socket.
    pub fn socket_dir(&self) -> &Path {
        todo!()
    }

    /// Whether this value started the server, and so holds its life.
    pub fn is_owner(&self) -> bool {
        todo!()
    }

    /// Stops the server when this value started it, and waits until nothing of it is left.
    pub async fn stop(self) -> Result<(), Error> {
        todo!()
    }
}

fn random_name() -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    id[..12].to_owned()
}

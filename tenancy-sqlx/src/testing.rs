//! A database of one's own for each test.

use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;

/// One fresh database, prepared as [`EmbeddedPg`](crate::embedded::EmbeddedPg) prepares its own.
#[derive(Debug)]
pub struct TestDatabase {
    _private: (),
}

impl TestDatabase {
    /// Makes a database on the test server.
    pub async fn new() -> Self {
        todo!()
    }

    /// The restricted login of the application.
    pub fn app_options(&self) -> PgConnectOptions {
        todo!()
    }

    /// The login that owns the database.
    pub fn owner_options(&self) -> PgConnectOptions {
        todo!()
    }

    /// The server's superuser, in this database.
    pub fn superuser_options(&self) -> PgConnectOptions {
        todo!()
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        todo!()
    }

    /// A superuser's connection, for planting faults.
    pub async fn superuser(&self) -> PgConnection {
        todo!()
    }

    /// Drops the database now.
    pub async fn drop_database(self) {
        todo!()
    }
}

//! The application's connections: made here, verified here, and reachable from nowhere else.

use sqlx::PgPool;

/// The application's side of one PostgreSQL database.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
}

impl Database {
    /// The pool, for the framework's own qualified statements.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }
}

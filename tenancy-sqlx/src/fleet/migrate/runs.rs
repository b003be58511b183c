//! The runs that there were.

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::Fleet;
use crate::error::Error;
use crate::fleet::transaction;
use crate::migrate::RunRecord;
use crate::migrate::ledger::explain;

impl Fleet {
    /// Lists the last `limit` runs, newest first; one without an end is under way or was
    /// interrupted, and running the same again does the rest.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when the database was never
    /// prepared.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunRecord>, Error> {
        let mut connection = self.open().await?;
        let runs = sqlx::query_as(AssertSqlSafe(format!(
            "{} ORDER BY r.started_at DESC, r.id DESC LIMIT $1",
            RunRecord::QUESTION
        )))
        .bind(i64::from(limit))
        .fetch_all(&mut connection)
        .await
        .map_err(explain);
        transaction::finish(connection, runs).await
    }

    /// The run of this id.
    pub(super) async fn run_record(
        &self,
        connection: &mut PgConnection,
        run: Uuid,
    ) -> Result<Option<RunRecord>, Error> {
        sqlx::query_as(AssertSqlSafe(format!(
            "{} WHERE r.id = $1",
            RunRecord::QUESTION
        )))
        .bind(run)
        .fetch_optional(connection)
        .await
        .map_err(explain)
    }
}

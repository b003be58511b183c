//! A look at what is on the connections of a pool, or a fault planted there.

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Row};

use crate::database::Database;
use crate::error::Error;

/// Sends `sql` as it is, in one message, on a connection of the application's own that serves no
/// tenant, and gives the last row that was answered as texts; `None` stands for NULL.
///
/// The connection goes back as the text left it: this is how a test plants what must not reach the
/// next user, and how it finds out whether it did.
///
/// # Errors
///
/// What the server answers, and those of [`TenantDb::begin`](crate::TenantDb::begin).
///
/// # Example
///
/// ```no_run
/// # async fn test(database: tenancy_sqlx::Database) -> Result<(), tenancy_sqlx::Error> {
/// let role = tenancy_sqlx::testing::spy(&database, "SELECT current_user::text").await?;
/// assert_eq!(role[0].as_deref(), Some("tenancy_app"));
/// # Ok(())
/// # }
/// ```
pub async fn spy(database: &Database, sql: &str) -> Result<Vec<Option<String>>, Error> {
    let mut guard = database.checkout(None).await?;
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .fetch_all(guard.begin_work())
        .await;
    guard.ended(&rows);
    let rows: Vec<PgRow> = rows?;
    let Some(row) = rows.last() else {
        return Ok(Vec::new());
    };
    (0..row.len())
        .map(|column| row.try_get_unchecked(column).map_err(Error::from))
        .collect()
}

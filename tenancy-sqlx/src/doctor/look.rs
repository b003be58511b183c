//! Asks the catalog one question after another and keeps what is found.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _};

use super::{Code, Finding};
use crate::error::Error;

/// How many of one code are listed; a mistake in one migration is in every tenant.
const LISTED: i64 = 20;

/// What questions are about, and what was found so far.
pub(super) struct Look<'a> {
    pub(super) connection: &'a mut PgConnection,
    /// The application's login, as it is.
    pub(super) login: &'a str,
    pub(super) findings: Vec<Finding>,
    pub(super) omitted: BTreeMap<Code, u64>,
}

/// One row of an answer.
pub(super) struct Found {
    pub(super) code: Code,
    pub(super) subject: String,
    pub(super) detail: String,
    pub(super) fix: Option<String>,
}

/// The schemas that are looked at, in front of a question: `fleet` are those of tenants, `looked`
/// these and the framework's and application's own; `login` is the application's.
pub(super) const FLEET: &str = "
    WITH fleet AS (
        SELECT n.oid, n.nspname, n.nspowner, n.nspacl, t.slug, t.status
        FROM tenancy.tenants t JOIN pg_namespace n ON n.nspname = t.schema_name
        WHERE t.status <> 'purged'
    ), looked AS (
        SELECT oid, nspname, nspowner, nspacl, true AS of_tenant FROM fleet
        UNION ALL
        SELECT oid, nspname, nspowner, nspacl, false FROM pg_namespace
        WHERE nspname IN ('public', 'shared', 'tenancy', 'extensions')
    ), login AS (
        SELECT oid, rolname, quote_ident(rolname) AS name, rolsuper
        FROM pg_roles WHERE rolname = $1
    )";

impl Look<'_> {
    /// Asks a question whose rows are `code`, `subject`, `detail` and `fix`, and makes a finding
    /// of each. `$1` is the application's login.
    ///
    /// Every question is about all tenants at once.
    pub(super) async fn ask(
        &mut self,
        question: &str,
        mut finding: impl FnMut(Found) -> Finding,
    ) -> Result<(), Error> {
        let sql = format!(
            "{FLEET}, found (code, subject, detail, fix) AS ({question}), counted AS (
                SELECT found.*, row_number() OVER of_code AS place,
                       count(*) OVER (PARTITION BY code) AS total
                FROM found WINDOW of_code AS (PARTITION BY code ORDER BY subject, detail)
            )
            SELECT code, subject, coalesce(detail, '') AS detail, fix, total, place
            FROM counted WHERE place <= {LISTED} ORDER BY code, place"
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(self.login)
            .persistent(false)
            .fetch_all(&mut *self.connection)
            .await?;
        for row in rows {
            let code: &str = row.try_get("code")?;
            let code: Code = code.parse()?;
            let (place, total): (i64, i64) = (row.try_get("place")?, row.try_get("total")?);
            if place == LISTED && total > place {
                self.omitted.insert(code, (total - place).unsigned_abs());
            }
            self.findings.push(finding(Found {
                code,
                subject: row.try_get("subject")?,
                detail: row.try_get("detail")?,
                fix: row.try_get("fix")?,
            }));
        }
        Ok(())
    }
}

impl Found {
    /// The finding with `message`, and with the statement that mends it.
    pub(super) fn says(self, message: impl Into<String>) -> Finding {
        let finding = Finding::new(self.code, self.subject, message);
        match self.fix {
            Some(fix) => finding.sql(fix),
            None => finding,
        }
    }
}

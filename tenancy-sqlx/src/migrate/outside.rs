//! Migrations without a transaction: what may be in them, and how one is run.
//!
//! Such a file can stop half way, so all of its statements may be repeated. It runs statement by
//! statement on a connection of its own while the tenant's lock is held elsewhere, and is in the
//! ledger only when everything it names is whole.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Row};

use super::batch::BRIEF;
use super::check::{self, Refusal};
use super::failure::Failure;
use super::ledger::Scope;
use super::migration::Migration;
use super::statements::{Statement, split};
use crate::fleet::transaction::{self, Patience};
use crate::search_path;

/// The first line of such a file, as sqlx marks it.
const MARK: &str = "-- no-transaction";

const CONCURRENTLY: &str = "CONCURRENTLY";

/// How long a statement waits for others. It stands in nobody's way meanwhile.
const WAIT: Duration = Duration::from_mins(1);

/// How long it does in a tenant's first turn: whoever has an old transaction open keeps the worker
/// from the others no longer, and what was built of an index is built again later.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// Whether `sql` opts out of its transaction.
pub(super) fn is_marked(sql: &str) -> bool {
    sql.starts_with(MARK)
}

/// Refuses what may not be repeated, or needs more than the tables that it names.
pub(super) fn check(sql: &str) -> Result<(), Refusal> {
    // What holds everywhere is said first; the transaction is what this file does without.
    check::check_quotes(sql)?;
    for statement in split(sql) {
        let judged = judge(&statement);
        judged.map_err(|reason| Refusal {
            line: statement.line,
            reason,
        })?;
    }
    Ok(())
}

/// What a statement leaves in doubt when it is cut off.
#[derive(Debug, PartialEq, Eq)]
enum Doubt {
    /// Nothing.
    None,
    /// The index of this name may be there and invalid.
    Index(String),
    /// Indexes of these names may be there and invalid, under names of PostgreSQL's own.
    Rebuilt,
}

fn judge(statement: &Statement<'_>) -> Result<Doubt, String> {
    let refuse = |what: &str| Err(what.to_owned());
    match statement.word(0).as_str() {
        "CREATE" => {
            let at = if statement.word(1) == "UNIQUE" { 2 } else { 1 };
            if !statement.reads(at, &["INDEX", CONCURRENTLY, "IF", "NOT", "EXISTS"]) {
                return refuse(
                    "without a transaction it must be CREATE INDEX CONCURRENTLY IF NOT EXISTS, so \
                     that it can be repeated; put everything else into another file",
                );
            }
            match statement.name(at + 5) {
                Some((name, at)) if statement.word(at) == "ON" => Ok(Doubt::Index(name)),
                _ => refuse("give the index a name, so that it can be looked at afterwards"),
            }
        }
        "DROP" if statement.reads(1, &["INDEX", CONCURRENTLY, "IF", "EXISTS"]) => Ok(Doubt::None),
        "DROP" => refuse(
            "without a transaction it must be DROP INDEX CONCURRENTLY IF EXISTS, so that it can \
             be repeated; put everything else into another file",
        ),
        "REINDEX" => {
            let kinds = [["INDEX", CONCURRENTLY], ["TABLE", CONCURRENTLY]];
            if kinds.iter().any(|words| statement.reads(1, words)) {
                return Ok(Doubt::Rebuilt);
            }
            refuse("without a transaction it must be REINDEX INDEX or TABLE CONCURRENTLY")
        }
        "ALTER" if statement.word(1) == "TABLE" => {
            let validates = statement.find(&["VALIDATE", "CONSTRAINT"]);
            let alone = !(0..statement.tokens.len()).any(|at| statement.is(at, ','));
            if validates == Some(statement.tokens.len() - 3) && alone {
                return Ok(Doubt::None);
            }
            refuse("without a transaction it must be ALTER TABLE … VALIDATE CONSTRAINT, alone")
        }
        word @ ("VACUUM" | "ANALYZE" | "ANALYSE") => {
            if statement.find(&["FULL"]).is_some() {
                return refuse("VACUUM FULL locks everybody out: leave FULL out");
            }
            let named =
                statement.tokens.len() > 1 && statement.name(1).is_some() || statement.is(1, '(');
            if named && !statement.is(statement.tokens.len() - 1, ')') {
                return Ok(Doubt::None);
            }
            Err(format!(
                "{word} without a table takes the whole database: name one table"
            ))
        }
        word => Err(format!(
            "{word} may not stand in a file without a transaction, because it cannot be repeated \
             after a crash: put it into a file of its own with one"
        )),
    }
}

/// The same work for a transaction, on tables that nobody uses: without the word CONCURRENTLY, and
/// without VACUUM. Everything keeps its place.
pub(super) fn inside(sql: &str) -> String {
    let mut text = sql.to_owned();
    let mut blank = |from: usize, to: usize| {
        let spaces: String = sql[from..to]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        // Each place is blanked by as many bytes as the words there have, which are ASCII.
        if spaces.len() == to - from {
            text.replace_range(from..to, &spaces);
        }
    };
    for statement in split(sql) {
        if statement.word(0) == "VACUUM" {
            let first = statement.tokens[0].end - "VACUUM".len();
            let last = statement.tokens[statement.tokens.len() - 1].end;
            blank(first, last);
        }
        for at in 0..statement.tokens.len() {
            if statement.word(at) == CONCURRENTLY {
                let end = statement.tokens[at].end;
                blank(end - CONCURRENTLY.len(), end);
            }
        }
    }
    text
}

/// Runs `migration` on a connection of its own and proves on `guard`, whose transaction holds the
/// lock and has the path, that every index it names is whole.
pub(super) async fn run(
    owner: &PgConnectOptions,
    guard: &mut PgConnection,
    scope: &Scope,
    migration: &Migration,
    patience: Patience,
) -> Result<(), Failure> {
    let wait = if patience == BRIEF { FIRST_WAIT } else { WAIT };
    let schema = match scope {
        Scope::Tenant(target) => Some(&target.schema),
        _ => None,
    };
    let options = owner.clone().options([
        search_path::startup(schema),
        ("statement_timeout", "0".to_owned()),
        ("lock_timeout", format!("{}ms", wait.as_millis())),
        // A program that is gone leaves no statement behind for long.
        ("client_connection_check_interval", "1s".to_owned()),
    ]);
    let mut connection = transaction::open(&options).await.map_err(Failure::of)?;
    let done = statements(&mut connection, migration).await;
    transaction::close(connection).await;
    done?;
    let invalid = invalid(guard, migration).await?;
    if invalid.is_empty() {
        return Ok(());
    }
    Err(Failure::migration(
        Some(migration),
        format!(
            "index {} is invalid: look why it could not be built, and run again",
            invalid.join(", ")
        ),
    ))
}

async fn statements(connection: &mut PgConnection, migration: &Migration) -> Result<(), Failure> {
    for index in invalid(connection, migration).await? {
        let drop = format!("DROP INDEX CONCURRENTLY IF EXISTS {index}");
        sqlx::raw_sql(AssertSqlSafe(drop))
            .execute(&mut *connection)
            .await
            .map_err(|error| Failure::server(error, Some(migration), None))?;
    }
    for statement in split(migration.sql()) {
        sqlx::raw_sql(AssertSqlSafe(statement.text.to_owned()))
            .execute(&mut *connection)
            .await
            .map_err(|error| Failure::in_statement(error, migration, statement.start))?;
    }
    Ok(())
}

/// The invalid indexes, quoted, that a crash of `migration` may have left in the current schema.
async fn invalid(
    connection: &mut PgConnection,
    migration: &Migration,
) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut rebuilt = false;
    for statement in split(migration.sql()) {
        match judge(&statement) {
            Ok(Doubt::Index(name)) => names.push(name),
            Ok(Doubt::Rebuilt) => rebuilt = true,
            _ => {}
        }
    }
    if names.is_empty() && !rebuilt {
        return Ok(names);
    }
    let rows = sqlx::query(
        "SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name
         FROM pg_catalog.pg_index i
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = pg_catalog.current_schema() AND NOT i.indisvalid
           AND (c.relname = ANY ($1) OR ($2 AND c.relname ~ '_cc(new|old)[0-9]*$'))",
    )
    .bind(&names)
    .bind(rebuilt)
    .fetch_all(connection)
    .await?;
    let names: Result<_, sqlx::Error> = rows.iter().map(|row| row.try_get("name")).collect();
    Ok(names?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_repeated_runs_without_a_transaction() {
        for sql in [
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c)",
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"A\" ON b USING btree (lower(c))",
            "drop index concurrently if exists a",
            "REINDEX TABLE CONCURRENTLY b",
            "REINDEX INDEX CONCURRENTLY a; -- and\nVACUUM (ANALYZE) b; ANALYZE b",
            "ALTER TABLE ONLY b VALIDATE CONSTRAINT c",
            "VACUUM b;",
        ] {
            let sql = format!("{MARK}\n{sql}");
            assert_eq!(check(&sql), Ok(()), "{sql}");
        }
        for sql in [
            "CREATE INDEX CONCURRENTLY a ON b (c)",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS ON b (c)",
            "CREATE INDEX IF NOT EXISTS a ON b (c)",
            "DROP INDEX a",
            "CREATE TABLE a (b int)",
            "INSERT INTO a VALUES (1)",
            "UPDATE a SET b = 1",
            "ALTER TABLE a ADD b int",
            "ALTER TABLE a VALIDATE CONSTRAINT c, ADD b int",
            "ALTER TABLE a ADD b int, VALIDATE CONSTRAINT c",
            "REINDEX TABLE a",
            "REINDEX SCHEMA CONCURRENTLY a",
            "VACUUM FULL a",
            "VACUUM (FULL) a",
            "VACUUM",
            "ANALYZE",
            "VACUUM (ANALYZE)",
            "BEGIN",
            "SELECT 'open",
        ] {
            let sql = format!("{MARK}\n\n{sql}");
            assert_eq!(check(&sql).unwrap_err().line, 3, "{sql}");
        }
    }

    #[test]
    fn in_a_transaction_the_words_that_need_none_are_blank() {
        let sql = "-- no-transaction CONCURRENTLY\nCREATE INDEX concurrently IF NOT EXISTS a ON b (c);\
                   \nVACUUM\n b; SELECT 'CONCURRENTLY'";
        let kept = inside(sql);
        assert_eq!(
            kept,
            "-- no-transaction CONCURRENTLY\nCREATE INDEX              IF NOT EXISTS a ON b (c);\
             \n      \n  ; SELECT 'CONCURRENTLY'"
        );
        assert_eq!(kept.len(), sql.len());
    }
}

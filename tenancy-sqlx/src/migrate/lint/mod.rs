//! Looks at migrations for what works today and hurts later.

mod rules;

use std::fmt;

use serde::{Serialize, Serializer};

use super::migration::Migration;
use super::set::{MigrationSet, Migrations};
use super::statements::split;
use crate::search_path;
use rules::{look, made_table};

/// One finding in a migration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lint {
    /// What was found, as programs and comments name it.
    pub code: LintCode,
    /// How bad it is.
    pub severity: LintSeverity,
    /// Whose migration it is.
    pub side: LintSide,
    /// The migration.
    pub version: i64,
    /// Its file.
    pub file: String,
    /// The line of the statement.
    pub line: usize,
    /// What is the matter.
    pub message: String,
    /// What to do.
    pub fix: &'static str,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            side, file, line, ..
        } = self;
        write!(
            f,
            "{}/{file}:{line}: {} {}: {}: {}",
            side.as_str(),
            self.severity.as_str(),
            self.code,
            self.message,
            self.fix
        )
    }
}

/// Whose migration it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LintSide {
    /// Of what all tenants share.
    Shared,
    /// Every tenant's.
    Tenant,
}

impl LintSide {
    /// The folder of its files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Tenant => "tenant",
        }
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LintSeverity {
    /// It breaks isolation, or something else, sooner or later.
    Error,
    /// It is good to know before it runs.
    Note,
}

impl LintSeverity {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Note => "note",
        }
    }
}

/// What was found; a code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LintCode {
    /// `type_per_schema`: every tenant would get a type of its own.
    TypePerSchema,
    /// `routine_unpinned`: a routine looks for its names wherever its caller does.
    RoutineUnpinned,
    /// `security_definer`: a routine runs with its owner's rights.
    SecurityDefiner,
    /// `view_star`: a view has the columns that its tables had when it was made.
    ViewStar,
    /// `index_locks_writes`: nobody can write to the table while the index is built.
    IndexLocksWrites,
    /// `not_null_without_default`: the column cannot be added where there are rows.
    NotNullWithoutDefault,
    /// `no_down`: the migration cannot be taken back.
    NoDown,
}

impl LintCode {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TypePerSchema => "type_per_schema",
            Self::RoutineUnpinned => "routine_unpinned",
            Self::SecurityDefiner => "security_definer",
            Self::ViewStar => "view_star",
            Self::IndexLocksWrites => "index_locks_writes",
            Self::NotNullWithoutDefault => "not_null_without_default",
            Self::NoDown => "no_down",
        }
    }

    /// How bad it is.
    pub const fn severity(self) -> LintSeverity {
        match self {
            Self::TypePerSchema
            | Self::RoutineUnpinned
            | Self::SecurityDefiner
            | Self::ViewStar => LintSeverity::Error,
            Self::IndexLocksWrites | Self::NotNullWithoutDefault | Self::NoDown => {
                LintSeverity::Note
            }
        }
    }

    const fn fix(self) -> &'static str {
        match self {
            Self::TypePerSchema => "make it once, in migrations/shared, as shared.NAME",
            Self::RoutineUnpinned => search_path::PIN_HINT,
            Self::SecurityDefiner => "leave SECURITY DEFINER out",
            Self::ViewStar => "write the columns out",
            Self::IndexLocksWrites => {
                "on a big table, build it CONCURRENTLY IF NOT EXISTS in a file of its own whose \
                 first line is `-- no-transaction`"
            }
            Self::NotNullWithoutDefault => "give it a DEFAULT, or add it without NOT NULL first",
            Self::NoDown => "add a .down.sql file beside it, if it is ever to be undone",
        }
    }
}

impl fmt::Display for LintCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for LintCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Migrations {
    /// Looks for what works today and hurts later; needs no database.
    ///
    /// A comment line `-- lint: allow CODE` directly above a statement accepts a finding in it.
    /// What stands in strings, the bodies of `DO` blocks among them, is not read.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_sqlx::{LintCode, Migration, MigrationSet, Migrations};
    ///
    /// let view = "CREATE VIEW all_notes AS SELECT * FROM notes";
    /// let tenant = MigrationSet::new([Migration::new(1, "view", view).with_down("DROP VIEW all_notes")])?;
    /// let migrations = Migrations { tenant, ..Migrations::default() };
    /// assert_eq!(migrations.lint()[0].code, LintCode::ViewStar);
    /// # Ok::<(), tenancy_sqlx::Error>(())
    /// ```
    pub fn lint(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        for (set, side) in [
            (&self.shared, LintSide::Shared),
            (&self.tenant, LintSide::Tenant),
        ] {
            of_set(set, side, &mut lints);
        }
        lints
    }
}

fn of_set(set: &MigrationSet, side: LintSide, lints: &mut Vec<Lint>) {
    for migration in set {
        let mut found = Vec::new();
        if migration.down().is_none() {
            found.push((LintCode::NoDown, 1, "it cannot be undone".to_owned()));
        }
        let statements = split(migration.sql());
        let mut made = Vec::new();
        for statement in &statements {
            if let Some(table) = made_table(statement) {
                made.push(table);
            }
            for (code, message) in look(statement, side, &made) {
                found.push((code, statement.line, message));
            }
        }
        let accepted = |code, line| is_accepted(migration.sql(), code, line);
        found.retain(|(code, line, _)| !accepted(*code, *line));
        lints.extend(
            found
                .into_iter()
                .map(|(code, line, message)| lint(migration, side, code, line, message)),
        );
    }
}

fn lint(
    migration: &Migration,
    side: LintSide,
    code: LintCode,
    line: usize,
    message: String,
) -> Lint {
    Lint {
        code,
        severity: code.severity(),
        side,
        version: migration.version(),
        file: migration.file_name(),
        line,
        message,
        fix: code.fix(),
    }
}

/// Whether a comment right above `line`, or the file's first line, accepts `code`.
fn is_accepted(sql: &str, code: LintCode, line: usize) -> bool {
    let lines: Vec<_> = sql.lines().map(str::trim).collect();
    let above = lines[..line.saturating_sub(1).min(lines.len())]
        .iter()
        .rev();
    let first = (line == 1).then(|| lines.first()).flatten();
    above
        .take_while(|line| line.starts_with("--"))
        .chain(first)
        .any(|comment| {
            let allowed = comment.trim_start_matches('-').trim();
            let codes = allowed.strip_prefix("lint: allow ").unwrap_or_default();
            codes.split([',', ' ']).any(|name| name == code.as_str())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(sql: &str) -> Vec<(LintCode, usize)> {
        // What a set refuses to hold is looked at all the same.
        let statements = split(sql);
        let mut made = Vec::new();
        let mut found = Vec::new();
        for statement in &statements {
            made.extend(made_table(statement));
            for (code, _) in look(statement, LintSide::Tenant, &made) {
                if !is_accepted(sql, code, statement.line) {
                    found.push((code, statement.line));
                }
            }
        }
        found
    }

    #[test]
    fn what_hurts_later_is_found_at_its_line() {
        use LintCode::*;
        for (sql, code) in [
            ("CREATE TYPE mood AS ENUM ('a')", TypePerSchema),
            ("CREATE DOMAIN d AS text", TypePerSchema),
            (
                "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
                RoutineUnpinned,
            ),
            (
                "CREATE PROCEDURE f() SECURITY DEFINER BEGIN ATOMIC SELECT 1; END",
                SecurityDefiner,
            ),
            ("CREATE VIEW v AS SELECT * FROM a", ViewStar),
            (
                "CREATE MATERIALIZED VIEW v AS SELECT b, a.* FROM a",
                ViewStar,
            ),
            ("CREATE UNIQUE INDEX i ON a (b)", IndexLocksWrites),
            ("CREATE INDEX ON ONLY a USING gin (b)", IndexLocksWrites),
            (
                "ALTER TABLE a ADD b int, ADD COLUMN c int NOT NULL",
                NotNullWithoutDefault,
            ),
        ] {
            let sql = format!("SELECT 1;\n-- why\n{sql};");
            assert_eq!(codes(&sql), [(code, 3)], "{sql}");
            let accepted = sql.replace("-- why", &format!("-- lint: allow {code}\n-- why"));
            assert_eq!(codes(&accepted), [], "{accepted}");
        }
    }

    #[test]
    fn what_is_fine_is_not_found() {
        let path = search_path::NAME;
        for sql in [
            "CREATE TABLE a (id serial, b text NOT NULL); CREATE INDEX ON a (b)",
            "CREATE TABLE IF NOT EXISTS a (b int); ALTER TABLE a ADD c int NOT NULL",
            "ALTER TABLE a ADD b int NOT NULL DEFAULT 0, ADD CHECK (b IS NOT NULL)",
            "ALTER TABLE a ADD b bigint GENERATED ALWAYS AS IDENTITY NOT NULL",
            "CREATE VIEW v AS SELECT count(*), b * 2 FROM a",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END",
            "CREATE FUNCTION f() RETURNS int RETURN 1",
            "CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()",
            &format!(
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql SET {path} FROM CURRENT AS $$ $$"
            ),
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a (b)",
            // Words in strings, comments and names are none.
            "COMMENT ON VIEW v IS 'CREATE VIEW v AS SELECT * FROM a'; -- SELECT * FROM a",
            "/* CREATE TYPE mood AS ENUM () */ CREATE TABLE \"create type\" (\"select\" int)",
            "INSERT INTO a SELECT * FROM b; DELETE FROM a WHERE EXISTS (SELECT * FROM b)",
            "CREATE VIEW v AS SELECT b FROM a WHERE EXISTS (SELECT * FROM c WHERE c.b = a.b)",
            "CREATE VIEW v AS SELECT a.b * 2 AS c, (b * c) AS d, count(*) FILTER (WHERE b) FROM a",
            "CREATE VIEW v AS SELECT b AS \"*\", '*' AS c FROM a",
            "ALTER TABLE a ADD CONSTRAINT c CHECK (b IS NOT NULL) NOT VALID, ALTER b SET NOT NULL",
            "ALTER TABLE IF EXISTS ONLY a ADD COLUMN IF NOT EXISTS b int DEFAULT 0 NOT NULL",
            "ALTER TYPE shared.mood ADD VALUE 'b'",
            &format!(
                "CREATE FUNCTION f(a int DEFAULT 1) RETURNS TABLE (b int) LANGUAGE sql STABLE SET \"{path}\" = shared AS 'SELECT * FROM a'"
            ),
            &format!(
                "CREATE OR REPLACE PROCEDURE f() LANGUAGE plpgsql set {path} from current AS $$ $$"
            ),
        ] {
            assert_eq!(codes(sql), [], "{sql}");
        }
    }

    #[test]
    fn a_migration_without_a_down_file_is_noted_and_may_say_that_it_is_meant() {
        let lints = |migration: Migration| {
            let tenant = MigrationSet::new([migration]).unwrap();
            Migrations {
                tenant,
                ..Migrations::default()
            }
            .lint()
        };
        let found = lints(Migration::new(7, "a", "SELECT 1"));
        assert_eq!(found[0].code, LintCode::NoDown);
        let text = found[0].to_string();
        assert!(
            text.starts_with("tenant/7_a.sql:1: note no_down: "),
            "{text}"
        );
        assert_eq!(lints(Migration::new(7, "a", "SELECT 1").with_down("")), []);
        let meant = "-- lint: allow no_down\nSELECT 1";
        assert_eq!(lints(Migration::new(7, "a", meant)), []);
    }
}

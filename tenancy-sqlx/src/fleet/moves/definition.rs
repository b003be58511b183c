//! What an archive may have done in the database: the definitions that an export writes, one
//! statement each, of names in the schema that they are run in.
//!
//! This keeps a damaged or clumsily forged archive from doing anything else. It does not make code
//! harmless: a function in an archive is run, now or later, with the rights of whoever runs it.

use super::archive::{Shape, Verified, When};
use crate::error::{Error, ErrorKind};
use crate::lexer::{Lexer, Token};
use crate::migrate::statements::{Statement, split};

/// What each kind of object is made by: words in front of a name of its own.
const FORMS: &[(&str, &[&[&str]])] = &[
    (
        "type",
        &[
            &["CREATE", "TYPE"],
            &["CREATE", "DOMAIN"],
            &["ALTER", "DOMAIN"],
        ],
    ),
    (
        "sequence",
        &[
            &["CREATE", "SEQUENCE"],
            &["CREATE", "UNLOGGED", "SEQUENCE"],
            &["ALTER", "SEQUENCE"],
        ],
    ),
    (
        "routine",
        &[&["CREATE", "FUNCTION"], &["CREATE", "PROCEDURE"]],
    ),
    (
        "table",
        &[
            &["CREATE", "TABLE"],
            &["CREATE", "UNLOGGED", "TABLE"],
            ALTER_ONLY,
        ],
    ),
    ("partition", &[ALTER_ONLY]),
    ("default", &[ALTER_ONLY]),
    ("constraint", &[ALTER_ONLY, ALTER]),
    (
        "index",
        &[
            &["CREATE", "INDEX"],
            &["CREATE", "UNIQUE", "INDEX"],
            &["ALTER", "INDEX"],
            ALTER,
        ],
    ),
    (
        "view",
        &[&["CREATE", "VIEW"], &["CREATE", "MATERIALIZED", "VIEW"]],
    ),
    ("rule", &[&["CREATE", "RULE"], ALTER]),
    (
        "trigger",
        &[
            &["CREATE", "TRIGGER"],
            &["CREATE", "CONSTRAINT", "TRIGGER"],
            ALTER,
        ],
    ),
    ("row security", &[ALTER]),
    ("policy", &[&["CREATE", "POLICY"]]),
    (
        "statistics",
        &[&["CREATE", "STATISTICS"], &["ALTER", "STATISTICS"]],
    ),
];

const ALTER: &[&str] = &["ALTER", "TABLE"];
const ALTER_ONLY: &[&str] = &["ALTER", "TABLE", "ONLY"];

/// What an existing object is changed by.
const CHANGES: &[&[&str]] = &[
    &["ADD", "CONSTRAINT"],
    &["ALTER", "COLUMN"],
    &["ATTACH", "PARTITION"],
    &["CLUSTER", "ON"],
    &["REPLICA", "IDENTITY"],
    &["ENABLE"],
    &["DISABLE"],
    &["FORCE", "ROW", "LEVEL", "SECURITY"],
    &["OWNED", "BY"],
    &["SET", "STATISTICS"],
];

/// What has a comment; the last word but its name.
const COMMENTED: &[&[&str]] = &[
    &["TABLE"],
    &["COLUMN"],
    &["VIEW"],
    &["MATERIALIZED", "VIEW"],
    &["SEQUENCE"],
    &["INDEX"],
    &["TYPE"],
    &["DOMAIN"],
    &["FUNCTION"],
    &["PROCEDURE"],
    &["CONSTRAINT"],
    &["TRIGGER"],
    &["RULE"],
    &["POLICY"],
    &["STATISTICS"],
];

/// Refuses an archive that has anything else run than what makes objects of its own schema.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`]; the message names the object.
pub(super) fn check(verified: &Verified) -> Result<(), Error> {
    let schema = &verified.schema;
    for shape in &schema.objects {
        if shape.when != When::Part && !is_definition(shape) {
            return Err(foreign(&format!("{} {}", shape.kind, shape.name)));
        }
    }
    let columns = schema.tables.iter().flat_map(|table| &table.columns);
    let sequences = verified.sequences.iter().map(|sequence| &sequence.name);
    for name in columns.chain(&schema.filled).chain(sequences) {
        if !is_name(name) {
            return Err(foreign(&format!("the name {name:?}")));
        }
    }
    Ok(())
}

/// Whether the statements of `shape` have to be sent by themselves, so that the server sees to it
/// that they are no more than one each.
pub(super) fn is_compound(shape: &Shape) -> bool {
    statements(&shape.sql).is_none_or(|all| all.iter().any(has_semicolon))
}

fn foreign(what: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!(
            "the archive would do more than make its own objects ({what}), which no export \
             writes: do not trust it"
        ),
    )
}

fn is_definition(shape: &Shape) -> bool {
    let Some(statements) = statements(&shape.sql) else {
        return false;
    };
    // Only a body in SQL and the actions of a rule have semicolons of their own.
    let may_be_compound =
        matches!(shape.kind.as_str(), "routine" | "rule") && statements.len() == 1;
    !statements.is_empty()
        && statements.iter().enumerate().all(|(place, statement)| {
            (may_be_compound || !has_semicolon(statement))
                && match shape.kind.as_str() {
                    "comment" => is_comment(statement),
                    kind => is_form(kind, statement, place == 0),
                }
        })
}

/// The statements of a text, unless PostgreSQL could cut it otherwise.
fn statements(sql: &str) -> Option<Vec<Statement<'_>>> {
    let mut lexer = Lexer::new(sql);
    let mut escape = (Token::Text, 0);
    // Where a name with escapes in it begins, which would not be read as it stands.
    loop {
        let token = lexer.next().ok()?;
        let Some(token) = token else { break };
        let is_prefix = matches!(escape.0, Token::Word(word) if word.eq_ignore_ascii_case("u"))
            && token == Token::Symbol('&')
            && lexer.at() == escape.1 + 1;
        if is_prefix && sql[lexer.at()..].starts_with(['"', '\'']) {
            return None;
        }
        escape = (token, lexer.at());
    }
    // A byte order mark would move every place.
    (!sql.starts_with('\u{feff}')).then(|| split(sql))
}

fn has_semicolon(statement: &Statement<'_>) -> bool {
    (0..statement.tokens.len()).any(|at| statement.is(at, ';'))
}

/// Whether a statement makes or changes an object of this kind, in the schema that it is run in.
fn is_form(kind: &str, statement: &Statement<'_>, is_first: bool) -> bool {
    let forms = FORMS.iter().find(|(name, _)| *name == kind);
    let form = forms.and_then(|(_, forms)| {
        let fitting = forms.iter().filter(|form| statement.reads(0, form));
        fitting.max_by_key(|form| form.len())
    });
    let Some(form) = form else { return false };
    let Some(behind) = own_name(statement, form.len()) else {
        return false;
    };
    if statement.word(0) == "ALTER" {
        return is_change(statement, behind);
    }
    let of = |at: Option<usize>| at.is_some_and(|at| own_name(statement, at + 1).is_some());
    is_first
        && match form[form.len() - 1] {
            "TABLE" => statement.is(behind, '('),
            "INDEX" if statement.reads(behind, &["ON", "ONLY"]) => of(Some(behind + 1)),
            "INDEX" | "POLICY" => statement.word(behind) == "ON" && of(Some(behind)),
            "TRIGGER" => of(outer(statement, "ON").first().copied()),
            "RULE" => of(outer(statement, "TO").first().copied()),
            "STATISTICS" => of(outer(statement, "FROM").last().copied()),
            _ => true,
        }
}

fn is_change(statement: &Statement<'_>, at: usize) -> bool {
    let fitting = CHANGES.iter().find(|words| statement.reads(at, words));
    // One change, and no other behind a comma.
    let Some(words) = fitting.filter(|_| !has_outer_comma(statement)) else {
        return false;
    };
    let behind = at + words.len();
    match words[0] {
        "ATTACH" => own_name(statement, behind).is_some(),
        "ALTER" => {
            // Columns of an index are numbers.
            let number = statement
                .name(behind)
                .map_or(behind + 1, |(_, behind)| behind);
            (number..statement.tokens.len()).any(|at| statement.word(at) == "SET")
                && !statement.reads(number, &["TYPE"])
        }
        "OWNED" => column(statement, behind).is_some(),
        _ => true,
    }
}

fn is_comment(statement: &Statement<'_>) -> bool {
    if !statement.reads(0, &["COMMENT", "ON"]) {
        return false;
    }
    let Some(words) = COMMENTED.iter().find(|words| statement.reads(2, words)) else {
        return false;
    };
    let at = 2 + words.len();
    let behind = match words[0] {
        "COLUMN" => column(statement, at),
        "CONSTRAINT" | "TRIGGER" | "RULE" | "POLICY" => own_name(statement, at)
            .filter(|&on| statement.word(on) == "ON")
            .map(|on| on + 1 + usize::from(statement.reads(on + 1, &["DOMAIN"])))
            .and_then(|at| own_name(statement, at)),
        _ => own_name(statement, at),
    };
    behind.is_some()
}

/// The place behind a name without a schema.
fn own_name(statement: &Statement<'_>, at: usize) -> Option<usize> {
    let is_name = matches!(
        statement.tokens.get(at)?.token,
        Token::Word(_) | Token::Quoted(_)
    );
    (is_name && !statement.is(at + 1, '.')).then_some(at + 1)
}

/// The place behind a column with its table.
fn column(statement: &Statement<'_>, at: usize) -> Option<usize> {
    let table = matches!(
        statement.tokens.get(at)?.token,
        Token::Word(_) | Token::Quoted(_)
    );
    (table && statement.is(at + 1, '.'))
        .then(|| own_name(statement, at + 2))
        .flatten()
}

/// Where a keyword stands that is in no parentheses.
fn outer(statement: &Statement<'_>, word: &str) -> Vec<usize> {
    outside(statement, |at| statement.word(at) == word)
}

fn has_outer_comma(statement: &Statement<'_>) -> bool {
    !outside(statement, |at| statement.is(at, ',')).is_empty()
}

fn outside(statement: &Statement<'_>, is: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut depth = 0_i32;
    let mut found = Vec::new();
    for at in 0..statement.tokens.len() {
        match statement.tokens[at].token {
            Token::Symbol('(' | '[') => depth += 1,
            Token::Symbol(')' | ']') => depth -= 1,
            _ if depth <= 0 && is(at) => found.push(at),
            _ => {}
        }
    }
    found
}

/// Whether a text is one name as SQL writes it, without a schema.
fn is_name(text: &str) -> bool {
    let mut lexer = Lexer::new(text);
    let is_first = matches!(lexer.next(), Ok(Some(Token::Word(_) | Token::Quoted(_))));
    // Comments and spaces are no part of a name.
    is_first && lexer.at() == text.len() && !text.starts_with([' ', '-', '/', '\n', '\u{feff}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fine(kind: &str, sql: &str) -> bool {
        is_definition(&Shape {
            kind: kind.to_owned(),
            name: String::new(),
            when: When::Before,
            sql: sql.to_owned(),
            definition: String::new(),
        })
    }

    #[test]
    fn what_an_export_writes_is_a_definition() {
        for (kind, sql) in [
            ("type", "CREATE TYPE \"a;b\" AS ENUM ('x; y')"),
            (
                "type",
                "CREATE DOMAIN a AS int; ALTER DOMAIN a ADD CONSTRAINT b CHECK (VALUE > 0)",
            ),
            (
                "table",
                "CREATE UNLOGGED TABLE a () WITH (x=1);\nALTER TABLE ONLY a ALTER COLUMN b SET (n=1, m=2)",
            ),
            ("table", "ALTER TABLE ONLY a REPLICA IDENTITY FULL"),
            (
                "index",
                "CREATE UNIQUE INDEX a ON ONLY b USING btree (c); ALTER INDEX a ALTER COLUMN 1 SET STATISTICS 9",
            ),
            (
                "rule",
                "CREATE RULE a AS\n ON UPDATE TO b DO ( DELETE FROM c; DELETE FROM d; )",
            ),
            (
                "routine",
                "CREATE FUNCTION a() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
            ),
            (
                "routine",
                "CREATE FUNCTION a() RETURNS int LANGUAGE sql AS $f$ SELECT 1; SELECT 2 $f$",
            ),
            (
                "trigger",
                "CREATE CONSTRAINT TRIGGER a AFTER UPDATE OF \"on\" ON b FROM s.c FOR EACH ROW EXECUTE FUNCTION f('x')",
            ),
            (
                "statistics",
                "CREATE STATISTICS a (ndistinct) ON b, (EXTRACT(day FROM c)) FROM d",
            ),
            (
                "default",
                "ALTER TABLE ONLY a ALTER COLUMN b SET DEFAULT ARRAY[1, 2]",
            ),
            (
                "default",
                "ALTER TABLE ONLY a ALTER COLUMN b SET DEFAULT (u & 'x'::bit(1))",
            ),
            ("comment", "COMMENT ON CONSTRAINT a ON DOMAIN b IS 'c.d; e'"),
            ("comment", "COMMENT ON COLUMN a.b IS 'c'"),
            ("sequence", "ALTER SEQUENCE a OWNED BY b.c"),
        ] {
            assert!(is_fine(kind, sql), "{sql}");
        }
    }

    #[test]
    fn anything_else_is_none() {
        for (kind, sql) in [
            ("table", ""),
            ("table", "CREATE TABLE a () ; CREATE TABLE b ()"),
            ("table", "CREATE TABLE a AS SELECT 1"),
            ("table", "CREATE TABLE s.a ()"),
            ("table", "CREATE TABLE a (b int DEFAULT 'x); DROP SCHEMA s"),
            ("table", "CREATE TABLE U&\"s\" . a ()"),
            ("table", "\u{feff}CREATE TABLE a ()"),
            (
                "view",
                "CREATE VIEW a AS SELECT begin atomic FROM b; DROP SCHEMA s",
            ),
            ("view", "CREATE VIEW a AS SELECT (1; DROP SCHEMA s)"),
            ("view", "CREATE OR REPLACE VIEW a AS SELECT 1"),
            (
                "routine",
                "CREATE FUNCTION a() RETURNS int LANGUAGE sql AS ''; DROP SCHEMA s",
            ),
            (
                "partition",
                "ALTER TABLE ONLY a ATTACH PARTITION s.b DEFAULT",
            ),
            ("row security", "ALTER TABLE a OWNER TO b"),
            (
                "row security",
                "ALTER TABLE a ENABLE ROW LEVEL SECURITY, OWNER TO b",
            ),
            (
                "default",
                "ALTER TABLE ONLY a ALTER COLUMN b TYPE int USING (f())",
            ),
            ("sequence", "ALTER SEQUENCE a OWNED BY s.b.c"),
            ("index", "CREATE INDEX a ON s.b (c)"),
            ("index", "CREATE INDEX ON b (c)"),
            ("index", "DROP INDEX a"),
            ("policy", "CREATE POLICY a ON s.b"),
            (
                "rule",
                "CREATE RULE a AS ON DELETE TO s.b DO INSTEAD NOTHING",
            ),
            ("comment", "COMMENT ON SCHEMA a IS 'b'"),
            ("comment", "COMMENT ON COLUMN s.a.b IS 'c'"),
            ("grant", "GRANT a TO b"),
        ] {
            assert!(!is_fine(kind, sql), "{sql}");
        }
        for name in ["a", "\"a b\"", "\"a\"\"; b\"", "größe"] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "",
            "a.b",
            "a b",
            "a;",
            "\"a",
            "a--",
            "'a'",
            " a",
            "1",
            "a) FROM PROGRAM",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }
}

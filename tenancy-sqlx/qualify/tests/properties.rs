//! What holds for every text.

mod sound;

use proptest::prelude::*;
use tenancy_qualify::{Kind, Refusal, Statement, tenant, tenant_raw};

/// Pieces that texts are put together from, so that many of them are statements.
const PIECES: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "JOIN",
    "ON",
    "USING",
    "INSERT INTO",
    "UPDATE",
    "SET",
    "DELETE",
    "MERGE INTO",
    "WITH",
    "RECURSIVE",
    "AS",
    "VALUES",
    "RETURNING",
    "UNION",
    "TABLE",
    "ONLY",
    "LATERAL",
    "FOR UPDATE",
    "OF",
    "ORDER BY",
    "GROUP BY",
    "LIMIT",
    "IS DISTINCT FROM",
    "EXTRACT(",
    "CASE WHEN",
    "END",
    "blogs",
    "authors",
    "b",
    "a",
    "x",
    "\"Order\"",
    "tenant.blogs",
    "shared.plans",
    "public.users",
    "t2.blogs",
    "pg_catalog.pg_class",
    "pg_class",
    "b.id",
    "a.id",
    "id",
    "title",
    "1",
    "$1",
    "$2",
    "'x'",
    "E'\\''",
    "$$x$$",
    "(",
    ")",
    "(",
    ")",
    ",",
    ",",
    "=",
    "*",
    "+",
    "::text",
    "::regclass",
    "count(*)",
    "lower(",
    "nextval(",
    "tenant.f(",
    "ARRAY[",
    "]",
    ";",
    ".",
    "-- c\n",
    "/* c */",
    "/*",
    "\n",
    "ü",
    "🎉",
    "\u{a0}",
    "\r",
    "\0",
    "true",
];

fn texts() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(PIECES), 0..24);
    pieces.prop_map(|pieces| pieces.join(" "))
}

/// Statements that are put together from whole clauses, most of which are accepted.
fn statements() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(vec!["blogs", "authors", "\"Order\"", "tenant.blogs", "é"]);
    let foreign = || {
        prop::sample::select(vec![
            "blogs",
            "x",
            "y",
            "shared.plans",
            "t2.blogs",
            "public.u",
        ])
    };
    let query = (name(), foreign(), 0..6_u8).prop_map(|(one, two, form)| match form {
        0 => format!("SELECT q.id FROM {one} AS q"),
        1 => format!("SELECT q.id FROM {one} q JOIN {two} r ON q.id = r.id"),
        2 => format!("SELECT q.id FROM {one} q, LATERAL (SELECT 1 AS n FROM {two} z) r"),
        3 => format!("SELECT 1 FROM {one} q WHERE EXISTS (SELECT 1 FROM {two} AS r)"),
        4 => format!("SELECT q.id FROM {one} q UNION SELECT r.id FROM {two} r"),
        _ => format!("WITH y AS (SELECT 'FROM t2.z' AS id) SELECT y.id FROM y, {one} q, {two} r"),
    });
    (query, name(), foreign(), 0..7_u8).prop_map(|(query, one, two, form)| match form {
        0 => query,
        1 => format!("WITH x AS ({query}) SELECT w.id FROM {two} AS w, {one} AS v"),
        2 => format!("WITH RECURSIVE x AS ({query}), y AS (SELECT 1 FROM x) {query}"),
        3 => format!("INSERT INTO {two} (id) {query} RETURNING id"),
        4 => format!("UPDATE {one} AS u SET id = ({query}) FROM {two} AS f"),
        5 => format!("DELETE FROM {one} AS d USING {two} AS f WHERE d.id IN ({query})"),
        _ => format!("SELECT ({query}), array({query}) FROM {two} AS v ORDER BY ({query})"),
    })
}

fn both(sql: &str) -> [Result<Statement, Refusal>; 2] {
    [tenant(sql), tenant_raw(sql)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn no_text_panics(sql in any::<String>()) {
        sound::holds(&sql);
    }

    #[test]
    fn no_heap_of_pieces_panics(sql in texts()) {
        sound::holds(&sql);
    }

    #[test]
    fn no_statement_names_a_foreign_schema(sql in statements()) {
        sound::holds(&sql);
        if let Ok(statement) = tenant(&sql) {
            let text = statement.render("\"s\"").replace("'FROM t2.z'", "");
            prop_assert!(!text.contains("t2.") && !text.contains("public."), "{text}");
            // Whatever follows FROM or a comma between tables is qualified or a CTE.
            for name in ["blogs", "authors", "\"Order\"", "é"] {
                let mut rest = text.as_str();
                while let Some(at) = rest.find(name) {
                    prop_assert!(rest[..at].ends_with("\"s\"."), "{text}");
                    rest = &rest[at + name.len()..];
                }
            }
        }
    }

    #[test]
    fn an_accepted_statement_is_accepted_by_the_token_check_when_it_is_explicit(
        sql in statements()
    ) {
        if let Ok(statement) = tenant(&sql) {
            let raw = tenant_raw(&statement.render("tenant"));
            let raw = raw.map_err(|refusal| TestCaseError::fail(format!("{refusal}: {sql}")))?;
            prop_assert_eq!(raw.render("\"s\""), statement.render("\"s\""));
            prop_assert!(raw.kind() == Kind::Write || statement.kind() == Kind::Read);
        }
    }
}

#[test]
fn deep_and_long_texts_are_refused_and_not_overrun() {
    let deep = [
        format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000)),
        format!("SELECT {}1{}", "(SELECT ".repeat(3000), ")".repeat(3000)),
        format!("SELECT 1{}", " + 1".repeat(20000)),
        format!("SELECT 1{}", " AND true".repeat(7000)),
        format!("SELECT 1{}", "::int".repeat(10000)),
        format!("SELECT 1{}", " UNION SELECT 1".repeat(4000)),
        format!("SELECT {} 1", "NOT ".repeat(10000)),
        format!("SELECT {} 1", "- ".repeat(10000)),
        format!(
            "SELECT {} 1 {}",
            "CASE WHEN ".repeat(3000),
            "END".repeat(3000)
        ),
        format!(
            "SELECT 1 FROM {}blogs{}",
            "(".repeat(5000),
            ")".repeat(5000)
        ),
        format!("SELECT a{}", "[1]".repeat(10000)),
        format!("SELECT '{}'", "x".repeat(70000)),
        format!("SELECT {}", "ARRAY[".repeat(9000)),
        format!("SELECT {}", "lower(".repeat(9000)),
        format!("{} SELECT 1", "WITH a AS (".repeat(5000)),
        format!("SELECT 1::int{}", "[]".repeat(20000)),
        format!("SELECT 1 FROM a {}", "JOIN (b ".repeat(5000)),
        format!("SELECT 1 FROM a {}", "JOIN b ".repeat(5000)),
        format!("SELECT {}1", "interval ".repeat(5000)),
    ];
    for sql in deep {
        for read in both(&sql) {
            assert!(
                read.is_err() || sql.contains("[1]"),
                "{}",
                sql.get(..40).unwrap_or_default()
            );
        }
    }
}

#[test]
fn what_is_accepted_never_overruns_a_small_stack() {
    for times in [3, 4, 5, 10, 20, 37, 199, 399] {
        let forms = [
            format!("SELECT 1{} FROM blogs", " + 1".repeat(times)),
            format!("SELECT 1{}", "::int".repeat(times)),
            format!("SELECT 1{}", " UNION SELECT 1".repeat(times)),
            format!("SELECT {}1{}", "(SELECT ".repeat(times), ")".repeat(times)),
            format!("SELECT {}1{}", "lower(".repeat(times), ")".repeat(times)),
            format!(
                "SELECT {}1{}",
                "CASE WHEN ".repeat(times),
                " THEN 1 END".repeat(times)
            ),
            format!(
                "SELECT 1 FROM {}blogs{}",
                "(SELECT 1 FROM ".repeat(times),
                ") a".repeat(times)
            ),
        ];
        for sql in forms {
            let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
            let read = thread
                .spawn(move || tenant(&sql).is_ok())
                .expect("a thread starts");
            let accepted = read.join().expect("the thread ends");
            assert!(accepted || times > 4);
        }
    }
}

#[test]
fn postgresql_and_not_the_parser_decides_where_a_comment_ends() {
    let after = tenant("SELECT 1 -- x\r FROM blogs").map(|statement| statement.tables().to_vec());
    assert!(after.is_err() || after == Ok(vec!["blogs".to_owned()]));
}

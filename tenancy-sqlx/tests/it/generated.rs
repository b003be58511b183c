//! Statements that nobody wrote: of those that are accepted, none reaches a table or a function
//! outside the tenant's schema, `shared` and what PostgreSQL and its extensions bring.

mod grammar;

use std::collections::BTreeSet;

use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection};
use tenancy_qualify::{Allowed, Statement};

use self::grammar::Grammar;
use crate::oracle::{Stage, TENANT, cases};
use crate::server::Lots;

/// Schemas whose tables a tenant's statement may reach.
const TABLES: [&str; 2] = [TENANT, "shared"];
/// Schemas whose functions it may call.
const FUNCTIONS: [&str; 3] = [TENANT, "extensions", "pg_catalog"];

/// What mutations put in and the grammar falls back to: names that must not get through, and
/// forms in which they could hide.
const PIECES: &[&str] = &[
    "public.",
    "t2.",
    "shared.",
    "tenant.",
    "pg_catalog.",
    "extensions.",
    "t1.",
    "\"t2\".",
    "blogs",
    "authors",
    "comments",
    "plans",
    "pg_class",
    "public.blogs",
    "t2.authors",
    "shared.blogs",
    "shared.plans",
    "tenancy.tenants",
    "pg_catalog.pg_class",
    "information_schema.tables",
    "b",
    "a",
    "x",
    "b.id",
    "id",
    "title",
    "name",
    "*",
    "1",
    "'t2.blogs'",
    "TABLE",
    "UNION TABLE t2.\"Order\"",
    "UNION ALL SELECT",
    "EXCEPT",
    "ONLY",
    "LATERAL",
    "ROWS FROM",
    "AS b",
    "AS",
    ",",
    "(",
    ")",
    "JOIN",
    "CROSS JOIN",
    "NATURAL JOIN",
    "ON true",
    "USING (id)",
    "FROM",
    "FROM t2.blogs",
    "WHERE",
    "FOR UPDATE OF b",
    "RETURNING",
    "RETURNING id",
    "::regclass",
    "::text",
    "::t2.blogs",
    "nextval('t2.blogs_id_seq')",
    "t2.shout('x')",
    "public.shout('x')",
    "tenant.shout('x')",
    "shout('x')",
    "query_to_xml('SELECT 1', true, true, '')",
    "OPERATOR(t2.=)",
    "OPERATOR(pg_catalog.=)",
    "WITH x AS (SELECT id FROM blogs)",
    "WITH RECURSIVE x AS (SELECT 1 AS id)",
    "(SELECT max(id) FROM authors)",
    "(SELECT max(id) FROM t2.authors)",
    "EXISTS (SELECT 1 FROM public.blogs)",
    "IN (TABLE t2.\"Order\")",
    "COLLATE t2.c",
    "--",
    "/*",
    "*/",
    "\n",
    "'",
    "\"",
    "$1",
    "E'\\''",
    "$$",
    ".",
    ";",
    "[1]",
    "ü",
];

/// A statement of the corpus with some of its tokens swapped, doubled, dropped or put in anew.
fn mutated(source: &str, other: &str, lots: &mut Lots) -> String {
    fn cut(text: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut last = None;
        for letter in text.chars() {
            let kind = match letter {
                _ if letter.is_alphanumeric() || letter == '_' => 0,
                _ if letter.is_whitespace() => 1,
                _ => 2,
            };
            if last != Some(kind) || kind == 2 {
                words.push(String::new());
            }
            last = Some(kind);
            words.last_mut().unwrap().push(letter);
        }
        words
    }
    let (mut words, others) = (cut(source), cut(other));
    for _ in 0..=lots.below(2) {
        let mut below = |limit: usize| usize::try_from(lots.below(limit.max(1) as u64)).unwrap();
        let at = below(words.len());
        match below(6) {
            0 => {
                let with = below(words.len());
                words.swap(at, with);
            }
            1 => words.insert(at, format!(" {} ", PIECES[below(PIECES.len())])),
            2 => words.insert(at, PIECES[below(8)].to_owned()),
            3 => {
                words.remove(at);
            }
            4 => {
                let from = below(others.len());
                let to = (from + 1 + below(12)).min(others.len());
                words.splice(at..at, others[from..to].iter().cloned());
            }
            _ => PIECES[below(PIECES.len())].clone_into(&mut words[at]),
        }
        if words.is_empty() {
            break;
        }
    }
    words.concat()
}

/// What one accepted statement turned out to be.
#[derive(Debug, PartialEq)]
enum Seen {
    /// PostgreSQL itself refused it.
    Invalid,
    /// Its plan stays inside.
    Inside,
}

impl Stage {
    /// Plans the statement under the empty path and looks at everything that the plan names.
    async fn plan(&mut self, statement: &Statement) -> Result<Seen, String> {
        let sql = statement.render(&format!("\"{TENANT}\""));
        self.simple(
            "BEGIN; SET LOCAL search_path TO ''; SET LOCAL plan_cache_mode TO force_generic_plan",
        )
        .await;
        let planned = planned(&mut self.connection, &sql, statement.parameters()).await;
        self.simple("ROLLBACK; DEALLOCATE ALL").await;
        match planned {
            Err(sqlx::Error::Database(error)) => {
                // A table that was missed is not found under the empty path.
                let missed = error
                    .message()
                    .strip_prefix("relation \"")
                    .and_then(|rest| rest.strip_suffix("\" does not exist"))
                    .filter(|name| !TABLES.iter().any(|s| name.starts_with(&format!("{s}."))));
                match missed {
                    Some(name) => Err(format!("{sql}\n  leaves {name} unqualified")),
                    None => Ok(Seen::Invalid),
                }
            }
            Err(error) => Err(format!("{sql}\n  {error}")),
            Ok(objects) => {
                let outside: Vec<_> = objects
                    .iter()
                    .filter(|object| !object.is_inside())
                    .collect();
                if outside.is_empty() {
                    Ok(Seen::Inside)
                } else {
                    Err(format!("{sql}\n  reaches {outside:?}"))
                }
            }
        }
    }
}

/// What a plan or a stored query depends on.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Object {
    Table(String, String),
    Function(String, String),
}

impl Object {
    fn is_inside(&self) -> bool {
        match self {
            Self::Table(schema, _) => TABLES.contains(&schema.as_str()),
            Self::Function(schema, _) => FUNCTIONS.contains(&schema.as_str()),
        }
    }
}

async fn planned(
    connection: &mut PgConnection,
    sql: &str,
    parameters: u16,
) -> Result<BTreeSet<Object>, sqlx::Error> {
    let run = |sql: String| sqlx::raw_sql(AssertSqlSafe(sql));
    run(format!("PREPARE planned AS {sql}"))
        .execute(&mut *connection)
        .await?;
    let nulls = vec!["NULL"; usize::from(parameters)].join(", ");
    let arguments = if nulls.is_empty() {
        nulls
    } else {
        format!("({nulls})")
    };
    let explain = format!("EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE planned{arguments}");
    let plan: String = sqlx::Row::try_get_raw(&run(explain).fetch_one(&mut *connection).await?, 0)
        .map(|value| value.as_str().unwrap_or_default().to_owned())?;
    let plan: Value = serde_json::from_str(&plan).expect("a plan is JSON");
    let mut objects = BTreeSet::new();
    collect(&plan, &mut objects);
    if parameters == 0 {
        objects.extend(depended_on(connection, sql).await);
    }
    Ok(objects)
}

/// What PostgreSQL notes as the objects that a stored statement depends on: also those which the
/// planner found to be of no use. What it brings itself is not noted.
async fn depended_on(connection: &mut PgConnection, sql: &str) -> Vec<Object> {
    let store = format!(
        "SAVEPOINT stored;
         CREATE FUNCTION extensions.stored() RETURNS void LANGUAGE sql BEGIN ATOMIC {sql}; END"
    );
    let stored = sqlx::raw_sql(AssertSqlSafe(store))
        .execute(&mut *connection)
        .await;
    if stored.is_err() {
        return Vec::new();
    }
    let found: Vec<(bool, String, String)> = sqlx::query_as(
        "SELECT c.oid IS NOT NULL, n.nspname::text, coalesce(c.relname, p.proname)::text
         FROM pg_catalog.pg_depend d
         LEFT JOIN pg_catalog.pg_class c
             ON c.oid = d.refobjid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
         LEFT JOIN pg_catalog.pg_proc p
             ON p.oid = d.refobjid AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
         JOIN pg_catalog.pg_namespace n ON n.oid = coalesce(c.relnamespace, p.pronamespace)
         WHERE d.objid = 'extensions.stored'::pg_catalog.regproc",
    )
    // The next statement finds none of this one's.
    .persistent(false)
    .fetch_all(connection)
    .await
    .unwrap();
    let object = |(is_table, schema, name)| {
        if is_table {
            Object::Table(schema, name)
        } else {
            Object::Function(schema, name)
        }
    };
    found.into_iter().map(object).collect()
}

/// Every relation and function that a plan names with its schema.
fn collect(plan: &Value, objects: &mut BTreeSet<Object>) {
    match plan {
        Value::Array(items) => items.iter().for_each(|item| collect(item, objects)),
        Value::Object(fields) => {
            let field = |name| fields.get(name).and_then(Value::as_str);
            let schema = field("Schema").unwrap_or_default().to_owned();
            if let Some(table) = field("Relation Name") {
                objects.insert(Object::Table(schema.clone(), table.to_owned()));
            }
            if let Some(function) = field("Function Name") {
                let schema = if schema.is_empty() {
                    "pg_catalog".to_owned()
                } else {
                    schema
                };
                objects.insert(Object::Function(schema, function.to_owned()));
            }
            fields.values().for_each(|value| collect(value, objects));
        }
        // Expressions are texts in which functions outside pg_catalog keep their schema.
        Value::String(text) => {
            let text = without_strings(text);
            for schema in ["public", "t2", "shared", "tenancy", "information_schema"] {
                let mut rest = text.as_str();
                while let Some(at) = rest.find(&format!("{schema}.")) {
                    let begins = !rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                    let name = &rest[at + schema.len() + 1..];
                    let end = name
                        .find(|c: char| !c.is_alphanumeric() && c != '_')
                        .unwrap_or(name.len());
                    if begins && name[end..].starts_with('(') {
                        objects.insert(Object::Function(schema.to_owned(), name[..end].to_owned()));
                    }
                    rest = name;
                }
            }
        }
        _ => {}
    }
}

fn without_strings(text: &str) -> String {
    text.split('\'').step_by(2).collect()
}

/// Reads, plans and counts; the floors keep the test from turning empty.
#[allow(clippy::print_stdout, reason = "it says how much was tried")]
async fn all_stay_inside(
    texts: impl Iterator<Item = String>,
    accepted_floor: u32,
    inside_floor: u32,
) {
    let mut stage = Stage::new().await;
    let listed = Allowed::none();
    let (mut read, mut accepted, mut inside, mut outside) = (0, 0, 0, Vec::new());
    for text in texts {
        read += 1;
        let (parsed, raw) = (listed.tenant(&text), listed.tenant_raw(&text));
        for statement in [parsed, raw].into_iter().flatten() {
            accepted += 1;
            match stage.plan(&statement).await {
                Ok(Seen::Inside) => inside += 1,
                Ok(Seen::Invalid) => {}
                Err(why) => outside.push(format!("{text}\n  as {why}")),
            }
        }
    }
    println!("{read} texts, {accepted} accepted, {inside} planned inside");
    assert!(
        outside.is_empty(),
        "{} escape:\n{}",
        outside.len(),
        outside.join("\n")
    );
    assert!(accepted >= accepted_floor && inside >= inside_floor);
}

#[tokio::test]
async fn statements_of_a_grammar_stay_in_their_schema() {
    let mut lots = Lots::new(4);
    let texts = (0..3000).map(|_| {
        let depth = 1 + lots.below(3);
        Grammar::new(&mut lots, depth).statement()
    });
    let texts: Vec<_> = texts.collect();
    all_stay_inside(texts.into_iter(), 2000, 2000).await;
}

#[tokio::test]
async fn statements_of_the_corpus_stay_in_their_schema_however_they_are_changed() {
    let sources: Vec<_> = cases()
        .iter()
        .map(|case| case.statement.render("tenant"))
        .collect();
    let mut lots = Lots::new(5);
    let one = |lots: &mut Lots| {
        let at = lots.below(sources.len() as u64);
        // Half of them as they are written, half explicitly.
        let text = sources[usize::try_from(at).unwrap()].as_str();
        if lots.below(2) == 0 {
            text.replace("tenant.", "")
        } else {
            text.to_owned()
        }
    };
    let texts: Vec<_> = (0..8000)
        .map(|_| {
            let (source, other) = (one(&mut lots), one(&mut lots));
            mutated(&source, &other, &mut lots)
        })
        .collect();
    all_stay_inside(texts.into_iter(), 1200, 450).await;
}

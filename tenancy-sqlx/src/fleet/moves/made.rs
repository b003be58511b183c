//! What the shared migrations make in `public`, as far as their text says it.

use std::collections::BTreeMap;

use crate::lexer::{Lexer, Token};
use crate::migrate::MigrationSet;

/// Words between CREATE and the name of what is made.
const BETWEEN: &[&str] = &[
    "or",
    "replace",
    "unlogged",
    "unique",
    "materialized",
    "recursive",
    "foreign",
    "table",
    "view",
    "sequence",
    "function",
    "procedure",
    "aggregate",
    "type",
    "domain",
    "collation",
    "statistics",
    "if",
    "not",
    "exists",
];

/// The names of what `shared` makes without a schema or in `public`, with the file that does.
pub(super) fn by(shared: &MigrationSet) -> BTreeMap<String, String> {
    let mut made = BTreeMap::new();
    for migration in shared {
        for name in names(migration.sql()) {
            made.entry(name).or_insert_with(|| migration.file_name());
        }
    }
    made
}

fn names(sql: &str) -> Vec<String> {
    let mut lexer = Lexer::new(sql);
    let mut tokens = Vec::new();
    // What does not end was refused when the set was made.
    while let Ok(Some(token)) = lexer.next() {
        tokens.push(token);
    }
    let mut names = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if !matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("create")) {
            continue;
        }
        let mut rest = tokens[at + 1..].iter().skip_while(|token| match token {
            Token::Word(word) => BETWEEN.contains(&word.to_ascii_lowercase().as_str()),
            _ => false,
        });
        let first = rest.next().and_then(name);
        match (first, rest.next()) {
            (Some(schema), Some(Token::Symbol('.'))) if schema == "public" => {
                names.extend(rest.next().and_then(name));
            }
            // It is made elsewhere.
            (Some(_), Some(Token::Symbol('.'))) | (None, _) => {}
            (Some(name), _) => names.push(name),
        }
    }
    names
}

/// A name as PostgreSQL keeps it.
fn name(token: &Token<'_>) -> Option<String> {
    match token {
        Token::Word(word) => Some(word.to_lowercase()),
        Token::Quoted(name) => Some(name.replace("\"\"", "\"")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_migration_makes_in_public_is_found_and_nothing_else() {
        let sql =
            "CREATE TABLE Plans (id int); create unlogged table if not exists public.\"Rates\"();
            CREATE TABLE shared.countries (id int); -- CREATE TABLE no
            CREATE OR REPLACE FUNCTION now_utc() RETURNS void LANGUAGE sql AS 'CREATE TABLE t ()';
            INSERT INTO plans VALUES ('create table x')";
        assert_eq!(names(sql), ["plans", "Rates", "now_utc"]);
    }
}

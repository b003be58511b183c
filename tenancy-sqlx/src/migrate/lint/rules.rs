//! What is looked for in a statement.

use super::super::statements::Statement;
use super::{LintCode, LintSide};
use crate::lexer::Token;
use crate::search_path;

/// What is found in `statement`; `made` are the tables that its file has made before.
pub(super) fn look(
    statement: &Statement<'_>,
    side: LintSide,
    made: &[String],
) -> Vec<(LintCode, String)> {
    let mut found = Vec::new();
    match statement.word(0).as_str() {
        "CREATE" => {
            let mut at = 1;
            while matches!(
                &*statement.word(at),
                "OR" | "REPLACE"
                    | "TEMP"
                    | "TEMPORARY"
                    | "UNLOGGED"
                    | "UNIQUE"
                    | "MATERIALIZED"
                    | "RECURSIVE"
            ) {
                at += 1;
            }
            match statement.word(at).as_str() {
                "TYPE" | "DOMAIN" if side == LintSide::Tenant => found.push((
                    LintCode::TypePerSchema,
                    "every tenant gets a type of its own, which connections remember by name"
                        .to_owned(),
                )),
                "FUNCTION" | "PROCEDURE" => routine(statement, at, &mut found),
                "VIEW" if has_star(statement) => found.push((
                    LintCode::ViewStar,
                    format!(
                        "view {} keeps the columns of today",
                        named(statement, at + 1)
                    ),
                )),
                "INDEX" => index(statement, at, made, &mut found),
                _ => {}
            }
        }
        "ALTER" if statement.word(1) == "TABLE" => column(statement, made, &mut found),
        _ => {}
    }
    found
}

fn routine(statement: &Statement<'_>, at: usize, found: &mut Vec<(LintCode, String)>) {
    let name = named(statement, at + 1);
    let words = || (at..statement.tokens.len()).map(|at| statement.word(at));
    let is_path = |at: usize| match statement.tokens.get(at).map(|placed| placed.token) {
        Some(Token::Word(word)) => word.eq_ignore_ascii_case(search_path::NAME),
        Some(Token::Quoted(name)) => name == search_path::NAME,
        _ => false,
    };
    let pinned =
        (at..statement.tokens.len()).any(|at| statement.word(at) == "SET" && is_path(at + 1));
    // These are bound to what their names led to when they were made.
    let bound = statement.find(&["BEGIN", "ATOMIC"]).is_some() || words().any(|w| w == "RETURN");
    let nameless = ["C", "INTERNAL"]
        .iter()
        .any(|language| statement.find(&["LANGUAGE", language]).is_some());
    if !(pinned || bound || nameless) {
        found.push((
            LintCode::RoutineUnpinned,
            format!("routine {name} looks for its names wherever its caller does"),
        ));
    }
    if statement.find(&["SECURITY", "DEFINER"]).is_some() {
        found.push((
            LintCode::SecurityDefiner,
            format!("routine {name} does for everybody what its owner may"),
        ));
    }
}

/// Whether a list of columns has a star; that of `count(*)` follows a parenthesis, and that of
/// `EXISTS (SELECT * …)` is no column of anything.
fn has_star(statement: &Statement<'_>) -> bool {
    (1..statement.tokens.len()).any(|at| {
        let before = statement.word(at - 1);
        let asks = at > 2 && statement.is(at - 2, '(') && statement.word(at - 3) == "EXISTS";
        let lists = matches!(&*before, "SELECT" | "DISTINCT" | "ALL") && !asks;
        statement.is(at, '*') && (lists || statement.is(at - 1, ',') || statement.is(at - 1, '.'))
    })
}

fn index(
    statement: &Statement<'_>,
    at: usize,
    made: &[String],
    found: &mut Vec<(LintCode, String)>,
) {
    let on = statement.find(&["ON"]);
    let only = on.map(|on| on + 1 + usize::from(statement.word(on + 1) == "ONLY"));
    let table = only.and_then(|at| statement.name(at));
    let Some((table, _)) = table else { return };
    if statement.word(at + 1) == "CONCURRENTLY" || made.contains(&table) {
        return;
    }
    found.push((
        LintCode::IndexLocksWrites,
        format!("nobody can write to {table} while the index is built"),
    ));
}

fn column(statement: &Statement<'_>, made: &[String], found: &mut Vec<(LintCode, String)>) {
    let mut at = 2;
    while matches!(&*statement.word(at), "IF" | "EXISTS" | "ONLY") {
        at += 1;
    }
    let Some((table, mut at)) = statement.name(at) else {
        return;
    };
    if made.contains(&table) {
        return;
    }
    // Each clause up to its comma.
    while at < statement.tokens.len() {
        let begin = at;
        let mut depth = 0_usize;
        while at < statement.tokens.len() && !(depth == 0 && statement.is(at, ',')) {
            match statement.tokens[at].token {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        let has = |words: &[&str]| (begin..at).any(|at| statement.reads(at, words));
        let adds = statement.word(begin) == "ADD"
            && !matches!(
                &*statement.word(begin + 1),
                "CONSTRAINT" | "CHECK" | "UNIQUE" | "PRIMARY" | "FOREIGN" | "EXCLUDE"
            );
        let filled = ["DEFAULT", "GENERATED", "SERIAL", "BIGSERIAL", "SMALLSERIAL"]
            .iter()
            .any(|word| has(&[word]));
        if adds && has(&["NOT", "NULL"]) && !filled {
            found.push((
                LintCode::NotNullWithoutDefault,
                format!("a column of {table} has no value for the rows that are there"),
            ));
        }
        at += 1;
    }
}

/// The table that a statement makes.
pub(super) fn made_table(statement: &Statement<'_>) -> Option<String> {
    let at = statement.find(&["TABLE"])?;
    if statement.word(0) != "CREATE" || at > 3 {
        return None;
    }
    let mut at = at + 1;
    while matches!(&*statement.word(at), "IF" | "NOT" | "EXISTS") {
        at += 1;
    }
    Some(statement.name(at)?.0)
}

fn named(statement: &Statement<'_>, mut at: usize) -> String {
    while matches!(&*statement.word(at), "IF" | "NOT" | "EXISTS") {
        at += 1;
    }
    statement
        .name(at)
        .map_or_else(String::new, |(name, _)| name)
}

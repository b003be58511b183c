//! What SQL of others may not do in a transaction of ours.

use tenancy_core::sabotaged;

use crate::error::{Error, ErrorKind};
use crate::lexer::{Lexer, Token};

/// Statements that would end the transaction, outlive it, or leave its tenant, by their first
/// word; each with what to do instead.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &["begin", "start", "commit", "end", "rollback", "abort"],
        "use the methods of the transaction",
    ),
    (
        &["savepoint", "release"],
        "use `begin` of the transaction, and `commit` or `rollback` of what it gives",
    ),
    (
        &["set", "reset", "discard", "load"],
        "give the login its settings with ALTER ROLE",
    ),
    (
        &["listen", "unlisten"],
        "subscribe on a connection of its own",
    ),
    (
        &["prepare", "execute", "deallocate"],
        "bind values, the driver prepares",
    ),
    (&["copy"], "use `copy_in` or `copy_out` of a `TenantTx`"),
];

/// Functions that change the session, with what to do instead.
const SESSION: &[(&[&str], &str)] = &[
    (
        &["set_config"],
        "give the login its settings with ALTER ROLE",
    ),
    (
        &[
            "pg_advisory_lock",
            "pg_advisory_lock_shared",
            "pg_try_advisory_lock",
            "pg_try_advisory_lock_shared",
        ],
        "take the lock that ends with the transaction, pg_advisory_xact_lock",
    ),
];

/// Schemas that are reached by other doors, with which.
const CLOSED: &[(&str, &str)] = &[
    (
        "tenancy",
        "it is the framework's: use `append` of the transaction",
    ),
    (
        "public",
        "it is not the tenant's: use `Database::shared` and `shared_sql!`",
    ),
];

/// What a text does, as far as its words say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Writes,
}

/// Refuses a text that would end the transaction, change the session, or name a schema that is
/// nobody's business here.
///
/// It guards against mistakes: what a function does with text of its own is not seen. That the
/// path is still the tenant's is proved before the commit, whatever was run.
pub(crate) fn check(sql: &str) -> Result<Effect, Error> {
    // On the wire a text ends there, and what follows would be taken for something else.
    if sql.contains('\0') {
        return Err(refused("a text with a zero byte", "remove it"));
    }
    let tokens = read(sql)?;
    let first = tokens.iter().position(|token| *token != Token::Symbol(';'));
    if let Some(Token::Word(word)) = first.and_then(|first| tokens.get(first))
        && let Some(instead) = find(REFUSED, word)
        && !sabotaged!("transaction.set-let-through")
    {
        return Err(refused(&word.to_uppercase(), instead));
    }
    let mut ended = false;
    for (place, token) in tokens.iter().enumerate() {
        if *token == Token::Symbol(';') {
            ended = first.is_some_and(|first| place > first);
            continue;
        }
        if ended && !sabotaged!("transaction.several-statements") {
            return Err(refused(
                "several statements in one text",
                "send one at a time",
            ));
        }
        let next = |symbol| tokens.get(place + 1) == Some(&Token::Symbol(symbol));
        if let Token::Word("U" | "u") = token
            && next('&')
            && let Some(Token::Quoted(_)) = tokens.get(place + 2)
        {
            return Err(refused("a name in Unicode escapes", "write its characters"));
        }
        let Some(name) = name(token) else { continue };
        if next('(')
            && let Some(instead) = find(SESSION, &name)
            && !sabotaged!("transaction.session-function")
        {
            return Err(refused(&name, instead));
        }
        let starts = place == 0 || tokens[place - 1] != Token::Symbol('.');
        if !(starts && next('.')) {
            continue;
        }
        if let Some((schema, instead)) = CLOSED.iter().find(|(schema, _)| name == *schema)
            && !sabotaged!("transaction.closed-schema-named")
        {
            return Err(refused(&format!("schema {schema}"), instead));
        }
        if name == "shared" && is_target(&tokens[..place]) {
            return Err(refused(
                "writing in schema shared",
                "tenants only read there: use `Database::shared` and `shared_sql!`",
            ));
        }
    }
    Ok(effect(&tokens))
}

fn effect(tokens: &[Token<'_>]) -> Effect {
    let mut words = tokens.iter().filter_map(|token| match token {
        Token::Word(word) => Some(word.to_ascii_lowercase()),
        _ => None,
    });
    let changes = |word: &str| matches!(word, "insert" | "update" | "delete" | "merge");
    let writes = match words.next().as_deref() {
        Some("with") => words.any(|word| changes(&word)),
        Some(first) => changes(first) || matches!(first, "call" | "do" | "truncate"),
        None => false,
    };
    if writes {
        Effect::Writes
    } else {
        Effect::Reads
    }
}

fn read(sql: &str) -> Result<Vec<Token<'_>>, Error> {
    let mut lexer = Lexer::new(sql);
    let mut tokens = Vec::new();
    loop {
        match lexer.next() {
            Ok(Some(token)) => tokens.push(token),
            Ok(None) => return Ok(tokens),
            Err(_) => {
                return Err(refused("a quote or comment without an end", "close it"));
            }
        }
    }
}

/// A name as PostgreSQL stores it.
fn name(token: &Token<'_>) -> Option<String> {
    match token {
        Token::Word(word) => Some(word.to_ascii_lowercase()),
        Token::Quoted(name) => Some(name.replace("\"\"", "\"")),
        _ => None,
    }
}

/// Whether what stands before a table's name makes it the target of a write.
fn is_target(before: &[Token<'_>]) -> bool {
    let word = |back: usize| match before.len().checked_sub(back).map(|at| &before[at]) {
        Some(Token::Word(word)) => word.to_ascii_lowercase(),
        _ => String::new(),
    };
    let back = if word(1) == "only" { 2 } else { 1 };
    match word(back).as_str() {
        // After `FOR UPDATE`, `ON UPDATE` or `DO UPDATE` no table's name comes.
        "into" | "update" | "truncate" => true,
        "from" => word(back + 1) == "delete",
        "table" => matches!(word(back + 1).as_str(), "truncate" | "lock"),
        _ => false,
    }
}

fn find(lists: &[(&[&str], &'static str)], word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let found = lists.iter().find(|(words, _)| words.contains(&&*word));
    found.map(|(_, instead)| *instead)
}

fn refused(what: &str, instead: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("{what} is not for a scoped transaction: {instead}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_in_the_transaction_is_let_through() {
        for sql in [
            "SELECT id FROM blogs",
            "SELECT ';', 'tenancy.outbox', $$; COMMIT$$ FROM blogs -- ; COMMIT",
            "SELECT id FROM blogs; ",
            "/* SET x = 1; */ UPDATE blogs SET title = 'x' WHERE id = 1",
            "INSERT INTO blogs (title) VALUES ('a') ON CONFLICT DO UPDATE SET title = 'b'",
            "SELECT b.public, b.set FROM blogs b",
            "SELECT name FROM shared.plans FOR UPDATE",
            "DELETE FROM blogs USING shared.plans p WHERE p.id = blogs.plan",
            "SELECT pg_advisory_xact_lock(1)",
            "CALL close_year(2026)",
            "SELECT U&'d\\0061t', u & 1 FROM blogs",
            "WITH new AS (INSERT INTO a (x) SELECT y FROM shared.plans RETURNING x) SELECT x FROM new",
            "",
        ] {
            assert!(check(sql).is_ok(), "{sql}: {:?}", check(sql));
        }
    }

    #[test]
    fn what_a_commit_would_keep_is_told_from_what_it_would_not() {
        for (sql, wanted) in [
            ("SELECT id FROM blogs", Effect::Reads),
            ("WITH a AS (SELECT 1) SELECT 1", Effect::Reads),
            ("-- INSERT\nSHOW search_path", Effect::Reads),
            ("update blogs SET id = 1", Effect::Writes),
            (
                "WITH a AS (DELETE FROM b RETURNING id) SELECT id FROM a",
                Effect::Writes,
            ),
            ("CALL f()", Effect::Writes),
        ] {
            assert_eq!(check(sql).unwrap(), wanted, "{sql}");
        }
    }

    #[test]
    fn what_would_leave_the_transaction_or_the_tenant_is_refused() {
        for sql in [
            "COMMIT",
            ";; commit",
            "/* a */ ROLLBACK AND CHAIN",
            "end",
            "SAVEPOINT a",
            "RELEASE a",
            "SET search_path = other",
            "set local role other",
            "RESET ALL",
            "DISCARD ALL",
            "LISTEN news",
            "PREPARE a AS SELECT 1",
            "EXECUTE a",
            "COPY blogs TO STDOUT",
            "SELECT 1; SELECT 2",
            "SELECT 1;;SELECT 2",
            "SELECT set_config('search_path', 'x', false)",
            "SELECT pg_catalog.\"set_config\" ('a', 'b', false)",
            "SELECT pg_advisory_lock(1)",
            "SELECT id FROM public.users",
            "SELECT id FROM \"public\" . users",
            "INSERT INTO tenancy.outbox (id) VALUES (1)",
            "UPDATE shared.plans SET price = 0",
            "UPDATE ONLY shared.plans SET price = 0",
            "INSERT INTO shared.plans (id) VALUES (1)",
            "DELETE FROM shared.plans",
            "TRUNCATE shared.plans",
            "MERGE INTO shared.plans p USING x ON true WHEN MATCHED THEN DELETE",
            "SELECT 1\0",
            "SELECT id FROM U&\"\\0070ublic\".users",
            "SELECT 1 -- a\r; COMMIT",
            "SELECT E'a'\r'\\''; COMMIT; --'",
            "SELECT E'a' -- a\n '\\''; COMMIT; --'",
            "SELECT 'never ends",
            "SELECT /* never ends",
        ] {
            let error = check(sql).expect_err(sql);
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(": "), "{error}");
        }
    }
}

//! What a migration may not say: it runs in a transaction, on a path and in a session that are
//! not its own.

use crate::lexer::{Lexer, Token};

/// Settings that are harmless until the transaction ends.
const LOCAL_SETTINGS: &[&str] = &[
    "check_function_bodies",
    "client_min_messages",
    "lock_timeout",
    "maintenance_work_mem",
    "statement_timeout",
    "work_mem",
];

/// A line of a migration and why it is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) line: usize,
    pub(super) reason: String,
}

/// Refuses what would end the transaction, leave the tenant's schema or change the session.
pub(super) fn check(sql: &str) -> Result<(), Refusal> {
    let mut lexer = Lexer::new(sql);
    let mut statement = Statement::default();
    loop {
        let token = lexer.next().map_err(|_| Refusal {
            line: lexer.line(),
            reason: "a quote or comment does not end".into(),
        })?;
        let Some(token) = token else { break };
        let line = lexer.line();
        let refuse = |reason: String| Refusal { line, reason };
        match token {
            Token::Symbol(';') if statement.is_complete() => {
                statement.verdict().map_err(refuse)?;
                statement = Statement::default();
            }
            Token::Symbol('\\') => {
                return Err(refuse(
                    "a backslash is a command of psql: keep SQL only".into(),
                ));
            }
            Token::Symbol('\0') => return Err(refuse("it has a NUL character".into())),
            token => statement.take(token).map_err(refuse)?,
        }
    }
    statement.verdict().map_err(|reason| Refusal {
        line: lexer.line(),
        reason,
    })
}

/// Refuses a text that does not end, or that no server reads.
pub(super) fn check_quotes(sql: &str) -> Result<(), Refusal> {
    let mut lexer = Lexer::new(sql);
    loop {
        let reason = match lexer.next() {
            Ok(None) => return Ok(()),
            Ok(Some(Token::Symbol('\\' | '\0'))) => "a character is no SQL: remove it",
            Ok(Some(_)) => continue,
            Err(_) => "a quote or comment does not end",
        };
        return Err(Refusal {
            line: lexer.line(),
            reason: reason.into(),
        });
    }
}

/// What is remembered of the statement that is being read.
#[derive(Debug, Default)]
struct Statement {
    /// Its first words, upper case.
    words: Vec<String>,
    parens: usize,
    /// How many `BEGIN ATOMIC` and `CASE` are open in a routine's SQL body.
    blocks: usize,
    previous: String,
    /// Whether the last name was one that changes settings when called.
    sets_config: bool,
    concurrently: bool,
}

impl Statement {
    /// Whether a semicolon here would end it.
    fn is_complete(&self) -> bool {
        self.parens == 0 && self.blocks == 0
    }

    fn take(&mut self, token: Token<'_>) -> Result<(), String> {
        let sets_config = std::mem::take(&mut self.sets_config);
        match token {
            Token::Word(word) => self.word(word.to_ascii_uppercase()),
            Token::Quoted(name) => {
                self.sets_config = name == "set_config";
                self.remember(name);
            }
            Token::Text => self.remember("'"),
            Token::Symbol(symbol) => {
                match symbol {
                    '(' if sets_config => {
                        return Err("set_config changes a setting: use SET LOCAL".into());
                    }
                    '(' => self.parens += 1,
                    ')' => self.parens = self.parens.saturating_sub(1),
                    _ => {}
                }
                self.remember("");
            }
        }
        Ok(())
    }

    fn word(&mut self, word: String) {
        self.sets_config = word == "SET_CONFIG";
        self.concurrently |= word == "CONCURRENTLY";
        let opens = word == "ATOMIC" && self.previous == "BEGIN" && self.makes_routine();
        if opens || (self.blocks > 0 && word == "CASE") {
            self.blocks += 1;
        } else if self.blocks > 0 && word == "END" {
            self.blocks -= 1;
        }
        self.remember(&word);
    }

    fn remember(&mut self, word: &str) {
        if self.words.len() < 4 && !word.is_empty() {
            self.words.push(word.to_owned());
        }
        word.clone_into(&mut self.previous);
    }

    fn makes_routine(&self) -> bool {
        self.first() == "CREATE"
            && self
                .words
                .iter()
                .any(|word| word == "FUNCTION" || word == "PROCEDURE")
    }

    fn first(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    fn second(&self) -> &str {
        self.words.get(1).map_or("", String::as_str)
    }

    fn verdict(&self) -> Result<(), String> {
        let first = self.first();
        match first {
            "BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "SAVEPOINT"
            | "RELEASE" | "PREPARE" => Err(format!(
                "{first} controls the transaction: remove it, a migration runs in one of its own"
            )),
            "SET" => self.setting(),
            "RESET" | "DISCARD" | "LISTEN" | "UNLISTEN" | "LOAD" | "DEALLOCATE" => Err(format!(
                "{first} changes the session, which outlives the migration: remove it"
            )),
            "COPY" => Err("COPY needs data beside the file: use INSERT".into()),
            "VACUUM" => Err(
                "VACUUM cannot run in a transaction: put it into a file of its own whose \
                 first line is `-- no-transaction`"
                    .into(),
            ),
            "CREATE" | "DROP" | "REINDEX" | "REFRESH" if self.concurrently => {
                // REFRESH MATERIALIZED VIEW CONCURRENTLY is the one that may.
                if first == "REFRESH" {
                    return Ok(());
                }
                Err(
                    "CONCURRENTLY cannot run in a transaction: leave the word out, or put the \
                     statement into a file of its own whose first line is `-- no-transaction`"
                        .into(),
                )
            }
            _ => Ok(()),
        }
    }

    fn setting(&self) -> Result<(), String> {
        if self.second() == "CONSTRAINTS" {
            return Ok(());
        }
        let name = self.words.get(2).map(|word| word.to_ascii_lowercase());
        let allowed = self.second() == "LOCAL"
            && name.is_some_and(|name| LOCAL_SETTINGS.contains(&name.as_str()));
        if allowed {
            return Ok(());
        }
        Err(format!(
            "SET changes what the runner relies on: only SET LOCAL of {} may stand here",
            LOCAL_SETTINGS.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The setting whose name only one file of this crate spells out.
    const PATH: &str = concat!("search", "_path");

    #[test]
    fn transaction_and_session_control_is_refused_wherever_it_stands() {
        for sql in [
            "BEGIN",
            "create table a (b int); commit;",
            "CREATE TABLE a (b int);\n/* x */ -- y\n Rollback",
            "SELECT 'a;b'; END",
            "SAVEPOINT a",
            "RELEASE a",
            "ABORT",
            "START TRANSACTION",
            "PREPARE TRANSACTION 'x'",
            "SET {path} TO other",
            "SET LOCAL {path} TO other",
            "set session authorization x",
            "SET ROLE x",
            "SET LOCAL ROLE x",
            "RESET ALL",
            "DISCARD ALL",
            "SELECT pg_catalog.set_config('{path}', 'other', false)",
            "SELECT \"set_config\" ('{path}', 'other', false)",
            "COPY a FROM STDIN",
            "\\connect other",
            "CREATE INDEX CONCURRENTLY i ON a (b)",
            "SELECT 'open",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; COMMIT",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$; COMMIT",
        ] {
            let sql = sql.replace("{path}", PATH);
            assert!(check(&sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn words_inside_bodies_strings_and_clauses_are_not_statements() {
        for sql in [
            "",
            " -- nothing\n",
            "CREATE TABLE a (b int);",
            "DO $$ BEGIN PERFORM 1; END $$",
            "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql SET {path} FROM CURRENT AS $x$ BEGIN RETURN 1; END $x$;",
            "CREATE OR REPLACE FUNCTION f(a int) RETURNS int BEGIN ATOMIC SELECT CASE WHEN a > 0 THEN 1 ELSE 2 END; SELECT 1; END; SELECT 1",
            "CREATE RULE r AS ON INSERT TO a DO ALSO (INSERT INTO b VALUES (1); INSERT INTO c VALUES (1))",
            "INSERT INTO a VALUES ('BEGIN; COMMIT'); UPDATE a SET b = 1",
            "SET LOCAL lock_timeout = '1s'; SET CONSTRAINTS ALL DEFERRED",
            "SELECT CASE WHEN true THEN 1 END",
            "COMMENT ON TABLE a IS 'set_config(x)'",
            "CREATE TABLE \"commit\" (\"set_config\" int)",
        ] {
            let sql = sql.replace("{path}", PATH);
            assert_eq!(check(&sql), Ok(()), "{sql}");
        }
    }

    #[test]
    fn a_refusal_names_the_line() {
        let refusal = check("SELECT 1;\nSELECT 2;\nCOMMIT;\n").unwrap_err();
        assert_eq!(refusal.line, 3);
        assert!(refusal.reason.contains("COMMIT"));
    }
}

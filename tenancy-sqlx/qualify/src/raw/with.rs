//! The names that WITH introduces.

use super::{Checked, Raw};
use crate::Refusal;
use crate::lex::{Class, Token};
use crate::names::{is_reserved, is_schema};

/// What may follow the queries of WITH, besides a parenthesis.
const VERBS: &[&str] = &["select", "values", "insert", "update", "delete", "merge"];

impl Raw<'_, '_> {
    /// Reads the names of one WITH; `WITH ORDINALITY`, `WITH TIES` and `WITH TIME ZONE` have none.
    ///
    /// A name is in sight until the parenthesis around the WITH closes: with RECURSIVE from the
    /// beginning, otherwise from the end of its own query.
    pub(super) fn with_clause(&mut self, with: usize) -> Checked {
        let recursive = self.word(with + 1, "recursive") && self.cte_at(with + 1)?.is_none();
        let mut at = with + 1 + usize::from(recursive);
        let Some(mut cte) = self.cte_at(at)? else {
            let known = ["ordinality", "ties", "time"];
            return if !recursive && known.iter().any(|word| self.word(at, word)) {
                Ok(())
            } else {
                self.refuse(at, "this WITH is not understood", "write WITH name AS (…)")
            };
        };
        let end = self.end_of_query(with);
        loop {
            let (body, columns) = cte;
            let name = self.introduced_at(at)?;
            if columns {
                self.introduced.insert(at);
            }
            let closing = self.closing(body)?;
            let from = if recursive { with } else { closing };
            self.ctes.push((name, from..end));
            at = self.search_and_cycle(closing + 1)?;
            if !self.mark(at, b',') {
                break;
            }
            at += 1;
            cte = match self.cte_at(at)? {
                Some(cte) => cte,
                None => return self.refuse(at, "this is no CTE", "write name AS (…)"),
            };
        }
        if !self.mark(at, b'(') && !VERBS.iter().any(|verb| self.word(at, verb)) {
            return self.refuse(
                at,
                "a statement is expected after WITH",
                "write SELECT, VALUES, INSERT, UPDATE, DELETE or MERGE",
            );
        }
        self.verbs.insert(at);
        Ok(())
    }

    /// Where the parenthesis around the given token closes, or the end of the text.
    fn end_of_query(&self, from: usize) -> usize {
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate().skip(from) {
            match token.class {
                Class::Mark(b'(') => depth += 1,
                Class::Mark(b')') if depth == 0 => return at,
                Class::Mark(b')') => depth -= 1,
                _ => {}
            }
        }
        self.tokens.len()
    }

    /// The opening parenthesis of the query of a CTE whose name is here, and whether it has a
    /// list of columns.
    fn cte_at(&self, name: usize) -> Result<Option<(usize, bool)>, Refusal> {
        if !self.tokens.get(name).is_some_and(Token::is_name) {
            return Ok(None);
        }
        let columns = self.mark(name + 1, b'(');
        let mut at = if columns {
            self.closing(name + 1)? + 1
        } else {
            name + 1
        };
        if !self.word(at, "as") {
            return Ok(None);
        }
        at += 1;
        if self.word(at, "not") && self.word(at + 1, "materialized") {
            at += 1;
        }
        if self.word(at, "materialized") {
            at += 1;
        }
        Ok(self.mark(at, b'(').then_some((at, columns)))
    }

    /// Reads `SEARCH DEPTH FIRST BY a, b SET c` and `CYCLE a, b SET c TO 1 DEFAULT 0 USING d`
    /// exactly, and answers where they end.
    fn search_and_cycle(&mut self, from: usize) -> Result<usize, Refusal> {
        let mut at = from;
        if self.word(at, "search") {
            if !self.word(at + 1, "depth") && !self.word(at + 1, "breadth") {
                return self.not_read(at + 1);
            }
            at = self.expected(at + 2, "first")?;
            at = self.expected(at, "by")?;
            at = self.plain_names(at)?;
            at = self.expected(at, "set")?;
            at = self.plain_name(at)?;
        }
        if self.word(at, "cycle") {
            at = self.plain_names(at + 1)?;
            at = self.expected(at, "set")?;
            at = self.plain_name(at)?;
            if self.word(at, "to") {
                at = self.plain_value(at + 1)?;
                at = self.expected(at, "default")?;
                at = self.plain_value(at)?;
            }
            at = self.expected(at, "using")?;
            at = self.plain_name(at)?;
        }
        self.skipped.extend(from..at);
        Ok(at)
    }

    fn expected(&self, at: usize, word: &str) -> Result<usize, Refusal> {
        if self.word(at, word) {
            Ok(at + 1)
        } else {
            self.not_read(at)
        }
    }

    fn plain_names(&self, from: usize) -> Result<usize, Refusal> {
        let mut at = self.plain_name(from)?;
        while self.mark(at, b',') {
            at = self.plain_name(at + 1)?;
        }
        Ok(at)
    }

    fn plain_name(&self, at: usize) -> Result<usize, Refusal> {
        match self.tokens.get(at) {
            Some(token) if token.class == Class::Quoted => Ok(at + 1),
            Some(token) if token.class == Class::Word && !is_reserved(token.text) => Ok(at + 1),
            _ => self.not_read(at),
        }
    }

    fn plain_value(&self, at: usize) -> Result<usize, Refusal> {
        let is_value = |token: &Token<'_>| matches!(token.class, Class::Text | Class::Number);
        let words = ["true", "false", "null"];
        if self.tokens.get(at).is_some_and(is_value) || words.iter().any(|w| self.word(at, w)) {
            Ok(at + 1)
        } else {
            self.not_read(at)
        }
    }

    fn not_read<T>(&self, at: usize) -> Result<T, Refusal> {
        self.refuse(
            at,
            "this may not stand in SEARCH or CYCLE",
            "write names and plain values only",
        )
    }

    /// The name of a table, a function or a query that the statement introduces here.
    pub(super) fn introduced_at(&self, at: usize) -> Result<String, Refusal> {
        let Some(token) = self.tokens.get(at).filter(|token| token.is_name()) else {
            return self.refuse(at, "a name is expected here", "write an alias");
        };
        let name = token.name();
        // Where it is out of sight, such a name would be a schema or a table of PostgreSQL.
        if is_schema(&name) {
            return self.refuse(
                at,
                format!("an alias may not be called {name}"),
                "rename it",
            );
        }
        if token.class == Class::Word
            && (is_reserved(token.text) || super::words::STRUCTURE.binary_search(&&*name).is_ok())
        {
            return self.refuse(
                at,
                format!("{name} is a word of SQL, not an alias"),
                "choose another name, or quote it",
            );
        }
        Ok(name)
    }
}

//! The names that WITH introduces.

use super::{Checked, Raw};
use crate::lex::{Class, Token};
use crate::names::{CATALOG, EXTENSIONS, SHARED, TENANT};

impl Raw<'_, '_> {
    /// Reads the names of one WITH; `WITH ORDINALITY`, `WITH TIES` and `WITH TIME ZONE` have none.
    pub(super) fn with_clause(&mut self, with: usize) -> Checked {
        let mut at = with + 1;
        if self.word(at, "recursive") {
            at += 1;
        }
        while let Some((body, columns)) = self.cte_at(at)? {
            let name = self.tokens.get(at).map(Token::name).unwrap_or_default();
            let taken = [TENANT, SHARED, EXTENSIONS, CATALOG].contains(&name.as_str());
            // Out of its scope such a name would be a table of PostgreSQL.
            if taken || name.starts_with("pg_") {
                return self.refuse(at, format!("a CTE may not be called {name}"), "rename it");
            }
            self.ctes.push(name);
            if columns {
                self.introduced.insert(at);
            }
            let after = self.search_and_cycle(self.closing(body)? + 1)?;
            if !self.mark(after, b',') {
                break;
            }
            at = after + 1;
        }
        Ok(())
    }

    /// The opening parenthesis of the query of a CTE whose name is here, and whether it has a
    /// list of columns.
    fn cte_at(&self, name: usize) -> Result<Option<(usize, bool)>, crate::Refusal> {
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

    /// Passes over SEARCH and CYCLE, which hold names, commas and values only.
    fn search_and_cycle(&mut self, from: usize) -> Result<usize, crate::Refusal> {
        const VERBS: &[&str] = &[
            "select", "insert", "update", "delete", "merge", "values", "with",
        ];
        let mut at = from;
        if !self.word(at, "search") && !self.word(at, "cycle") {
            return Ok(at);
        }
        while let Some(token) = self.tokens.get(at) {
            let next = self.mark(at, b',') && self.cte_at(at + 1)?.is_some();
            if next || VERBS.iter().any(|verb| self.word(at, verb)) || self.mark(at, b'(') {
                break;
            }
            match token.class {
                Class::Word | Class::Quoted | Class::Text | Class::Number | Class::Mark(b',') => {}
                _ => {
                    return self.refuse(
                        at,
                        "this may not stand in SEARCH or CYCLE",
                        "write names and plain values only",
                    );
                }
            }
            self.skipped.insert(at);
            at += 1;
        }
        Ok(at)
    }
}

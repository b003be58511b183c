//! Where tables stand.

use super::{Checked, Raw};
use crate::Refusal;
use crate::lex::{Class, Token};
use crate::names::{CATALOG, EXTENSIONS, SHARED, TENANT, is_reserved};

impl Raw<'_, '_> {
    /// What stands where a table is expected.
    pub(super) fn table_expected(&mut self, mut at: usize) -> Checked {
        while self.word(at, "lateral") || self.word(at, "only") {
            at += 1;
        }
        if self.mark(at, b'(') {
            let query = ["select", "with", "values"]
                .iter()
                .any(|word| self.word(at + 1, word));
            return if query {
                Ok(())
            } else {
                self.table_expected(at + 1)
            };
        }
        if self.word(at, "rows") && self.word(at + 1, "from") && self.mark(at + 2, b'(') {
            self.skipped.extend([at, at + 1]);
            let name = "rows".to_owned();
            return self.function_alias(name, at + 2);
        }
        let Some(token) = self.tokens.get(at).copied().filter(Token::is_name) else {
            return self.no_table(at);
        };
        let name = token.name();
        if !self.mark(at + 1, b'.') {
            if self.mark(at + 1, b'(') {
                return self.function_alias(name, at + 1);
            }
            return if self.ctes.contains(&name) {
                Ok(())
            } else {
                self.no_table(at)
            };
        }
        let called = self.mark(at + 3, b'(');
        match (name.as_str(), called) {
            (TENANT | SHARED, false) => {
                self.relations.insert(at);
                Ok(())
            }
            (TENANT | EXTENSIONS | CATALOG, true) => {
                let function = self.tokens.get(at + 2).map(Token::name).unwrap_or_default();
                self.function_alias(function, at + 3)
            }
            _ => self.no_table(at),
        }
    }

    /// A table that is written to.
    pub(super) fn target(&mut self, mut at: usize) -> Checked {
        if self.word(at, "only") {
            at += 1;
        }
        let own = self
            .tokens
            .get(at)
            .is_some_and(|token| token.is_name() && token.name() == TENANT);
        if own && self.mark(at + 1, b'.') {
            self.relations.insert(at);
            return Ok(());
        }
        self.refuse(
            at,
            "only the tenant's own tables are changed",
            "write tenant. before the table",
        )
    }

    pub(super) fn no_table<T>(&self, at: usize) -> Result<T, Refusal> {
        self.refuse(
            at,
            "this is no table of the tenant",
            "write tenant.x, shared.x, the name of a CTE or a subquery",
        )
    }

    pub(super) fn insert_columns(&self, at: usize) -> Checked {
        let listed = self.word(at, "as")
            || self.word(at, "default")
            || (self.mark(at, b'(') && !self.word(at + 1, "select") && !self.word(at + 1, "with"));
        if listed {
            return Ok(());
        }
        self.refuse(
            at,
            "INSERT without columns breaks when a column is added",
            "list the columns after the table, after AS when there is an alias",
        )
    }

    /// `JOIN … USING (a, b)`, or a query after DELETE's or MERGE's USING.
    pub(super) fn using_parentheses(&self, open: usize) -> Checked {
        if ["select", "with", "values"]
            .iter()
            .any(|word| self.word(open + 1, word))
        {
            return Ok(());
        }
        let close = self.closing(open)?;
        let plain = (open + 1..close).all(|at| {
            self.tokens[at].is_name() || (self.mark(at, b',') && !self.mark(at + 1, b')'))
        });
        if plain {
            Ok(())
        } else {
            self.no_table(open + 1)
        }
    }

    /// Remembers the alias of a function in FROM whose arguments open at the given token.
    pub(super) fn function_alias(&mut self, function: String, open: usize) -> Checked {
        let mut at = self.closing(open)? + 1;
        if self.word(at, "with") && self.word(at + 1, "ordinality") {
            at += 2;
        }
        let explicit = self.word(at, "as");
        if explicit {
            at += 1;
        }
        let alias = self.tokens.get(at).filter(|token| {
            token.class == Class::Quoted || (token.class == Class::Word && !is_reserved(token.text))
        });
        let Some(alias) = alias.map(Token::name) else {
            let columns = vec![function.clone()];
            self.functions.push((function, columns));
            return Ok(());
        };
        let mut columns = vec![alias.clone()];
        if self.mark(at + 1, b'(') {
            self.introduced.insert(at);
            let close = self.closing(at + 1)?;
            let starts = |at: &usize| self.mark(at - 1, b'(') || self.mark(at - 1, b',');
            columns = (at + 2..close)
                .filter(starts)
                .map(|at| self.tokens[at].name())
                .collect();
        }
        self.functions.push((alias, columns));
        Ok(())
    }
}

//! Where tables stand.

use super::words::FOLLOWS_A_TABLE;
use super::{Checked, Raw};
use crate::Refusal;
use crate::allow;
use crate::lex::{Class, Token};
use crate::names::{CATALOG, EXTENSIONS, SHARED, TENANCY, is_reserved};
use crate::side::{Side, Use};

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
            if !query {
                self.table_expected(at + 1)?;
            }
            return self.rows_alias(self.closing(at)? + 1);
        }
        if self.word(at, "rows") && self.word(at + 1, "from") && self.mark(at + 2, b'(') {
            self.skipped.extend([at, at + 1]);
            return self.function_alias("", at + 2);
        }
        let Some(token) = self.tokens.get(at).copied().filter(Token::is_name) else {
            return self.no_table(at);
        };
        let name = token.name();
        if !self.mark(at + 1, b'.') {
            if self.mark(at + 1, b'(') {
                return self.function_alias(&name, at + 1);
            }
            // PostgreSQL takes such a word for a value, as in FROM current_date.
            let word = token.class == Class::Word && is_reserved(token.text);
            if word || !self.is_cte(&name, at) {
                return self.no_table(at);
            }
            self.names.insert(name);
            return self.rows_alias(at + 1);
        }
        let called = self.mark(at + 3, b'(');
        let second = self.tokens.get(at + 2).map(Token::name).unwrap_or_default();
        match name.as_str() {
            CATALOG if called => self.function_alias(&second, at + 3),
            EXTENSIONS if called => self.function_alias("", at + 3),
            schema if called => match self.side.function(schema) {
                Ok(_) => self.function_alias("", at + 3),
                Err((reason, help)) => self.refuse(at, reason, help),
            },
            schema => {
                self.relation(at, schema, &second, Use::Read)?;
                self.rows_alias(at + 3)
            }
        }
    }

    /// A table that is written to.
    pub(super) fn target(&mut self, mut at: usize) -> Checked {
        if self.word(at, "only") {
            at += 1;
        }
        let schema = self.tokens.get(at).filter(|token| token.is_name());
        let schema = schema.map(Token::name).unwrap_or_default();
        if schema.is_empty() || !self.mark(at + 1, b'.') {
            let (reason, help) = match self.side {
                Side::Tenant => (
                    "only the tenant's own tables are changed",
                    "write tenant. before the table",
                ),
                Side::Shared => (
                    "this table does not name its schema",
                    "write public. or shared. before the table",
                ),
            };
            return self.refuse(at, reason, help);
        }
        let table = self.tokens.get(at + 2).map(Token::name).unwrap_or_default();
        self.relation(at, &schema, &table, Use::Target)?;
        if self.mark(at + 3, b'(') {
            Ok(())
        } else {
            self.rows_alias(at + 3)
        }
    }

    /// A qualified table, by whose name columns may be qualified.
    fn relation(&mut self, at: usize, schema: &str, table: &str, purpose: Use) -> Checked {
        match self.side.table(schema, table, purpose) {
            Ok(owner) => {
                self.relations.insert(at, owner);
                self.names.insert(table.to_owned());
                Ok(())
            }
            Err((reason, help)) => {
                // Here a table's name never stands alone.
                let foreign = ![SHARED, TENANCY].contains(&schema);
                let help = if foreign {
                    self.side.before_a_table()
                } else {
                    help
                };
                self.refuse(at, reason, help)
            }
        }
    }

    pub(super) fn is_cte(&self, name: &str, at: usize) -> bool {
        let same =
            |(cte, sight): &(String, std::ops::Range<usize>)| cte == name && sight.contains(&at);
        self.ctes.iter().any(same)
    }

    pub(super) fn no_table<T>(&self, at: usize) -> Result<T, Refusal> {
        self.refuse(
            at,
            match self.side {
                Side::Tenant => "this is no table of the tenant",
                Side::Shared => "this is no table of the app",
            },
            self.side.before_a_table(),
        )
    }

    pub(super) fn insert_columns(&self, mut at: usize) -> Checked {
        if self.word(at, "as") {
            at += 2;
        }
        let query = ["select", "with", "values", "table"];
        let listed = self.word(at, "default")
            || (self.mark(at, b'(')
                && !self.mark(at + 1, b'(')
                && !query.iter().any(|word| self.word(at + 1, word)));
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
    pub(super) fn using_parentheses(&mut self, open: usize) -> Checked {
        let close = self.closing(open)?;
        if ["select", "with", "values"]
            .iter()
            .any(|word| self.word(open + 1, word))
        {
            return self.rows_alias(close + 1);
        }
        // Names of columns with commas between them; an alias of the columns may follow.
        let plain = (open + 1..close).all(|at| {
            if (at - open) % 2 == 1 {
                self.tokens[at].is_name()
            } else {
                self.mark(at, b',')
            }
        });
        if !plain || (close - open) % 2 == 1 {
            return self.no_table(open + 1);
        }
        if self.word(close + 1, "as") {
            return self.rows_alias(close + 1);
        }
        Ok(())
    }

    /// Where the alias is that may follow a table, and whether there is one.
    fn alias_at(&self, at: usize) -> Option<usize> {
        if self.word(at, "as") {
            return Some(at + 1);
        }
        let token = self.tokens.get(at).filter(|token| token.is_name())?;
        let word = token.class == Class::Word
            && (is_reserved(token.text) || FOLLOWS_A_TABLE.iter().any(|word| token.is_word(word)));
        (!word).then_some(at)
    }

    /// Remembers the alias that may stand here, of a table, a query or a join.
    fn rows_alias(&mut self, at: usize) -> Checked {
        if let Some(at) = self.alias_at(at) {
            let name = self.introduced_at(at)?;
            self.names.insert(name);
            if self.mark(at + 1, b'(') {
                self.introduced.insert(at);
            }
        }
        Ok(())
    }

    /// Remembers the alias of a function in FROM whose arguments open at the given token.
    fn function_alias(&mut self, called: &str, open: usize) -> Checked {
        let mut at = self.closing(open)? + 1;
        if self.word(at, "with") && self.word(at + 1, "ordinality") {
            at += 2;
        }
        let Some(at) = self.alias_at(at) else {
            // PostgreSQL's own name for it may be another: trim('x') is called btrim.
            return self.refuse(
                open,
                "a function in FROM has no alias",
                "write AS with an alias after it",
            );
        };
        let alias = self.introduced_at(at)?;
        let mut columns = Vec::new();
        if allow::column_is_called_as_the_alias(called) {
            columns.push(alias.clone());
        }
        if self.mark(at + 1, b'(') {
            self.introduced.insert(at);
            self.column_types(at + 1)?;
            let close = self.closing(at + 1)?;
            let starts = |at: &usize| self.mark(at - 1, b'(') || self.mark(at - 1, b',');
            columns = (at + 2..close)
                .filter(starts)
                .filter(|at| self.tokens[*at].is_name())
                .map(|at| self.tokens[at].name())
                .collect();
        }
        self.names.insert(alias.clone());
        self.functions.push((alias, columns));
        Ok(())
    }
}

//! Qualified names, calls and `*`.

use super::words::TAKES_PARENTHESES;
use super::{Checked, Raw};
use crate::lex::{Class, Token};
use crate::names::{CATALOG, EXTENSIONS, PUBLIC, SHARED, TENANCY, TENANT, is_reserved};
use crate::side::{Owner, Side};
use crate::statement::Place;
use crate::{Kind, allow};

impl Raw<'_, '_> {
    /// `schema.name` or `alias.column`.
    pub(super) fn qualified(&mut self, at: usize) -> Checked {
        let token = self.tokens[at];
        let Some(second) = self.tokens.get(at + 2).copied() else {
            return self.refuse(at, "a name ends with a dot", "write the name");
        };
        let (schema, name) = (token.name(), second.name());
        let is_operator = second.class == Class::Operator
            && at > 1
            && self.mark(at - 1, b'(')
            && self.word(at - 2, "operator");
        let called = self.mark(at + 3, b'(');
        let relation = self.relations.get(&at).copied();
        if self.mark(at + 3, b'.') {
            return self.refuse(at, "a name has three parts", "give the table an alias");
        }
        if second.class == Class::Operator && second.text == "*" && !is_operator {
            return Ok(());
        }
        if !second.is_name() && !is_operator {
            return self.refuse(at, "a dot stands before no name", "write the name");
        }
        match schema.as_str() {
            // It was judged where a type is expected.
            _ if self.types.contains(&at) => Ok(()),
            EXTENSIONS | CATALOG if is_operator => Ok(()),
            _ if relation.is_some() => {
                match relation {
                    Some(Owner::Tenant) => {
                        self.place(token);
                        self.tables.push(name);
                    }
                    Some(Owner::App) => self.tables.push(format!("{schema}.{name}")),
                    Some(Owner::Published) | None => {}
                }
                Ok(())
            }
            CATALOG if called && allow::function(&name) => self.dictionary(at + 2),
            // A type before a string, which is checked with the string.
            CATALOG | EXTENSIONS if !called && self.is_text(at + 3) => Ok(()),
            CATALOG | EXTENSIONS if at > 0 && self.word(at - 1, "collate") => Ok(()),
            EXTENSIONS if called && self.allowed.function(&name) => self.dictionary(at + 2),
            EXTENSIONS if called => {
                let (reason, help) = allow::unlisted_in_extensions(&name);
                self.refuse(at, reason, help)
            }
            CATALOG | EXTENSIONS => self.may_not_stand(at, &schema, &name),
            other if called => match self.side.function(other) {
                Ok(owner) => {
                    self.kind = Kind::Write;
                    self.calls = true;
                    if owner == Owner::Tenant {
                        self.place(token);
                    }
                    Ok(())
                }
                Err((reason, help)) => self.refuse(at, reason, help),
            },
            _ if is_operator => self.refuse(
                at,
                "an operator is taken from a foreign schema",
                "write OPERATOR(extensions.…) or OPERATOR(pg_catalog.…)",
            ),
            TENANT | SHARED => self.may_not_stand(at, &schema, &name),
            PUBLIC | TENANCY if self.side == Side::Shared => self.may_not_stand(at, &schema, &name),
            _ => {
                self.columns.push(at);
                Ok(())
            }
        }
    }

    fn may_not_stand(&self, at: usize, schema: &str, name: &str) -> Checked {
        self.refuse(
            at,
            format!("{schema}.{name} may not stand here"),
            "name tables in FROM, listed functions and types elsewhere",
        )
    }

    fn place(&mut self, schema: Token<'_>) {
        self.places.push(Place {
            start: schema.start,
            end: schema.span().end,
        });
    }

    fn is_text(&self, at: usize) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| token.class == Class::Text)
    }

    pub(super) fn call(&self, at: usize) -> Checked {
        let token = self.tokens[at];
        let name = token.name();
        let named = at > 0 && self.word(at - 1, "as");
        let word = token.class == Class::Word && TAKES_PARENTHESES.binary_search(&&*name).is_ok();
        if named || word || self.introduced.contains(&at) {
            return Ok(());
        }
        if allow::function(&name) {
            return self.dictionary(at);
        }
        let (reason, help) = allow::unlisted(&name, self.side);
        let own = match self.side {
            Side::Tenant => {
                "write tenant.f(…) for the tenant's own, AS before an alias with columns"
            }
            Side::Shared => {
                "write public.f(…) or shared.f(…) for the app's own, AS before an alias with columns"
            }
        };
        self.refuse(at, reason, help.unwrap_or(own))
    }

    /// `alias.column`, of an alias that the statement introduces.
    ///
    /// PostgreSQL reads n.f as the call f(n) when n is a plain value without a column f, and any
    /// alias of that name may be the one it sees.
    pub(super) fn column(&self, at: usize) -> Checked {
        let (alias, column) = (self.tokens[at].name(), self.tokens[at + 2].name());
        let is_excluded = alias == "excluded" && self.kind == Kind::Write;
        if !is_excluded && !self.names.contains(&alias) {
            return self.refuse(
                at,
                format!("no table or alias is called {alias} here"),
                "write the alias as it stands in FROM for a column",
            );
        }
        let mut same = self.functions.iter().filter(|(name, _)| *name == alias);
        if same.all(|(_, columns)| columns.contains(&column) || allow::function_column(&column)) {
            return Ok(());
        }
        self.refuse(
            at,
            format!("{alias}.{column} may be a call of the function {column}"),
            format!("name the function's columns, AS {alias}({column}), and use {alias} once"),
        )
    }

    pub(super) fn no_dot_behind(&self, at: usize) -> Checked {
        if !self.mark(at + 1, b'.') {
            return Ok(());
        }
        self.refuse(
            at + 1,
            "a dot behind an expression may call a function",
            "select the fields in a subquery, or write the function's call",
        )
    }

    /// `*` is a multiplication or `count(*)`.
    pub(super) fn star(&self, at: usize) -> Checked {
        let counts = at > 1 && self.mark(at - 1, b'(') && self.mark(at + 1, b')');
        if counts && self.word(at - 2, "count") {
            return Ok(());
        }
        let value = |token: &Token<'_>| match token.class {
            Class::Word => {
                !is_reserved(token.text)
                    || ["array", "case", "cast", "end", "null"]
                        .iter()
                        .any(|w| token.is_word(w))
            }
            Class::Quoted | Class::Text | Class::Number | Class::Parameter(_) => true,
            Class::Mark(_) | Class::Operator => false,
        };
        let operator = at > 1 && self.word(at - 2, "operator") || at > 0 && self.mark(at - 1, b'.');
        let left = at > 0
            && (value(&self.tokens[at - 1]) || self.mark(at - 1, b')') || self.mark(at - 1, b']'));
        let right = self
            .tokens
            .get(at + 1)
            .is_some_and(|token| value(token) || token.is(b'(') || token.class == Class::Operator);
        if (left && right) || (operator && self.is_operator_call(at)) {
            return Ok(());
        }
        self.refuse(
            at,
            "* changes with every migration and breaks prepared statements",
            "name the columns",
        )
    }

    /// Whether the operator stands in `OPERATOR(…)`.
    pub(super) fn is_operator_call(&self, at: usize) -> bool {
        let open = if self.mark(at - 1, b'.') {
            at.checked_sub(3)
        } else {
            at.checked_sub(1)
        };
        self.mark(at + 1, b')')
            && open.is_some_and(|open| {
                open > 0 && self.mark(open, b'(') && self.word(open - 1, "operator")
            })
    }
}

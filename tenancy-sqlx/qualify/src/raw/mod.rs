//! Checks a text by its tokens alone, for forms that the parser does not know.
//!
//! Every table says `tenant.` itself, so nothing has to be found out: the check is that no other
//! name stands where PostgreSQL expects a table, that functions are listed, and that no word
//! begins a statement of another sort. What is in doubt is refused.

mod with;
mod words;

use std::collections::BTreeSet;
use std::ops::Range;

use self::words::{FORBIDDEN, FROM_ENDS, TAKES_PARENTHESES};
use crate::lex::{Class, Token};
use crate::names::{CATALOG, EXTENSIONS, SHARED, TENANT, is_reserved};
use crate::source::Source;
use crate::statement::Place;
use crate::{Kind, Refusal, Statement, allow};

type Checked = Result<(), Refusal>;

/// Reads one statement that names its schemas itself.
pub(crate) fn statement(sql: &str) -> Result<Statement, Refusal> {
    let source = Source::read(sql)?;
    let parameters = source.parameters()?;
    let mut raw = Raw {
        tokens: &source.tokens,
        length: sql.len(),
        ctes: Vec::new(),
        introduced: BTreeSet::new(),
        relations: BTreeSet::new(),
        skipped: BTreeSet::new(),
        functions: Vec::new(),
        places: Vec::new(),
        tables: Vec::new(),
        kind: Kind::Read,
    };
    raw.run()?;
    Ok(Statement::new(
        sql, raw.places, raw.kind, raw.tables, parameters,
    ))
}

struct Raw<'s, 'a> {
    tokens: &'s [Token<'a>],
    length: usize,
    ctes: Vec<String>,
    /// Names that the statement introduces before a parenthesis: these are not calls.
    introduced: BTreeSet<usize>,
    /// Where a qualified name stands for a table.
    relations: BTreeSet<usize>,
    /// Tokens of SEARCH, CYCLE and ROWS FROM, which have been read already.
    skipped: BTreeSet<usize>,
    /// Aliases of functions in FROM with their columns.
    functions: Vec<(String, Vec<String>)>,
    places: Vec<Place>,
    tables: Vec<String>,
    kind: Kind,
}

/// One pair of parentheses.
#[derive(Debug, Default, Clone, Copy)]
struct Frame {
    /// A comma brings another table.
    from_list: bool,
    /// FROM belongs to EXTRACT and its like.
    from_is_a_separator: bool,
    merges: bool,
}

impl Raw<'_, '_> {
    fn run(&mut self) -> Checked {
        let first = [
            "select", "with", "values", "insert", "update", "delete", "merge",
        ];
        if !first.iter().any(|word| self.word(0, word)) {
            return self.refuse(
                0,
                "only SELECT, VALUES, WITH, INSERT, UPDATE, DELETE and MERGE are tenant SQL",
                "start with one of them",
            );
        }
        for at in 0..self.tokens.len() {
            if self.word(at, "with") {
                self.with_clause(at)?;
            }
        }
        let mut frames = vec![Frame::default()];
        for at in 0..self.tokens.len() {
            self.token(at, &mut frames)?;
        }
        // The functions' aliases may stand after the first use of them.
        for at in 0..self.tokens.len() {
            self.column_of_function(at)?;
        }
        match frames.len() {
            1 => Ok(()),
            _ => self.refuse(self.tokens.len(), "a parenthesis is not closed", "close it"),
        }
    }

    fn token(&mut self, at: usize, frames: &mut Vec<Frame>) -> Checked {
        let Some(token) = self.tokens.get(at).copied() else {
            return Ok(());
        };
        if token.is_name() && allow::is_object_type(&token.name()) {
            return self.refuse(
                at,
                "this type looks up an object of any schema by its name",
                "name the object itself, not in a string",
            );
        }
        if self.skipped.contains(&at) {
            return Ok(());
        }
        let after_dot = at > 0 && self.mark(at - 1, b'.');
        let calls = self.mark(at + 1, b'(');
        match token.class {
            Class::Mark(b'(') => {
                let from_is_a_separator = at > 0
                    && ["extract", "overlay", "substring", "trim"]
                        .iter()
                        .any(|word| self.word(at - 1, word));
                frames.push(Frame {
                    from_is_a_separator,
                    ..Frame::default()
                });
                Ok(())
            }
            Class::Mark(b')') if frames.len() == 1 => {
                self.refuse(at, "a parenthesis is not open", "remove it")
            }
            Class::Mark(closing @ (b')' | b']')) => {
                if closing == b')' {
                    frames.pop();
                }
                self.no_dot_behind(at)
            }
            Class::Parameter(_) => self.no_dot_behind(at),
            Class::Mark(b',') if frames.last().is_some_and(|frame| frame.from_list) => {
                self.from_item(at + 1)
            }
            Class::Operator if token.text == "*" => self.star(at),
            Class::Word | Class::Quoted if after_dot => Ok(()),
            Class::Word | Class::Quoted if self.mark(at + 1, b'.') => self.qualified(at),
            Class::Word | Class::Quoted => {
                if token.class == Class::Word {
                    self.keyword(at, frames)?;
                }
                if calls { self.call(at) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    fn keyword(&mut self, at: usize, frames: &mut [Frame]) -> Checked {
        let Some(frame) = frames.last_mut() else {
            return Ok(());
        };
        let word = self.tokens[at].name();
        let previous = at
            .checked_sub(1)
            .and_then(|at| self.tokens.get(at))
            .copied();
        let before = |words: &[&str]| {
            previous.is_some_and(|token| words.iter().any(|word| token.is_word(word)))
        };
        match word.as_str() {
            "from" if frame.from_is_a_separator => Ok(()),
            "from" if before(&["distinct"]) && at > 1 && self.is_comparison(at - 2) => Ok(()),
            "from" if before(&["delete"]) => self.target(at + 1),
            "from" => {
                frame.from_list = true;
                self.from_item(at + 1)
            }
            "join" => self.from_item(at + 1),
            "using" if self.mark(at + 1, b'(') => {
                frame.from_list |= !frame.merges;
                self.using_parentheses(at + 1)
            }
            "using" => {
                frame.from_list |= !frame.merges;
                self.from_item(at + 1)
            }
            "into" if before(&["insert", "merge"]) => {
                self.target(at + 1)?;
                if before(&["insert"]) {
                    self.insert_columns(at + 4)
                } else {
                    Ok(())
                }
            }
            "into" => self.refuse(
                at,
                "SELECT INTO creates a table",
                "write INSERT … SELECT into a table of a migration",
            ),
            "insert" | "delete" => {
                self.kind = Kind::Write;
                Ok(())
            }
            "merge" => {
                frame.merges = true;
                self.kind = Kind::Write;
                Ok(())
            }
            "update" => {
                self.kind = Kind::Write;
                let locks = before(&["for", "do", "then"])
                    || (before(&["key"]) && at > 1 && self.word(at - 2, "no"));
                if locks { Ok(()) } else { self.target(at + 1) }
            }
            "share" | "for" => {
                let lock = ["update", "share", "no", "key"];
                if word == "for" && lock.iter().any(|next| self.word(at + 1, next)) {
                    self.kind = Kind::Write;
                }
                if word == "for" {
                    frame.from_list = false;
                }
                Ok(())
            }
            "on" if self.word(at + 1, "conflict") => {
                frame.from_list = false;
                Ok(())
            }
            ending if FROM_ENDS.contains(&ending) => {
                frame.from_list = false;
                Ok(())
            }
            forbidden if FORBIDDEN.binary_search(&forbidden).is_ok() => self.refuse(
                at,
                format!("{word} is not read in tenant SQL"),
                "quote it when it is the name of a column",
            ),
            _ => Ok(()),
        }
    }

    /// What stands where a table is expected.
    fn from_item(&mut self, mut at: usize) -> Checked {
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
                self.from_item(at + 1)
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
            (TENANT, false) | (SHARED, false) => {
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
    fn target(&mut self, mut at: usize) -> Checked {
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

    fn no_table<T>(&self, at: usize) -> Result<T, Refusal> {
        self.refuse(
            at,
            "this is no table of the tenant",
            "write tenant.x, shared.x, the name of a CTE or a subquery",
        )
    }

    fn insert_columns(&self, at: usize) -> Checked {
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
    fn using_parentheses(&self, open: usize) -> Checked {
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

    /// `schema.name` or `alias.column`.
    fn qualified(&mut self, at: usize) -> Checked {
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
            EXTENSIONS | CATALOG if is_operator => Ok(()),
            TENANT if self.relations.contains(&at) => {
                self.places.push(Place {
                    start: token.start,
                    end: token.span().end,
                });
                self.tables.push(name);
                Ok(())
            }
            TENANT if called => {
                self.kind = Kind::Write;
                self.places.push(Place {
                    start: token.start,
                    end: token.span().end,
                });
                Ok(())
            }
            SHARED if self.relations.contains(&at) => Ok(()),
            CATALOG if called && allow::function(&name) => Ok(()),
            CATALOG if !called && allow::type_name(&name) => Ok(()),
            CATALOG | EXTENSIONS if at > 0 && self.word(at - 1, "collate") => Ok(()),
            EXTENSIONS if called && allow::extension_function(&name) => Ok(()),
            EXTENSIONS if !called => Ok(()),
            TENANT | SHARED | CATALOG | EXTENSIONS => self.refuse(
                at,
                format!("{schema}.{name} may not stand here"),
                "name tables in FROM, listed functions and types elsewhere",
            ),
            _ if called || is_operator => self.refuse(
                at,
                format!("schema {schema} is not the tenant's"),
                "write tenant. for the tenant's own, extensions. for an extension's",
            ),
            _ => Ok(()),
        }
    }

    fn call(&self, at: usize) -> Checked {
        let token = self.tokens[at];
        let name = token.name();
        let named = at > 0 && self.word(at - 1, "as");
        let word = token.class == Class::Word && TAKES_PARENTHESES.binary_search(&&*name).is_ok();
        if named || word || self.introduced.contains(&at) || allow::function(&name) {
            return Ok(());
        }
        self.refuse(
            at,
            format!("function {name} is not on the list of functions for tenant SQL"),
            "write tenant.f(…) for the tenant's own, AS before an alias with columns",
        )
    }

    /// Remembers the alias of a function in FROM whose arguments open at the given token.
    fn function_alias(&mut self, function: String, open: usize) -> Checked {
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

    /// PostgreSQL reads n.f as the call f(n) when n is a plain value without a column f.
    fn column_of_function(&self, at: usize) -> Checked {
        let (Some(alias), Some(column)) = (self.tokens.get(at), self.tokens.get(at + 2)) else {
            return Ok(());
        };
        if !alias.is_name() || !self.mark(at + 1, b'.') || self.relations.contains(&at) {
            return Ok(());
        }
        let (alias, column) = (alias.name(), column.name());
        let mut same = self.functions.iter().filter(|(name, _)| *name == alias);
        if same.all(|(_, columns)| columns.contains(&column) || allow::function_column(&column)) {
            return Ok(());
        }
        self.refuse(
            at,
            format!("{alias}.{column} may be a call of the function {column}"),
            format!("name the function's columns: AS {alias}({column})"),
        )
    }

    fn no_dot_behind(&self, at: usize) -> Checked {
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
    fn star(&self, at: usize) -> Checked {
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
    fn is_operator_call(&self, at: usize) -> bool {
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

    /// Whether `IS` or `IS NOT` ends at the given token.
    fn is_comparison(&self, at: usize) -> bool {
        self.word(at, "is") || (self.word(at, "not") && at > 0 && self.word(at - 1, "is"))
    }

    /// The token that closes the parenthesis at the given one.
    fn closing(&self, open: usize) -> Result<usize, Refusal> {
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match token.class {
                Class::Mark(b'(') => depth += 1,
                Class::Mark(b')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return Ok(at);
            }
        }
        self.refuse(open, "a parenthesis is not closed", "close it")
    }

    fn word(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_word(word))
    }

    fn mark(&self, at: usize, mark: u8) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(mark))
    }

    fn refuse<T>(
        &self,
        at: usize,
        reason: impl Into<std::borrow::Cow<'static, str>>,
        help: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Result<T, Refusal> {
        let end: Range<usize> = self.length..self.length;
        let span = self.tokens.get(at).map_or(end, Token::span);
        Err(Refusal::new(span, reason, help))
    }
}

//! Walks the parser's tree and marks every table of the tenant.
//!
//! Each form is accepted by name. What the walk does not know is refused, and after the walk
//! every relation that the parser's own visitor reports must have been handled.

mod call;
mod expr;
mod query;
mod scope;
mod table;
mod types;
mod write;

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};

use sqlparser::ast::{
    Ident, ObjectName, ObjectNamePart, Spanned, Statement as Tree, visit_relations,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError};

use self::scope::Scopes;
use crate::lex::Token;
use crate::names::{fold, is_reserved};
use crate::side::{Owner, Side, Use};
use crate::source::Source;
use crate::statement::Place;
use crate::{Allowed, Kind, Refusal, Statement};

type Walked = Result<(), Refusal>;

/// A deeper statement is read on a stack of its own: the parser takes up to 200 kB for one nested
/// query when it is compiled without optimization, and a thread of a server has 2 MB.
const DEEP: usize = 50;
const STACK: usize = 64 * 1024 * 1024;

/// Reads and walks one statement.
pub(crate) fn statement(sql: &str, side: Side, allowed: &Allowed) -> Result<Statement, Refusal> {
    let source = Source::read(sql, side, allowed)?;
    if source.depth <= DEEP {
        return read(&source);
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        match thread
            .spawn_scoped(scope, || read(&source))
            .map(std::thread::ScopedJoinHandle::join)
        {
            Ok(Ok(read)) => read,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => Err(Refusal::new(
                0..sql.len(),
                format!("there is no stack for a statement nested so deeply ({error})"),
                "nest it less",
            )),
        }
    })
}

/// What a statement on rows begins with, besides a parenthesis.
const FIRST: &[&str] = &[
    "delete", "insert", "merge", "select", "update", "values", "with",
];

fn read(source: &Source<'_>) -> Result<Statement, Refusal> {
    let first = source
        .tokens
        .first()
        .filter(|first| !first.is(b'(') && !FIRST.iter().any(|word| first.is_word(word)));
    if let Some(first) = first {
        if first.is_word("table") {
            return Err(every_column(first.span()));
        }
        let (reason, help) = no_rows(source.side);
        return Err(Refusal::new(first.span(), reason, help));
    }
    let parameters = source.parameters()?;
    let tokens = source.parser_tokens()?;
    let mut trees = Parser::new(&PostgreSqlDialect {})
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|error| not_understood(source, &error))?;
    let whole = 0..source.text.len();
    let (Some(tree), true) = (trees.pop(), trees.is_empty()) else {
        return Err(Refusal::new(
            whole,
            "this is not one statement",
            "send one at a time",
        ));
    };
    let mut walk = Walk::new(source);
    walk.statement(&tree)?;
    walk.all_relations_were_handled(&tree)?;
    let calls = walk.calls;
    Statement::new(source.text, walk.places, walk.kind, walk.tables, parameters)
        .map(|statement| statement.calling(calls))
}

/// The state of one walk.
struct Walk<'s, 'a> {
    source: &'s Source<'a>,
    scopes: Scopes,
    places: Vec<Place>,
    /// Where each handled relation's name starts.
    handled: BTreeSet<usize>,
    tables: Vec<String>,
    kind: Kind,
    /// Whether functions are called that are not on the lists.
    calls: bool,
}

impl<'s, 'a> Walk<'s, 'a> {
    fn new(source: &'s Source<'a>) -> Self {
        Self {
            source,
            scopes: Scopes::default(),
            places: Vec::new(),
            handled: BTreeSet::new(),
            tables: Vec::new(),
            kind: Kind::Read,
            calls: false,
        }
    }

    fn statement(&mut self, tree: &Tree) -> Walked {
        match tree {
            Tree::Query(query) => self.query(query),
            Tree::Insert(_) | Tree::Update(_) | Tree::Delete(_) | Tree::Merge(_) => {
                self.write(tree)
            }
            _ => {
                let (reason, help) = no_rows(self.source.side);
                self.refuse_whole(reason, help)
            }
        }
    }

    /// Handles the name of a table and answers the name by which columns refer to it.
    fn relation(&mut self, name: &ObjectName, purpose: Use) -> Result<String, Refusal> {
        let parts = self.idents(name)?;
        let (table, place) = match parts.as_slice() {
            [table] => {
                let token = self.source.name(table)?;
                if table.quote_style.is_none() && is_reserved(&table.value) {
                    return Err(self.reserved(token.span(), &table.value));
                }
                let known = name_of(table);
                let start = token.start;
                self.handled.insert(start);
                if purpose == Use::Read && self.scopes.is_cte(&known) {
                    return Ok(known);
                }
                if self.source.side == Side::Shared {
                    return Err(Refusal::new(
                        token.span(),
                        format!("{known} does not name its schema"),
                        "write public.x or shared.x; a tenant's tables are for tenant_sql!",
                    ));
                }
                (known, Place { start, end: start })
            }
            [schema, table] => {
                let token = self.source.name(schema)?;
                self.source.name(table)?;
                let (schema, known) = (name_of(schema), name_of(table));
                let owner = self.source.side.table(&schema, &known, purpose);
                let owner = owner.map_err(|why| Refusal::new(token.span(), why.0, why.1))?;
                self.handled.insert(token.start);
                match owner {
                    Owner::Tenant => {}
                    Owner::App => {
                        self.tables.push(format!("{schema}.{known}"));
                        return Ok(known);
                    }
                    Owner::Published => return Ok(known),
                }
                (
                    name_of(table),
                    Place {
                        start: token.start,
                        end: token.span().end,
                    },
                )
            }
            _ => {
                return self.refuse(
                    name,
                    format!("{name} names a database"),
                    "write the table's name alone",
                );
            }
        };
        self.places.push(place);
        self.tables.push(table.clone());
        Ok(table)
    }

    /// The identifiers of a name that holds nothing else.
    fn idents<'n>(&self, name: &'n ObjectName) -> Result<Vec<&'n Ident>, Refusal> {
        let part = |part: &'n ObjectNamePart| match part {
            ObjectNamePart::Identifier(ident) => Ok(ident),
            ObjectNamePart::Function(_) => self.refuse(
                name,
                "a name holds a function call",
                "write the name itself",
            ),
        };
        name.0.iter().map(part).collect()
    }

    /// A name that must not be qualified: a column in a list, an alias after OF.
    fn single<'n>(&self, name: &'n ObjectName) -> Result<&'n Ident, Refusal> {
        match self.idents(name)?.as_slice() {
            [ident] => Ok(*ident),
            _ => self.refuse(
                name,
                format!("{name} is qualified"),
                "write the name alone here",
            ),
        }
    }

    /// An alias or a name that the statement itself introduces.
    fn introduced(&self, ident: &Ident) -> Result<String, Refusal> {
        let token = self.source.name(ident)?;
        if ident.quote_style.is_none() && is_reserved(&ident.value) {
            return Err(self.reserved(token.span(), &ident.value));
        }
        Ok(name_of(ident))
    }

    fn all_relations_were_handled(&self, tree: &Tree) -> Walked {
        let lost = visit_relations(tree, |name| {
            let first = name.0.first().and_then(ObjectNamePart::as_ident);
            let token = first.and_then(|ident| self.source.name(ident).ok());
            match token {
                Some(token) if self.handled.contains(&token.start) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(self.source.span_of(name)),
            }
        });
        match lost {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(span) => Err(Refusal::new(
                span,
                "a table stands in a place that is not understood",
                "write the statement in another form",
            )),
        }
    }

    fn refuse<T>(
        &self,
        node: &impl Spanned,
        reason: impl Into<std::borrow::Cow<'static, str>>,
        help: &'static str,
    ) -> Result<T, Refusal> {
        Err(Refusal::new(self.source.span_of(node), reason, help))
    }

    fn refuse_whole<T>(
        &self,
        reason: impl Into<std::borrow::Cow<'static, str>>,
        help: &'static str,
    ) -> Result<T, Refusal> {
        Err(Refusal::new(0..self.source.text.len(), reason, help))
    }

    fn reserved(&self, span: Range<usize>, word: &str) -> Refusal {
        Refusal::new(
            span,
            format!("{word} is a word of SQL, not a name"),
            match self.source.side {
                Side::Tenant => {
                    "quote the name, or write tenant_sql!(raw \"…\") with tenant. before each table"
                }
                Side::Shared => {
                    "quote the name, or write shared_sql!(raw \"…\") where the parser misreads it"
                }
            },
        )
    }

    /// Refuses a part of a form that PostgreSQL does not have, when it is there.
    fn absent(&self, node: &impl Spanned, is_absent: bool, what: &str) -> Walked {
        if is_absent {
            return Ok(());
        }
        self.refuse(
            node,
            format!("{what} is not {}", self.source.side.sql()),
            "write it as PostgreSQL does",
        )
    }
}

/// A name as PostgreSQL stores it.
fn name_of(ident: &Ident) -> String {
    match ident.quote_style {
        None => fold(&ident.value),
        Some(_) => ident.value.clone(),
    }
}

fn every_column(span: Range<usize>) -> Refusal {
    Refusal::new(
        span,
        "TABLE x returns every column",
        "write SELECT with the columns that are needed",
    )
}

fn no_rows(side: Side) -> (String, &'static str) {
    (
        format!(
            "only SELECT, INSERT, UPDATE, DELETE, MERGE and VALUES are {}",
            side.sql()
        ),
        "change tables in a migration; leave sessions and transactions to the library",
    )
}

fn not_understood(source: &Source<'_>, error: &ParserError) -> Refusal {
    let message = match error {
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => message.clone(),
        ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
    };
    // The parser says where in its message only.
    let number = |after: &str| {
        let (_, rest) = message.rsplit_once(after)?;
        rest.split(|c: char| !c.is_ascii_digit())
            .next()?
            .parse()
            .ok()
    };
    let at = number("Line: ")
        .zip(number("Column: "))
        .and_then(|(line, column)| {
            let place = sqlparser::tokenizer::Location { line, column };
            source.bytes(sqlparser::tokenizer::Span {
                start: place,
                end: place,
            })
        });
    let start = at.map_or(0, |span| span.start);
    let ends = message.ends_with("found: EOF");
    let token = if ends {
        source.tokens.last()
    } else {
        source.tokens.iter().find(|token| token.start == start)
    };
    let span = token.map_or(0..source.text.len(), Token::span);
    // The excerpt shows the place.
    let message = message.split(" at Line: ").next().unwrap_or_default();
    let (message, help) = if ends {
        (
            message.replace("found: EOF", "found: the end"),
            source.side.raw(),
        )
    } else if token.is_some_and(|token| token.text == "?") {
        (message.to_owned(), "write a parameter as $1")
    } else {
        (message.to_owned(), source.side.raw())
    };
    Refusal::new(
        span,
        format!("the statement is not understood ({message})"),
        help,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_that_the_walk_missed_is_refused() {
        for sql in [
            "SELECT id FROM blogs",
            "SELECT id FROM shared.blogs",
            "DELETE FROM blogs",
            "INSERT INTO blogs (id) VALUES (1)",
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM blogs)",
        ] {
            let source = Source::read(sql, Side::Tenant, &crate::LISTED).expect("a text");
            let trees = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect("a statement");
            let idle = Walk::new(&source);
            assert!(idle.all_relations_were_handled(&trees[0]).is_err(), "{sql}");
        }
    }
}

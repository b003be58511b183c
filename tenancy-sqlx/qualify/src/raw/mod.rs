//! Checks a text by its tokens alone, for forms that the parser does not know.
//!
//! Every table says `tenant.` itself, so nothing has to be found out: the check is that no other
//! name stands where PostgreSQL expects a table, that functions are listed, and that no word
//! begins a statement of another sort. What is in doubt is refused.

mod names;
mod tables;
mod with;
mod words;

use std::collections::BTreeSet;
use std::ops::Range;

use self::words::{FORBIDDEN, FROM_ENDS};
use crate::lex::{Class, Token};
use crate::source::Source;
use crate::statement::Place;
use crate::{Kind, Refusal, Statement};

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
                self.table_expected(at + 1)
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
                self.table_expected(at + 1)
            }
            "join" => self.table_expected(at + 1),
            "using" if self.mark(at + 1, b'(') => {
                frame.from_list |= !frame.merges;
                self.using_parentheses(at + 1)
            }
            "using" => {
                frame.from_list |= !frame.merges;
                self.table_expected(at + 1)
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

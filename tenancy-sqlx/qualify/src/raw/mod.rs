//! Checks a text by its tokens alone, for forms that the parser does not know.
//!
//! Every table says `tenant.` itself, so nothing has to be found out: the check is that no other
//! name stands where PostgreSQL expects a table, that functions are listed, and that no word
//! begins a statement of another sort. What is in doubt is refused.

mod names;
mod tables;
mod types;
mod with;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use self::words::{FORBIDDEN, FROM_ENDS};
use crate::lex::{Class, Token};
use crate::names::is_reserved;
use crate::side::{Owner, Side};
use crate::source::Source;
use crate::statement::Place;
use crate::{Allowed, Kind, Refusal, Statement};

type Checked = Result<(), Refusal>;

/// Reads one statement that names its schemas itself.
pub(crate) fn statement(sql: &str, side: Side, allowed: &Allowed) -> Result<Statement, Refusal> {
    let source = Source::read(sql, side, allowed)?;
    let parameters = source.parameters()?;
    let mut raw = Raw {
        side,
        allowed,
        tokens: &source.tokens,
        length: sql.len(),
        ctes: Vec::new(),
        names: BTreeSet::new(),
        verbs: BTreeSet::from([0]),
        columns: Vec::new(),
        introduced: BTreeSet::new(),
        relations: BTreeMap::new(),
        types: BTreeSet::new(),
        skipped: BTreeSet::new(),
        functions: Vec::new(),
        places: Vec::new(),
        tables: Vec::new(),
        kind: Kind::Read,
        calls: false,
    };
    raw.run()?;
    let calls = raw.calls;
    Statement::new(sql, raw.places, raw.kind, raw.tables, parameters)
        .map(|statement| statement.calling(calls))
}

struct Raw<'s, 'a> {
    side: Side,
    allowed: &'s Allowed,
    tokens: &'s [Token<'a>],
    length: usize,
    /// CTEs and the tokens among which each is in sight.
    ctes: Vec<(String, Range<usize>)>,
    /// What columns may be qualified by: tables, CTEs and aliases.
    names: BTreeSet<String>,
    /// Where a statement begins, besides after an opening parenthesis.
    verbs: BTreeSet<usize>,
    /// Where `alias.column` stands.
    columns: Vec<usize>,
    /// Names that the statement introduces before a parenthesis, and types: these are not calls.
    introduced: BTreeSet<usize>,
    /// Where a qualified name stands for a table.
    relations: BTreeMap<usize, Owner>,
    /// Where a qualified name stands for a type.
    types: BTreeSet<usize>,
    /// Tokens of SEARCH, CYCLE and ROWS FROM, which have been read already.
    skipped: BTreeSet<usize>,
    /// Aliases of functions in FROM with their columns.
    functions: Vec<(String, Vec<String>)>,
    places: Vec<Place>,
    tables: Vec<String>,
    kind: Kind,
    /// Whether functions are called that are not on the lists.
    calls: bool,
}

/// What stands before a parenthesis.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Opener {
    #[default]
    Other,
    /// EXTRACT and its like, to which FROM belongs.
    Extract,
    /// CAST and its like, to which AS and a type belong.
    Cast,
}

/// One pair of parentheses.
#[derive(Debug, Default, Clone, Copy)]
struct Frame {
    /// A comma brings another table.
    from_list: bool,
    opened_by: Opener,
    merges: bool,
    /// RETURNING belongs to INSERT, UPDATE, DELETE or MERGE.
    writes: bool,
}

impl Raw<'_, '_> {
    fn run(&mut self) -> Checked {
        let first = [
            "select", "with", "values", "insert", "update", "delete", "merge",
        ];
        if !first.iter().any(|word| self.word(0, word)) {
            return self.refuse(
                0,
                format!(
                    "only SELECT, VALUES, WITH, INSERT, UPDATE, DELETE and MERGE are {}",
                    self.side.sql()
                ),
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
        // An alias may stand after the first use of it.
        for at in std::mem::take(&mut self.columns) {
            self.column(at)?;
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
                let behind =
                    |words: &[&str]| at > 0 && words.iter().any(|word| self.word(at - 1, word));
                let opened_by = if behind(&["extract", "overlay", "substring", "trim"]) {
                    Opener::Extract
                } else if behind(&["cast", "treat", "xmlserialize"]) {
                    Opener::Cast
                } else {
                    Opener::Other
                };
                frames.push(Frame {
                    opened_by,
                    ..Frame::default()
                });
                Ok(())
            }
            // A comma between elements or indices brings no table.
            Class::Mark(b'[') => {
                frames.push(Frame::default());
                Ok(())
            }
            Class::Mark(b')' | b']') if frames.len() == 1 => {
                self.refuse(at, "a parenthesis is not open", "remove it")
            }
            Class::Mark(b')' | b']') => {
                frames.pop();
                self.no_dot_behind(at)
            }
            Class::Parameter(_) => self.no_dot_behind(at),
            Class::Mark(b',') if frames.last().is_some_and(|frame| frame.from_list) => {
                self.table_expected(at + 1)
            }
            Class::Mark(b':') if self.mark(at + 1, b':') => self.type_at(at + 2),
            Class::Text => self.before_string(at),
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
        let before = |words: &[&str]| at > 0 && words.iter().any(|word| self.word(at - 1, word));
        match word.as_str() {
            "as" => self.behind_as(at + 1, frame.opened_by),
            "select" if frame.opened_by == Opener::Extract => self.out_of_place(at),
            "from" if frame.opened_by == Opener::Extract => Ok(()),
            "from" if before(&["distinct"]) && at > 1 && self.is_comparison(at - 2) => Ok(()),
            "from" if before(&["delete"]) && self.is_verb(at - 1) => self.target(at + 1),
            "from" => {
                frame.from_list = true;
                self.table_expected(at + 1)
            }
            "join" => self.table_expected(at + 1),
            "using" if self.mark(at + 1, b'(') && !self.is_join_in(at + 1) => {
                frame.from_list |= !frame.merges;
                self.using_parentheses(at + 1)
            }
            "using" => {
                frame.from_list |= !frame.merges;
                self.table_expected(at + 1)
            }
            "into" if before(&["insert", "merge"]) && self.is_verb(at - 1) => {
                let inserts = before(&["insert"]);
                self.target(at + 1)?;
                if inserts {
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
            "insert" | "delete" | "update" | "merge" => {
                let in_merge = word != "merge" && before(&["then"]);
                let locks = word == "update"
                    && (before(&["for", "do"])
                        || (before(&["key"]) && at > 1 && self.word(at - 2, "no")));
                let verb = self.is_verb(at);
                if !verb && !in_merge && !locks {
                    return self.out_of_place(at);
                }
                self.kind = Kind::Write;
                frame.writes |= verb;
                frame.merges |= verb && word == "merge";
                match (word.as_str(), verb) {
                    ("update", true) => self.target(at + 1),
                    ("insert" | "merge", true) if !self.word(at + 1, "into") => {
                        self.out_of_place(at)
                    }
                    ("delete", true) if !self.word(at + 1, "from") => self.out_of_place(at),
                    _ => Ok(()),
                }
            }
            "returning" if !frame.writes => self.out_of_place(at),
            // WITHIN GROUP belongs to a call, which may stand after ON.
            "group" if before(&["within"]) => Ok(()),
            "for" => {
                let lock = ["update", "share", "no", "key"];
                if lock.iter().any(|next| self.word(at + 1, next)) {
                    self.kind = Kind::Write;
                }
                frame.from_list = false;
                Ok(())
            }
            ending if FROM_ENDS.contains(&ending) => {
                frame.from_list = false;
                Ok(())
            }
            "user" if before(&["overriding"]) && self.word(at + 1, "value") => Ok(()),
            "natural" => self.refuse(
                at,
                "NATURAL JOIN changes with every migration",
                "write USING with the columns",
            ),
            forbidden if FORBIDDEN.binary_search(&forbidden).is_ok() => self.refuse(
                at,
                format!("{word} is not read in {}", self.side.sql()),
                "quote it when it is the name of a column",
            ),
            _ => Ok(()),
        }
    }

    /// A label after AS, or a type when AS belongs to CAST.
    fn behind_as(&mut self, at: usize, opened_by: Opener) -> Checked {
        if opened_by == Opener::Cast {
            return self.type_at(at);
        }
        let Some(token) = self.tokens.get(at).copied() else {
            return self.refuse(at, "AS stands at the end", "write a name after it");
        };
        let cte = self.word(at, "not") && self.word(at + 1, "materialized");
        let structure = |word: &str| {
            let unreserved =
                words::STRUCTURE.binary_search(&word).is_ok() && word != "materialized";
            unreserved || is_reserved(word)
        };
        if !cte && token.class == Class::Word && structure(&token.name()) {
            return self.out_of_place(at);
        }
        Ok(())
    }

    /// Whether a statement begins at the given token.
    fn is_verb(&self, at: usize) -> bool {
        self.verbs.contains(&at) || (at > 0 && self.mark(at - 1, b'('))
    }

    /// Whether tables stand in the parenthesis of a USING, not names of columns.
    fn is_join_in(&self, open: usize) -> bool {
        self.mark(open + 1, b'(') || self.mark(open + 2, b'.')
    }

    fn out_of_place(&self, at: usize) -> Checked {
        let word = self.tokens.get(at).map(Token::name).unwrap_or_default();
        self.refuse(
            at,
            format!("{word} is a word of SQL and not understood here"),
            "quote it when it is a name",
        )
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

    /// Whether a word of SQL stands here; after a dot every word is a name.
    fn word(&self, at: usize, word: &str) -> bool {
        let after_dot = at > 0 && self.mark(at - 1, b'.');
        !after_dot && self.tokens.get(at).is_some_and(|token| token.is_word(word))
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

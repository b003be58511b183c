//! The text with its tokens, and the proof that both lexers read it alike.

use std::ops::Range;

use sqlparser::ast::{Ident, Spanned};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Location, Span, Token as Theirs, TokenWithSpan, Tokenizer};

use crate::lex::{self, Class, Token};
use crate::side::Side;
use crate::{Allowed, Refusal, allow};

/// One statement's text.
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    pub(crate) side: Side,
    pub(crate) allowed: &'a Allowed,
    pub(crate) tokens: Vec<Token<'a>>,
    /// How deep the parser's tree may become, roughly.
    pub(crate) depth: usize,
    lines: Vec<Line>,
}

/// Where a line starts, and whether each of its characters is one byte.
struct Line {
    start: usize,
    ascii: bool,
}

/// A parenthesis or CASE costs the parser as many calls as so many operators.
const COST: usize = 10;
/// A text that nests deeper is refused before the parser builds a tree too deep to walk.
const DEEPEST: usize = 40;
/// So many operators in one chain make the tree as deep as themselves.
const LONGEST_CHAIN: usize = 400;

impl<'a> Source<'a> {
    pub(crate) fn read(text: &'a str, side: Side, allowed: &'a Allowed) -> Result<Self, Refusal> {
        let tokens = lex::tokens(text)?;
        if tokens.is_empty() {
            return Err(Refusal::new(
                0..text.len(),
                "there is no statement",
                "write one",
            ));
        }
        if let Some(at) = tokens.iter().position(|token| token.is(b';')) {
            let (reason, help) = if at + 1 == tokens.len() {
                ("a statement ends without a semicolon here", "remove it")
            } else {
                (
                    "these are several statements",
                    "send each on its own, in one transaction",
                )
            };
            return Err(Refusal::new(tokens[at].span(), reason, help));
        }
        if let Some(token) = tokens
            .iter()
            .find(|token| token.class == Class::Operator && token.text.contains('`'))
        {
            return Err(Refusal::new(
                token.span(),
                "a name in backquotes is not PostgreSQL",
                "write it plain, or in double quotes",
            ));
        }
        let named = |token: &&Token<'_>| token.is_name() && allow::is_object_type(&token.name());
        if let Some(token) = tokens.iter().find(named) {
            return Err(Refusal::new(
                token.span(),
                format!(
                    "type {} looks up an object of any schema by its name",
                    token.name()
                ),
                "name the object itself, not in a string",
            ));
        }
        let depth = depth(&tokens)?;
        let mut start = 0;
        let lines = text.split('\n').map(|line| {
            let at = start;
            start += line.len() + 1;
            Line {
                start: at,
                ascii: line.is_ascii(),
            }
        });
        let lines = lines.collect();
        Ok(Self {
            text,
            side,
            allowed,
            tokens,
            depth,
            lines,
        })
    }

    /// The parser's tokens, when they are the same as PostgreSQL's.
    pub(crate) fn parser_tokens(&self) -> Result<Vec<TokenWithSpan>, Refusal> {
        let theirs = Tokenizer::new(&PostgreSqlDialect {}, self.text)
            .tokenize_with_location()
            .map_err(|error| {
                let start = self.byte(error.location).unwrap_or(0);
                Refusal::new(
                    start..self.text.len(),
                    format!("the text is not understood ({})", error.message),
                    self.side.raw(),
                )
            })?;
        let mut ours = self
            .tokens
            .iter()
            .filter(|token| class_of_ours(token).is_some());
        for token in theirs
            .iter()
            .filter(|token| class_of_theirs(&token.token).is_some())
        {
            let span = self.bytes(token.span);
            let mine = ours.next();
            let same = mine.is_some_and(|mine| {
                span == Some(mine.span()) && class_of_ours(mine) == class_of_theirs(&token.token)
            });
            if !same {
                return Err(differs(
                    mine.map(Token::span).or(span).unwrap_or(0..self.text.len()),
                ));
            }
        }
        match ours.next() {
            Some(mine) => Err(differs(mine.span())),
            None => Ok(theirs),
        }
    }

    /// The bytes of a name, when they are one token that reads as that name.
    pub(crate) fn name(&self, ident: &Ident) -> Result<&Token<'a>, Refusal> {
        let lost = || {
            Refusal::new(
                0..self.text.len(),
                format!("the place of {} in the text was not found", ident.value),
                "write the statement in another form",
            )
        };
        let span = self.bytes(ident.span).ok_or_else(lost)?;
        let at = self
            .tokens
            .binary_search_by_key(&span.start, |token| token.start);
        let token = at
            .ok()
            .and_then(|at| self.tokens.get(at))
            .ok_or_else(lost)?;
        let whole = token.span() == span && token.is_name();
        let quoted = token.class == Class::Quoted;
        let same = match ident.quote_style {
            None => !quoted && token.text == ident.value,
            Some('"') => quoted && token.name() == ident.value,
            Some(_) => false,
        };
        if whole && same {
            Ok(token)
        } else {
            Err(lost())
        }
    }

    /// The bytes of a piece of the tree, or the whole text when the parser did not keep them.
    pub(crate) fn span_of(&self, node: &impl Spanned) -> Range<usize> {
        self.bytes(node.span())
            .filter(|span| !span.is_empty())
            .unwrap_or(0..self.text.len())
    }

    /// The highest parameter; every number up to it must be used.
    pub(crate) fn parameters(&self) -> Result<u16, Refusal> {
        let mut used = std::collections::BTreeMap::new();
        for token in &self.tokens {
            if let Class::Parameter(number) = token.class {
                used.entry(number).or_insert_with(|| token.span());
            }
        }
        for (expected, (number, span)) in (1..).zip(&used) {
            if *number == 0 {
                return Err(Refusal::new(
                    span.clone(),
                    "there is no parameter $0",
                    "start with $1",
                ));
            }
            if *number != expected {
                return Err(Refusal::new(
                    span.clone(),
                    format!("parameter ${number} is used but ${expected} is not"),
                    "number the parameters without a gap",
                ));
            }
        }
        u16::try_from(used.len()).map_err(|_| {
            Refusal::new(
                0..self.text.len(),
                "there are more than 65535 parameters",
                "bind arrays",
            )
        })
    }

    pub(crate) fn bytes(&self, span: Span) -> Option<Range<usize>> {
        Some(self.byte(span.start)?..self.byte(span.end)?)
    }

    /// The parser counts lines and characters from one.
    fn byte(&self, location: Location) -> Option<usize> {
        let line = usize::try_from(location.line).ok()?.checked_sub(1)?;
        let column = usize::try_from(location.column).ok()?.checked_sub(1)?;
        let line = self.lines.get(line)?;
        let rest = self.text.get(line.start..)?;
        if line.ascii && column <= rest.len() {
            return Some(line.start + column);
        }
        let mut places = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
        places.nth(column).map(|at| line.start + at)
    }
}

fn differs(span: Range<usize>) -> Refusal {
    Refusal::new(
        span,
        "PostgreSQL and the parser read this text differently",
        "write it in plain letters and blanks, without a comment beside it",
    )
}

/// How deep parentheses and chains such as `1 + 1 + 1` make the tree, or a refusal.
fn depth(tokens: &[Token<'_>]) -> Result<usize, Refusal> {
    let mut outer = Vec::new();
    let mut chain = Chain::default();
    let mut deepest = 0;
    for token in tokens {
        match token.class {
            Class::Mark(mark @ (b'(' | b'[')) => {
                chain.operators += usize::from(mark == b'[');
                outer.push(chain);
                chain = Chain {
                    base: chain.length(),
                    ..Chain::default()
                };
            }
            Class::Mark(b')' | b']') => chain = outer.pop().unwrap_or_default(),
            _ => chain.take(token),
        }
        if outer.len() > DEEPEST {
            return Err(Refusal::new(
                token.span(),
                format!("the statement is nested more than {DEEPEST} times"),
                "name the inner queries in WITH",
            ));
        }
        if chain.length() > LONGEST_CHAIN {
            return Err(Refusal::new(
                token.span(),
                format!("an expression has more than {LONGEST_CHAIN} operators"),
                "bind an array: = ANY($1), or INSERT … SELECT … FROM UNNEST($1, $2)",
            ));
        }
        deepest = deepest.max(outer.len() * COST + chain.length());
    }
    Ok(deepest)
}

/// How many operators and set operations in a row lead to a place.
#[derive(Debug, Default, Clone, Copy)]
struct Chain {
    base: usize,
    operators: usize,
    set_operations: usize,
}

impl Chain {
    fn length(self) -> usize {
        self.base + self.operators + self.set_operations
    }

    fn take(&mut self, token: &Token<'_>) {
        const OPERATORS: &[&str] = &[
            "and", "at", "between", "collate", "ilike", "in", "interval", "is", "isnull", "like",
            "not", "notnull", "or", "overlaps", "similar",
        ];
        const SETS: &[&str] = &["except", "intersect", "union"];
        // None of these continues an expression at its own level.
        const STARTS: &[&str] = &[
            "from",
            "having",
            "returning",
            "select",
            "set",
            "values",
            "where",
        ];
        let is_one_of = |words: &[&str]| words.iter().any(|word| token.is_word(word));
        match token.class {
            Class::Operator | Class::Mark(b':') => self.operators += 1,
            Class::Mark(b',') => self.operators = 0,
            Class::Word if token.is_word("case") => self.operators += COST,
            // JOIN without ON nests in the parser until ON comes.
            Class::Word if token.is_word("join") => self.operators += COST / 3,
            Class::Word if is_one_of(SETS) => self.set_operations += 1,
            Class::Word if is_one_of(OPERATORS) => self.operators += 1,
            Class::Word if is_one_of(STARTS) => self.operators = 0,
            _ => {}
        }
    }
}

fn class_of_ours(token: &Token<'_>) -> Option<u8> {
    match token.class {
        Class::Word => Some(b'w'),
        Class::Quoted => Some(b'"'),
        Class::Text => Some(b'\''),
        Class::Parameter(_) => Some(b'$'),
        Class::Mark(mark @ (b'(' | b')' | b',' | b';')) => Some(mark),
        Class::Mark(_) | Class::Number | Class::Operator => None,
    }
}

fn class_of_theirs(token: &Theirs) -> Option<u8> {
    match token {
        Theirs::Word(word) => Some(word.quote_style.map_or(b'w', |_| b'"')),
        Theirs::SingleQuotedString(_)
        | Theirs::DollarQuotedString(_)
        | Theirs::EscapedStringLiteral(_)
        | Theirs::NationalStringLiteral(_)
        | Theirs::HexStringLiteral(_)
        | Theirs::SingleQuotedByteStringLiteral(_) => Some(b'\''),
        Theirs::Placeholder(_) => Some(b'$'),
        Theirs::LParen => Some(b'('),
        Theirs::RParen => Some(b')'),
        Theirs::Comma => Some(b','),
        Theirs::SemiColon => Some(b';'),
        Theirs::DoubleQuotedString(_)
        | Theirs::TripleSingleQuotedString(_)
        | Theirs::TripleDoubleQuotedString(_)
        | Theirs::DoubleQuotedByteStringLiteral(_)
        | Theirs::TripleSingleQuotedByteStringLiteral(_)
        | Theirs::TripleDoubleQuotedByteStringLiteral(_)
        | Theirs::SingleQuotedRawStringLiteral(_)
        | Theirs::DoubleQuotedRawStringLiteral(_)
        | Theirs::TripleSingleQuotedRawStringLiteral(_)
        | Theirs::TripleDoubleQuotedRawStringLiteral(_)
        | Theirs::QuoteDelimitedStringLiteral(_)
        | Theirs::NationalQuoteDelimitedStringLiteral(_)
        | Theirs::UnicodeStringLiteral(_)
        | Theirs::Backslash
        | Theirs::LBrace
        | Theirs::RBrace
        | Theirs::DoubleEq
        | Theirs::DuckIntDiv
        | Theirs::Spaceship
        | Theirs::Char(_) => Some(b'!'),
        _ => None,
    }
}

//! Tokens as PostgreSQL itself reads them.
//!
//! The parser has a lexer of its own that serves many databases. This one follows PostgreSQL's
//! scanner only, so that a difference between the two is seen and refused. What PostgreSQL 15
//! and later versions read differently (`1_000`, `0x1F`, a vertical tab) is refused as well.

use std::ops::Range;

use crate::Refusal;
use crate::names::fold;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// An unquoted identifier or keyword.
    Word,
    /// A `"quoted"` identifier.
    Quoted,
    /// A string of any form.
    Text,
    /// A number.
    Number,
    /// `$n`.
    Parameter(u32),
    /// One of `( ) [ ] , ; : .`.
    Mark(u8),
    /// A run of operator characters.
    Operator,
}

/// One token and its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) class: Class,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl Token<'_> {
    pub(crate) fn span(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    pub(crate) fn is(&self, mark: u8) -> bool {
        self.class == Class::Mark(mark)
    }

    /// Whether this is the unquoted word, given in lower case.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.class == Class::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(crate) fn is_name(&self) -> bool {
        matches!(self.class, Class::Word | Class::Quoted)
    }

    /// The identifier as PostgreSQL stores it.
    pub(crate) fn name(&self) -> String {
        match self.class {
            Class::Quoted => {
                let inner = self
                    .text
                    .strip_prefix('"')
                    .and_then(|t| t.strip_suffix('"'));
                inner.unwrap_or(self.text).replace("\"\"", "\"")
            }
            _ => fold(self.text),
        }
    }
}

/// The longest statement that is read.
const LONGEST: usize = 64 * 1024;
/// PostgreSQL cuts longer identifiers, so two names could turn out to be one.
const LONGEST_NAME: usize = 63;

/// All tokens of the text without blanks and comments.
pub(crate) fn tokens(sql: &str) -> Result<Vec<Token<'_>>, Refusal> {
    if sql.len() > LONGEST {
        return Err(Refusal::new(
            0..sql.len(),
            format!("the statement is {} bytes long", sql.len()),
            "write at most 65536 bytes and bind the data as parameters",
        ));
    }
    // It ends the text on its way to the server, also inside a string or a comment.
    if let Some(at) = sql.find('\0') {
        return Err(Refusal::new(
            at..at + 1,
            "the text holds a NUL",
            "remove it",
        ));
    }
    let mut lexer = Lexer {
        sql,
        bytes: sql.as_bytes(),
        at: 0,
        tokens: Vec::new(),
    };
    lexer.run()?;
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    sql: &'a str,
    bytes: &'a [u8],
    at: usize,
    tokens: Vec<Token<'a>>,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn refuse<T>(
        &self,
        start: usize,
        reason: &'static str,
        help: &'static str,
    ) -> Result<T, Refusal> {
        // A span never ends within a character.
        let mut end = self.at.max(start + 1).min(self.bytes.len());
        while !self.sql.is_char_boundary(end) {
            end += 1;
        }
        Err(Refusal::new(start..end, reason, help))
    }

    fn push(&mut self, class: Class, start: usize) {
        let text = self.sql.get(start..self.at).unwrap_or_default();
        self.tokens.push(Token { class, text, start });
    }

    fn run(&mut self) -> Result<(), Refusal> {
        while self.at < self.bytes.len() {
            let start = self.at;
            match self.peek(0) {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0c => self.at += 1,
                b'-' if self.peek(1) == b'-' => self.line_comment(),
                b'/' if self.peek(1) == b'*' => self.block_comment()?,
                b'\'' => self.string(start, false)?,
                b'"' => self.quoted(start)?,
                b'$' => self.dollar(start)?,
                b'0'..=b'9' => self.number(start)?,
                b'.' if self.peek(1).is_ascii_digit() => self.number(start)?,
                mark @ (b'(' | b')' | b'[' | b']' | b',' | b';' | b':' | b'.') => {
                    self.at += 1;
                    self.push(Class::Mark(mark), start);
                }
                byte if is_operator(byte) => self.operator(start),
                byte if is_name_start(byte) => self.word(start)?,
                _ => {
                    return self.refuse(
                        start,
                        "PostgreSQL does not know this character here",
                        "remove it, or write it in a string",
                    );
                }
            }
        }
        Ok(())
    }

    fn line_comment(&mut self) {
        while self.at < self.bytes.len() && !matches!(self.peek(0), b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn block_comment(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        let mut depth = 0_usize;
        while self.at < self.bytes.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.at += 1,
            }
        }
        self.refuse(start, "a comment does not end", "close it with */")
    }

    /// A string whose opening quote is at the current byte.
    fn string(&mut self, start: usize, escapes: bool) -> Result<(), Refusal> {
        self.at += 1;
        while self.at < self.bytes.len() {
            match (self.peek(0), self.peek(1)) {
                (b'\\', _) if escapes => self.at += 2,
                (b'\'', b'\'') => self.at += 2,
                (b'\'', _) => {
                    self.at += 1;
                    self.push(Class::Text, start);
                    return self.stands_alone();
                }
                _ => self.at += 1,
            }
        }
        self.at = self.bytes.len();
        self.refuse(start, "a string does not end", "close it with a quote")
    }

    /// After a line break PostgreSQL goes on in the mode of the first string, so that a backslash
    /// of the second may escape its quote.
    fn stands_alone(&self) -> Result<(), Refusal> {
        match self.tokens.as_slice() {
            [.., first, second] if first.class == Class::Text && second.class == Class::Text => {
                Err(Refusal::new(
                    second.span(),
                    "a string continues another",
                    "write one string, or put || between them",
                ))
            }
            _ => Ok(()),
        }
    }

    fn quoted(&mut self, start: usize) -> Result<(), Refusal> {
        self.at += 1;
        while self.at < self.bytes.len() {
            match (self.peek(0), self.peek(1)) {
                (b'"', b'"') => self.at += 2,
                (b'"', _) => {
                    self.at += 1;
                    self.push(Class::Quoted, start);
                    return self.measure();
                }
                _ => self.at += 1,
            }
        }
        self.refuse(
            start,
            "a quoted name does not end",
            "close it with a double quote",
        )
    }

    fn dollar(&mut self, start: usize) -> Result<(), Refusal> {
        self.at += 1;
        if self.peek(0).is_ascii_digit() {
            let from = self.at;
            while self.peek(0).is_ascii_digit() {
                self.at += 1;
            }
            let digits = self.sql.get(from..self.at).unwrap_or_default();
            if is_name_start(self.peek(0)) || self.peek(0) == b'$' {
                return self.refuse(
                    start,
                    "a parameter runs into a name",
                    "put a blank between them",
                );
            }
            let Ok(number) = digits.parse() else {
                return self.refuse(
                    start,
                    "a parameter's number is too large",
                    "number them from $1",
                );
            };
            self.push(Class::Parameter(number), start);
            return Ok(());
        }
        while is_name_start(self.peek(0)) || (self.at > start + 1 && self.peek(0).is_ascii_digit())
        {
            self.at += 1;
        }
        if self.peek(0) != b'$' {
            return self.refuse(
                start,
                "a dollar sign stands alone",
                "write a parameter as $1",
            );
        }
        self.at += 1;
        let tag = self.sql.get(start..self.at).unwrap_or_default();
        match self.sql.get(self.at..).and_then(|rest| rest.find(tag)) {
            Some(length) => {
                self.at += length + tag.len();
                self.push(Class::Text, start);
                self.stands_alone()
            }
            None => self.refuse(
                start,
                "a dollar-quoted string does not end",
                "close it with its tag",
            ),
        }
    }

    fn number(&mut self, start: usize) -> Result<(), Refusal> {
        let digits = |lexer: &mut Self| {
            while lexer.peek(0).is_ascii_digit() {
                lexer.at += 1;
            }
        };
        digits(self);
        if self.peek(0) == b'.' && self.peek(1) != b'.' {
            self.at += 1;
            digits(self);
        }
        let sign = usize::from(matches!(self.peek(1), b'+' | b'-'));
        if matches!(self.peek(0), b'e' | b'E') && self.peek(1 + sign).is_ascii_digit() {
            self.at += 1 + sign;
            digits(self);
        }
        if is_name_start(self.peek(0)) {
            return self.refuse(
                start,
                "a number runs into a name",
                "write plain digits, or put a blank between them",
            );
        }
        self.push(Class::Number, start);
        Ok(())
    }

    fn operator(&mut self, start: usize) {
        while is_operator(self.peek(0)) {
            let comment = matches!((self.peek(0), self.peek(1)), (b'-', b'-') | (b'/', b'*'));
            if comment && self.at > start {
                break;
            }
            self.at += 1;
        }
        self.push(Class::Operator, start);
    }

    fn word(&mut self, start: usize) -> Result<(), Refusal> {
        while is_name_start(self.peek(0)) || self.peek(0).is_ascii_digit() || self.peek(0) == b'$' {
            self.at += 1;
        }
        let text = self.sql.get(start..self.at).unwrap_or_default();
        match (text, self.peek(0), self.peek(1)) {
            ("e" | "E", b'\'', _) => self.string(start, true),
            ("b" | "B" | "x" | "X" | "n" | "N", b'\'', _) => self.string(start, false),
            ("u" | "U", b'&', b'\'' | b'"') => self.refuse(
                start,
                "U& strings and names are not read",
                "write the characters themselves",
            ),
            _ => {
                self.push(Class::Word, start);
                self.measure()
            }
        }
    }

    fn measure(&self) -> Result<(), Refusal> {
        match self.tokens.last() {
            Some(token) if token.name().len() > LONGEST_NAME => Err(Refusal::new(
                token.span(),
                "PostgreSQL cuts names after 63 bytes",
                "write a shorter name",
            )),
            Some(token) if token.class == Class::Quoted && token.text == "\"\"" => Err(
                Refusal::new(token.span(), "a quoted name is empty", "write a name"),
            ),
            _ => Ok(()),
        }
    }
}

fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_operator(byte: u8) -> bool {
    b"~!@#^&|`?+-*/%<>=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<&str> {
        tokens(sql)
            .expect("valid tokens")
            .into_iter()
            .map(|token| token.text)
            .collect()
    }

    #[test]
    fn comments_nest_and_end_where_postgresql_ends_them() {
        assert_eq!(texts("a /* x /* y */ z */ b -- c\rd"), ["a", "b", "d"]);
        assert_eq!(texts("1 +-- x\n 2 */* y */ 3"), ["1", "+", "2", "*", "3"]);
    }

    #[test]
    fn strings_keep_their_inside() {
        assert_eq!(
            texts(r"'a\', 'it''s', E'it\'s', $x$ $$ $x$"),
            [r"'a\'", ",", "'it''s'", ",", r"E'it\'s'", ",", "$x$ $$ $x$"]
        );
    }

    #[test]
    fn what_versions_read_differently_is_refused() {
        for sql in [
            "1_000",
            "0x1F",
            "1a",
            "$1a",
            "U&'x'",
            "a\u{b}b",
            "'x",
            "/* /* */",
            "\\",
            "'a'\n'b'",
            "E'a' -- x\n'b\\'",
            "$$a$$ 'b'",
            "a\0",
            "'\0'",
            "\"a\0\"",
            "1 -- \0",
            "/* \0 */ 1",
        ] {
            assert!(tokens(sql).is_err(), "{sql}");
        }
    }
}

//! The statements of a migration: their texts, lines and words.

use crate::lexer::{Lexer, Token};

/// How many bytes of a name PostgreSQL keeps.
const LONGEST: usize = 63;

/// One statement of a file.
#[derive(Debug)]
pub(crate) struct Statement<'a> {
    /// Its text, with what stands in front of it, without the semicolon.
    pub(crate) text: &'a str,
    /// Where the text begins in the file, in bytes.
    pub(crate) start: usize,
    /// The line of its first word.
    pub(crate) line: usize,
    pub(crate) tokens: Vec<Placed<'a>>,
}

/// A token and where it ends in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a> {
    pub(crate) token: Token<'a>,
    pub(crate) end: usize,
}

impl Statement<'_> {
    /// The keyword at `at`, upper case, or nothing.
    pub(crate) fn word(&self, at: usize) -> String {
        match self.tokens.get(at).map(|placed| placed.token) {
            Some(Token::Word(word)) => word.to_ascii_uppercase(),
            _ => String::new(),
        }
    }

    /// Whether the tokens from `at` are these keywords.
    pub(crate) fn reads(&self, at: usize, words: &[&str]) -> bool {
        (at..).zip(words).all(|(at, word)| self.word(at) == *word)
    }

    /// The place of these keywords in a row, if they are there.
    pub(crate) fn find(&self, words: &[&str]) -> Option<usize> {
        (0..self.tokens.len()).find(|at| self.reads(*at, words))
    }

    pub(crate) fn is(&self, at: usize, symbol: char) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|placed| placed.token == Token::Symbol(symbol))
    }

    /// The name that begins at `at`, without a schema, as PostgreSQL keeps it, and the place
    /// behind it.
    pub(crate) fn name(&self, mut at: usize) -> Option<(String, usize)> {
        loop {
            let name = match self.tokens.get(at)?.token {
                Token::Word(word) => word.to_ascii_lowercase(),
                Token::Quoted(name) => name.replace("\"\"", "\""),
                _ => return None,
            };
            at += 1;
            if !self.is(at, '.') {
                let mut name = name;
                name.truncate(name.floor_char_boundary(LONGEST));
                return Some((name, at));
            }
            at += 1;
        }
    }
}

/// Cuts `sql`, whose quotes and comments were seen to end, at the semicolons between statements.
pub(crate) fn split(sql: &str) -> Vec<Statement<'_>> {
    let offset = sql.len() - sql.strip_prefix('\u{feff}').unwrap_or(sql).len();
    let mut lexer = Lexer::new(sql);
    let mut statements = Vec::new();
    let (mut tokens, mut start, mut line) = (Vec::new(), offset, 1);
    // Bodies in SQL have semicolons of their own, between BEGIN ATOMIC and END.
    let (mut parens, mut blocks) = (0_usize, 0_usize);
    let mut previous = String::new();
    while let Ok(Some(token)) = lexer.next() {
        let end = lexer.at() + offset;
        if token == Token::Symbol(';') && parens == 0 && blocks == 0 {
            if !tokens.is_empty() {
                statements.push(Statement {
                    text: &sql[start..end - 1],
                    start,
                    line,
                    tokens: std::mem::take(&mut tokens),
                });
            }
            start = end;
            previous.clear();
            continue;
        }
        if tokens.is_empty() {
            line = lexer.line();
        }
        let word = match token {
            Token::Word(word) => word.to_ascii_uppercase(),
            _ => String::new(),
        };
        match token {
            Token::Symbol('(') => parens += 1,
            Token::Symbol(')') => parens = parens.saturating_sub(1),
            _ if (word == "ATOMIC" && previous == "BEGIN") || (blocks > 0 && word == "CASE") => {
                blocks += 1;
            }
            _ if blocks > 0 && word == "END" => blocks -= 1,
            _ => {}
        }
        previous = word;
        tokens.push(Placed { token, end });
    }
    if !tokens.is_empty() {
        statements.push(Statement {
            text: &sql[start..],
            start,
            line,
            tokens,
        });
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_cut_where_they_end_and_keep_their_lines() {
        let sql = "-- first\nCREATE TABLE a (b int);\n\n;INSERT INTO a VALUES (';');\nCREATE FUNCTION \
                   f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END";
        let statements = split(sql);
        let lines: Vec<_> = statements.iter().map(|s| (s.line, s.word(0))).collect();
        let expected = [(2, "CREATE"), (4, "INSERT"), (5, "CREATE")];
        assert_eq!(lines, expected.map(|(line, word)| (line, word.to_owned())));
        assert_eq!(statements[0].name(2), Some(("a".to_owned(), 3)));
        assert!(statements[1].text.ends_with("VALUES (';')"));
        assert_eq!(&sql[statements[2].start..], statements[2].text);
    }
}

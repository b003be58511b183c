//! Cuts SQL into the tokens that decide where a statement begins: it knows quotes, dollar quotes,
//! escapes and comments, and nothing about grammar.

/// One token; comments and white space are not tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A keyword or a name without quotes.
    Word(&'a str),
    /// A name in double quotes, as it stands between them.
    Quoted(&'a str),
    /// A string constant of any kind.
    Text,
    /// Any other character.
    Symbol(char),
}

/// A quote or comment that does not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unterminated;

/// Gives the tokens of a text, one by one.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    sql: &'a str,
    at: usize,
    /// The line of the place up to which lines were counted.
    counted: (usize, usize),
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(sql: &'a str) -> Self {
        Self {
            // Editors of some systems put a byte order mark in front.
            sql: sql.strip_prefix('\u{feff}').unwrap_or(sql),
            at: 0,
            counted: (0, 1),
        }
    }

    /// Where the token ends that was given last, in bytes of a text without a byte order mark.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The line of the token that was given last, counted from one.
    pub(crate) fn line(&mut self) -> usize {
        let (from, line) = self.counted;
        let line = line + self.sql[from..self.at].matches('\n').count();
        self.counted = (self.at, line);
        line
    }

    /// The next token, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Token<'a>>, Unterminated> {
        self.skip_space_and_comments()?;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(None);
        };
        let token = match first {
            '\'' => {
                self.text(Escapes::None)?;
                Token::Text
            }
            '"' => Token::Quoted(self.quoted()?),
            '$' => match dollar_tag(rest) {
                Some(tag) => {
                    let body = &rest[tag.len()..];
                    let end = body.find(tag).ok_or(Unterminated)?;
                    self.at += end + 2 * tag.len();
                    Token::Text
                }
                None => self.symbol(first),
            },
            _ if starts_word(first) => {
                let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
                let word = &rest[..end];
                self.at += end;
                if word.eq_ignore_ascii_case("e") && self.rest().starts_with('\'') {
                    self.text(Escapes::Backslash)?;
                    Token::Text
                } else {
                    Token::Word(word)
                }
            }
            _ => self.symbol(first),
        };
        Ok(Some(token))
    }

    fn rest(&self) -> &'a str {
        &self.sql[self.at..]
    }

    fn symbol(&mut self, symbol: char) -> Token<'a> {
        self.at += symbol.len_utf8();
        Token::Symbol(symbol)
    }

    fn skip_space_and_comments(&mut self) -> Result<(), Unterminated> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("--") {
                self.at += line_length(trimmed);
            } else if trimmed.starts_with("/*") {
                self.at += comment_length(trimmed).ok_or(Unterminated)?;
            } else {
                return Ok(());
            }
        }
    }

    /// Passes a string constant that begins here, with its continuations on later lines.
    fn text(&mut self, escapes: Escapes) -> Result<(), Unterminated> {
        loop {
            self.at += text_length(self.rest(), escapes).ok_or(Unterminated)?;
            // A line between two constants, which may end in a comment, makes them one.
            let end = self.at;
            let mut lines = false;
            loop {
                let rest = self.rest();
                let trimmed = rest.trim_start();
                let space = rest.len() - trimmed.len();
                lines |= rest[..space].contains(['\n', '\r']);
                self.at += space;
                if !trimmed.starts_with("--") {
                    break;
                }
                self.at += line_length(trimmed);
            }
            if !(lines && self.rest().starts_with('\'')) {
                self.at = end;
                return Ok(());
            }
        }
    }

    fn quoted(&mut self) -> Result<&'a str, Unterminated> {
        let body = &self.rest()[1..];
        let mut from = 0;
        loop {
            let end = from + body[from..].find('"').ok_or(Unterminated)?;
            if body[end + 1..].starts_with('"') {
                from = end + 2;
                continue;
            }
            self.at += end + 2;
            return Ok(&body[..end]);
        }
    }
}

/// How far it is to the end of the line.
fn line_length(sql: &str) -> usize {
    sql.find(['\n', '\r']).unwrap_or(sql.len())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Backslash,
}

/// The length of the string constant that `sql` begins with, both quotes included.
fn text_length(sql: &str, escapes: Escapes) -> Option<usize> {
    let bytes = sql.as_bytes();
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'\\' if escapes == Escapes::Backslash => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// The length of the comment that `sql` begins with; PostgreSQL's comments nest.
fn comment_length(sql: &str) -> Option<usize> {
    let bytes = sql.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match (bytes.get(at)?, bytes.get(at + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                at += 2;
            }
            (b'*', Some(b'/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
}

/// The delimiter, such as `$$` or `$body$`, that `sql` begins with.
fn dollar_tag(sql: &str) -> Option<&str> {
    let end = 1 + sql[1..].find('$')?;
    let name = &sql[1..end];
    let is_tag = name.is_empty()
        || (name.starts_with(starts_word) && name.chars().all(|c| in_word(c) && c != '$'));
    is_tag.then(|| &sql[..=end])
}

fn starts_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn in_word(c: char) -> bool {
    starts_word(c) || c.is_ascii_digit() || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(sql: &str) -> Result<Vec<Token<'_>>, Unterminated> {
        let mut lexer = Lexer::new(sql);
        let mut tokens = Vec::new();
        while let Some(token) = lexer.next()? {
            tokens.push(token);
        }
        Ok(tokens)
    }

    #[test]
    fn strings_of_every_kind_hide_what_is_in_them() {
        for text in [
            "'COMMIT; it''s'",
            r"E'it\'s; COMMIT'",
            "e'a'\n  'b\\'; COMMIT'",
            "$$ COMMIT; $$",
            "$body$ $$ COMMIT; $$ $body$",
            "'a\\'",
        ] {
            assert_eq!(tokens(text), Ok(vec![Token::Text]), "{text}");
        }
    }

    #[test]
    fn comments_nest_and_are_no_tokens() {
        assert_eq!(
            tokens("/* a /* b */ COMMIT; */ x -- COMMIT;\n y"),
            Ok(vec![Token::Word("x"), Token::Word("y")])
        );
    }

    #[test]
    fn names_keep_their_dollars_and_quotes() {
        assert_eq!(
            tokens(r#"a$b$ "c""d" $1"#),
            Ok(vec![
                Token::Word("a$b$"),
                Token::Quoted(r#"c""d"#),
                Token::Symbol('$'),
                Token::Symbol('1')
            ])
        );
    }

    #[test]
    fn what_does_not_end_is_an_error() {
        for text in ["'a", "E'a\\'", "\"a", "$x$ $$", "/* /* */"] {
            assert_eq!(tokens(text), Err(Unterminated), "{text}");
        }
    }
}

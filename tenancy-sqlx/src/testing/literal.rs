//! A string literal's value, with the place in the file that each of its characters has.

/// The value of a literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) value: String,
    /// Line and column of each character, and of the end.
    places: Vec<(usize, usize)>,
}

/// Reads a literal as it is written at `line` and `column` (from one); `None` for what is no
/// string, such as a number or bytes.
pub(super) fn read(written: &str, line: usize, column: usize) -> Option<Text> {
    let mut cursor = Cursor {
        rest: written,
        line,
        column,
        text: Text {
            value: String::new(),
            places: Vec::new(),
        },
    };
    match written.as_bytes().first()? {
        b'"' => cursor.cooked()?,
        b'r' => cursor.raw()?,
        _ => return None,
    }
    Some(cursor.text)
}

impl Text {
    /// The place of the character that `before` others precede.
    pub(super) fn place(&self, before: usize) -> Option<(usize, usize)> {
        self.places.get(before).copied()
    }
}

struct Cursor<'a> {
    rest: &'a str,
    line: usize,
    column: usize,
    text: Text,
}

impl Cursor<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn raw(&mut self) -> Option<()> {
        self.next();
        let mut end = String::from("\"");
        while self.rest.starts_with('#') {
            self.next();
            end.push('#');
        }
        if self.next()? != '"' {
            return None;
        }
        while !self.rest.starts_with(&end) {
            let place = (self.line, self.column);
            let c = self.next()?;
            self.push(c, place);
        }
        self.text.places.push((self.line, self.column));
        Some(())
    }

    fn cooked(&mut self) -> Option<()> {
        self.next();
        loop {
            let place = (self.line, self.column);
            match self.next()? {
                '"' => {
                    self.text.places.push(place);
                    return Some(());
                }
                '\\' => self.escape(place)?,
                c => self.push(c, place),
            }
        }
    }

    /// Reads what follows the backslash at `place`; a line's end stands for nothing.
    fn escape(&mut self, place: (usize, usize)) -> Option<()> {
        let c = match self.next()? {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            '0' => '\0',
            'x' => self.number(2)?,
            'u' => {
                self.next();
                let digits = self.rest.find('}')?;
                let c = self.number(digits)?;
                self.next();
                c
            }
            '\n' => {
                while self.rest.starts_with([' ', '\t', '\n', '\r']) {
                    self.next();
                }
                return Some(());
            }
            c => c,
        };
        self.push(c, place);
        Some(())
    }

    fn number(&mut self, digits: usize) -> Option<char> {
        let mut number = String::new();
        for _ in 0..digits {
            number.push(self.next()?);
        }
        number.retain(|c| c != '_');
        char::from_u32(u32::from_str_radix(&number, 16).ok()?)
    }

    fn push(&mut self, c: char, place: (usize, usize)) {
        self.text.value.push(c);
        self.text.places.push(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(written: &str) -> Option<String> {
        read(written, 1, 1).map(|text| text.value)
    }

    #[test]
    fn a_literal_has_the_value_that_the_compiler_gives_it() {
        macro_rules! check {
            ($($literal:literal)*) => {$(
                assert_eq!(value(stringify!($literal)).as_deref(), Some($literal));
            )*};
        }
        check!(
            "" "plain" "tab\tquote\"back\\slash\n" "\x41\u{e9}\u{1F600}\u{00_41}\0\'" r"raw\n" r#"a "name""#
            r##"a "# b"## "über" "one \
                two" "first
                second"
        );
    }

    #[test]
    fn what_is_no_string_has_no_value() {
        for written in ["1", "b\"x\"", "'c'", "c\"x\"", "\"open", "r\"open", ""] {
            assert_eq!(value(written), None, "{written}");
        }
    }

    #[test]
    fn characters_know_their_place_in_the_file() {
        let text = read("\"a\\n\\\n   b\nc\"", 7, 5).expect("a string");
        assert_eq!(text.value, "a\nb\nc");
        let places: Vec<_> = (0..6).filter_map(|at| text.place(at)).collect();
        assert_eq!(places, [(7, 6), (7, 7), (8, 4), (8, 5), (9, 1), (9, 2)]);
        let raw = read("r#\"ab\"#", 1, 1).expect("a string");
        assert_eq!(raw.place(0), Some((1, 4)));
    }
}

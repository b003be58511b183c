//! Reads CSV as RFC 4180 has it, and goes on behind a line that is none.

use std::borrow::Cow;

/// More fields than any table has; those behind them are only counted.
const KEPT: usize = 64;

/// One line of a table, which may be several of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The line of the text on which it begins, from one.
    pub(super) line: usize,
    pub(super) fields: Vec<Cow<'a, str>>,
    /// How many fields it has, also of those that are not kept.
    pub(super) width: usize,
    pub(super) fault: Option<Fault>,
}

/// Why a line cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// A quote within a field that does not begin with one.
    Stray,
    /// Something between the end of a quoted field and the comma.
    Behind,
    /// The text ends before the field does, so nobody knows what was meant.
    Unclosed,
}

/// The records of a text, one after the other; lines with nothing on them are none.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

/// What follows a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Field,
    Record,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            line: 1,
        }
    }

    fn record(&mut self) -> Record<'a> {
        let mut record = Record {
            line: self.line,
            fields: Vec::new(),
            width: 0,
            fault: None,
        };
        loop {
            let next = match self.rest.strip_prefix('"') {
                Some(rest) => self.quoted(rest, &mut record),
                None => self.plain(&mut record),
            };
            if next == Next::Record {
                return record;
            }
        }
    }

    fn plain(&mut self, record: &mut Record<'a>) -> Next {
        let end = self.rest.find([',', '\n', '\r', '"']);
        let (field, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if rest.starts_with('"') {
            return self.fault(Fault::Stray, record);
        }
        record.push(Cow::Borrowed(field));
        self.rest = rest;
        self.delimiter()
    }

    /// Reads a field whose first quote is before `inside`.
    fn quoted(&mut self, inside: &'a str, record: &mut Record<'a>) -> Next {
        let (mut text, mut inside) = (Cow::Borrowed(""), inside);
        loop {
            let Some((piece, behind)) = inside.split_once('"') else {
                record.fault = Some(Fault::Unclosed);
                self.rest = "";
                return Next::Record;
            };
            text += piece;
            inside = behind;
            // Two of them are one that belongs to the text.
            match behind.strip_prefix('"') {
                Some(behind) => {
                    text += "\"";
                    inside = behind;
                }
                None => break,
            }
        }
        self.line += text.matches('\n').count();
        self.rest = inside;
        if !inside.is_empty() && !inside.starts_with([',', '\n', '\r']) {
            return self.fault(Fault::Behind, record);
        }
        record.push(text);
        self.delimiter()
    }

    fn delimiter(&mut self) -> Next {
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            return Next::Field;
        }
        let ends = ["\r\n", "\n", "\r"];
        if let Some(rest) = ends.iter().find_map(|end| self.rest.strip_prefix(end)) {
            self.rest = rest;
            self.line += 1;
        }
        Next::Record
    }

    /// Goes on behind the end of the line.
    fn fault(&mut self, fault: Fault, record: &mut Record<'a>) -> Next {
        record.fault = Some(fault);
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
        self.delimiter()
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        while !self.rest.is_empty() {
            let record = self.record();
            if !record.is_blank() {
                return Some(record);
            }
        }
        None
    }
}

impl<'a> Record<'a> {
    fn push(&mut self, field: Cow<'a, str>) {
        self.width += 1;
        if self.fields.len() < KEPT {
            self.fields.push(field);
        }
    }

    fn is_blank(&self) -> bool {
        self.fault.is_none() && self.width == 1 && self.fields[0].trim().is_empty()
    }
}

impl Fault {
    /// What to do about it.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::Stray => {
                "a quote stands within a field: put the whole field into quotes and write the \
                 quote twice"
            }
            Self::Behind => {
                "something stands behind the end of a quoted field: write a quote within it twice"
            }
            Self::Unclosed => "a quoted field begins here and does not end: close it with a quote",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Vec<Vec<String>> {
        let all = Reader::new(text).map(|record| {
            assert_eq!(record.fault, None, "{text:?}");
            assert_eq!(record.width, record.fields.len(), "{text:?}");
            record.fields.into_iter().map(Cow::into_owned).collect()
        });
        all.collect()
    }

    #[test]
    fn fields_are_what_stands_between_the_commas() {
        for (text, wanted) in [
            ("", vec![]),
            ("\n \r\n\n", vec![]),
            ("a", vec![vec!["a"]]),
            ("a,b\n", vec![vec!["a", "b"]]),
            ("a,\n,b,", vec![vec!["a", ""], vec!["", "b", ""]]),
            (
                "a\r\nb\rc\nd",
                vec![vec!["a"], vec!["b"], vec!["c"], vec!["d"]],
            ),
            ("\"a,b\",c", vec![vec!["a,b", "c"]]),
            (
                "\"say \"\"hi\"\"\"\"\",\"\"",
                vec![vec!["say \"hi\"\"", ""]],
            ),
            (
                "\"two\r\nlines\",x\ny",
                vec![vec!["two\r\nlines", "x"], vec!["y"]],
            ),
            (
                "=1+1,@cmd,é\u{1F600}",
                vec![vec!["=1+1", "@cmd", "é\u{1F600}"]],
            ),
        ] {
            assert_eq!(fields(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_is_none_says_why_and_the_next_is_read() {
        let text = "a,b\nx\"y,1\n\"p\"q,2\n\"two\nlines\",3\nlast,4\n\"open,5\nnever,6";
        let read: Vec<_> = Reader::new(text)
            .map(|record| (record.line, record.fault))
            .collect();
        let wanted = [
            (1, None),
            (2, Some(Fault::Stray)),
            (3, Some(Fault::Behind)),
            (4, None),
            (6, None),
            (7, Some(Fault::Unclosed)),
        ];
        assert_eq!(read, wanted);
    }

    #[test]
    fn a_line_of_many_fields_is_counted_and_not_kept() {
        let text = ",".repeat(100_000);
        let record = Reader::new(&text).next().unwrap();
        assert_eq!((record.width, record.fields.len()), (100_001, KEPT));
    }

    #[test]
    fn any_text_comes_to_an_end() {
        // Every text of so many of the signs that mean something.
        let signs = ['"', ',', '\n', '\r', 'a'];
        for number in 0..signs.len().pow(6) {
            let mut rest = number;
            let text: String = std::iter::repeat_with(|| {
                let sign = signs[rest % signs.len()];
                rest /= signs.len();
                sign
            })
            .take(6)
            .collect();
            let lines = Reader::new(&text).map(|record| record.line);
            assert!(lines.is_sorted(), "{text:?}");
        }
    }
}

//! The little of TOML that `tenancy.toml` is written in: one table with lists of strings.
//!
//! What is not known is an error with its line, so that a misspelt key is not overlooked.

use crate::InvalidAllowed;

/// The lists there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Functions,
    Types,
}

/// One string of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) line: usize,
    pub(crate) key: Key,
    pub(crate) value: String,
}

/// All strings of the lists in `[extensions]`, in the order of the text.
pub(crate) fn names(text: &str) -> Result<Vec<Name>, InvalidAllowed> {
    let mut reader = Reader {
        rest: text,
        line: 1,
    };
    let (mut inside, mut seen, mut names) = (false, Vec::new(), Vec::new());
    loop {
        reader.blank();
        if reader.rest.is_empty() {
            return Ok(names);
        }
        if reader.take('[') {
            let table = reader.until(']')?.trim();
            if table != "extensions" {
                return reader.wrong(format!("there is no table [{table}]; write [extensions]"));
            }
            if std::mem::replace(&mut inside, true) {
                return reader.wrong("[extensions] stands here twice");
            }
            reader.line_ends()?;
            continue;
        }
        let key = reader.until('=')?.trim();
        let list = match key {
            "functions" => Key::Functions,
            "types" => Key::Types,
            _ => {
                return reader.wrong(format!("{key:?} is not known; write functions or types"));
            }
        };
        if !inside {
            return reader.wrong(format!(
                "{key} stands in no table; write [extensions] before it"
            ));
        }
        if seen.contains(&list) {
            return reader.wrong(format!("{key} stands here twice"));
        }
        seen.push(list);
        reader.list(list, &mut names)?;
        reader.line_ends()?;
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn wrong<T>(&self, reason: impl Into<String>) -> Result<T, InvalidAllowed> {
        Err(InvalidAllowed::new(self.line, reason))
    }

    /// Skips blanks, line breaks and comments.
    fn blank(&mut self) {
        loop {
            let rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
            let skipped = self.rest.len() - rest.len();
            self.line += self
                .rest
                .get(..skipped)
                .unwrap_or_default()
                .matches('\n')
                .count();
            let Some(comment) = rest.strip_prefix('#') else {
                self.rest = rest;
                return;
            };
            self.rest = comment
                .find('\n')
                .and_then(|at| comment.get(at..))
                .unwrap_or_default();
        }
    }

    fn take(&mut self, mark: char) -> bool {
        let after = self.rest.strip_prefix(mark);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// The text up to the mark, on this line.
    fn until(&mut self, mark: char) -> Result<&'a str, InvalidAllowed> {
        let line = self.rest.lines().next().unwrap_or_default();
        match line.split_once(mark) {
            Some((before, _)) => {
                self.rest = self
                    .rest
                    .get(before.len() + mark.len_utf8()..)
                    .unwrap_or_default();
                Ok(before)
            }
            None => self.wrong(format!("{mark} is missing in {:?}", line.trim())),
        }
    }

    fn line_ends(&self) -> Result<(), InvalidAllowed> {
        let line = self.rest.lines().next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        self.wrong(format!("{line:?} may not stand here"))
    }

    /// `["a", 'b',]`, over one line or several.
    fn list(&mut self, key: Key, names: &mut Vec<Name>) -> Result<(), InvalidAllowed> {
        const WANTED: &str = "write a list of names, such as [\"st_clusterdbscan\"]";
        self.blank();
        if !self.take('[') {
            return self.wrong(WANTED);
        }
        loop {
            self.blank();
            if self.take(']') {
                return Ok(());
            }
            let Some(quote @ ('"' | '\'')) = self.rest.chars().next() else {
                return self.wrong(WANTED);
            };
            self.take(quote);
            let line = self.line;
            let value = self.until(quote)?.to_owned();
            names.push(Name { line, key, value });
            self.blank();
            if !self.take(',') && !self.rest.starts_with(']') {
                return self.wrong("a comma or ] is missing after a name");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_with_comments_and_over_several_lines() {
        let text = "# ours\n[extensions] # all\nfunctions = [\n  \"a\", # one\n  'b',\n]\r\n\ntypes=[\"c\"]";
        let read = names(text).expect("valid");
        let read: Vec<_> = read
            .iter()
            .map(|n| (n.line, n.key, n.value.as_str()))
            .collect();
        let wanted = [
            (4, Key::Functions, "a"),
            (5, Key::Functions, "b"),
            (8, Key::Types, "c"),
        ];
        assert_eq!(read, wanted);
        assert_eq!(names(""), Ok(Vec::new()));
        assert_eq!(names("[extensions]\nfunctions = []\n"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_not_known_is_an_error_on_its_line() {
        for (text, line, reason) in [
            ("[extension]\n", 1, "no table [extension]"),
            ("functions = []", 1, "stands in no table"),
            ("[extensions]\n\nfunction = []", 3, "is not known"),
            ("[extensions]\nfunctions = \"a\"", 2, "write a list"),
            ("[extensions]\nfunctions = [a]", 2, "write a list"),
            ("[extensions]\nfunctions = [\"a\" \"b\"]", 2, "a comma or ]"),
            ("[extensions]\nfunctions = [\"a\"", 2, "a comma or ]"),
            (
                "[extensions]\nfunctions = [\"a\"] types = []",
                2,
                "may not stand here",
            ),
            ("[extensions]\nfunctions = []\nfunctions = []", 3, "twice"),
            ("[extensions]\n[extensions]", 2, "twice"),
            ("[extensions\n", 1, "] is missing"),
            ("[extensions]\nfunctions = [\"a\nb\"]", 2, "\" is missing"),
            ("what is this", 1, "= is missing"),
        ] {
            let error = names(text).expect_err(text);
            assert_eq!(error.line(), line, "{text}: {error}");
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
    }
}

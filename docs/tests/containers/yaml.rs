//! Reads the plain YAML that compose files are written in here, and refuses all other.

/// A value; maps keep their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Yaml {
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    /// Reads a whole file.
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().enumerate().filter_map(|(n, line)| {
            let text = line.trim_start();
            let blank = text.is_empty() || text.starts_with('#');
            (!blank).then(|| (n + 1, line.len() - text.len(), text.trim_end()))
        });
        let mut reader = Reader {
            lines: lines.collect(),
            next: 0,
        };
        let value = reader.block(0);
        assert!(reader.next == reader.lines.len(), "{}", reader.unknown());
        value
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.map().iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// The entries of a map; none for another value.
    pub(crate) fn map(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list as texts; none for another value.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match self {
            Self::List(items) => items.iter().map(Self::text).collect(),
            _ => Vec::new(),
        }
    }

    /// The text; empty for another value.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }
}

struct Reader<'a> {
    /// Number, indentation and text of every line that says something.
    lines: Vec<(usize, usize, &'a str)>,
    next: usize,
}

impl<'a> Reader<'a> {
    fn unknown(&self) -> String {
        format!("this reader does not know {:?}", self.lines.get(self.next))
    }

    /// The line to read, if it belongs to a block that is indented by `indent`.
    fn at(&self, indent: usize) -> Option<&'a str> {
        let &(_, found, text) = self.lines.get(self.next)?;
        (found == indent).then_some(text)
    }

    fn block(&mut self, indent: usize) -> Yaml {
        let mut map = Vec::new();
        let mut list = Vec::new();
        while let Some(line) = self.at(indent) {
            if let Some(item) = line.strip_prefix("- ") {
                let value = self.value(item.trim(), indent);
                list.push(value);
            } else {
                let (key, rest) = line
                    .split_once(':')
                    .unwrap_or_else(|| panic!("{}", self.unknown()));
                let value = self.value(rest.trim(), indent);
                assert!(!map.iter().any(|(k, _)| k == key), "{key} stands twice");
                map.push((key.to_owned(), value));
            }
        }
        match (map.is_empty(), list.is_empty()) {
            (false, true) => Yaml::Map(map),
            (true, false) => Yaml::List(list),
            _ => panic!("{}", self.unknown()),
        }
    }

    /// The value that starts with `text` on the present line, or in a deeper block below it.
    fn value(&mut self, text: &str, indent: usize) -> Yaml {
        self.next += 1;
        let below = self.lines.get(self.next).map(|(_, indent, _)| *indent);
        match text {
            "" => match below {
                Some(below) if below > indent => self.block(below),
                _ => Yaml::Text(String::new()),
            },
            ">-" => {
                let mut words = Vec::new();
                while let Some(&(_, found, line)) = self.lines.get(self.next) {
                    if found <= indent {
                        break;
                    }
                    words.push(line);
                    self.next += 1;
                }
                Yaml::Text(words.join(" "))
            }
            _ => flow(text),
        }
    }
}

/// A value on one line: `[a, b]`, `{ a: b }`, or a text with or without quotes.
fn flow(text: &str) -> Yaml {
    let inside = |open, close| text.strip_prefix(open).and_then(|t| t.strip_suffix(close));
    if let Some(items) = inside('[', ']') {
        return Yaml::List(split(items).into_iter().map(flow).collect());
    }
    if let Some(entries) = inside('{', '}') {
        let entry = |entry: &str| {
            let (key, value) = entry.split_once(": ").expect("a map has keys");
            (key.trim().to_owned(), flow(value.trim()))
        };
        return Yaml::Map(split(entries).into_iter().map(entry).collect());
    }
    let quoted = inside('"', '"').or_else(|| inside('\'', '\''));
    assert!(
        quoted.is_some() || !text.starts_with(['"', '\'', '&', '*', '|', '>', '!', '[', '{']),
        "this reader does not know {text:?}"
    );
    Yaml::Text(quoted.unwrap_or(text).to_owned())
}

/// Splits at commas outside of quotes; what is nested is not known here.
fn split(text: &str) -> Vec<&str> {
    let mut quote = None;
    let parts = text.split(|c: char| {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            _ => {}
        }
        c == ',' && quote.is_none()
    });
    parts.map(str::trim).filter(|p| !p.is_empty()).collect()
}

#[test]
fn the_yaml_of_compose_files_is_read() {
    let text = "# Note\na:\n  b: [x, \"y, z\"]\n  c: { d: e }\n\n  f:\n    - 1:2\n    - >-\n      g &&\n      h\n  # Note\n  i: \"j\"\nk:\n";
    let yaml = Yaml::parse(text);
    let a = yaml.get("a").unwrap();
    assert_eq!(a.get("b").unwrap().texts(), ["x", "y, z"]);
    assert_eq!(a.get("c").unwrap().get("d").unwrap().text(), "e");
    assert_eq!(a.get("f").unwrap().texts(), ["1:2", "g && h"]);
    assert_eq!(a.get("i").unwrap().text(), "j");
    assert_eq!(yaml.get("k").unwrap().text(), "");
}

#[test]
#[should_panic(expected = "does not know")]
fn other_yaml_is_refused() {
    Yaml::parse("a: &anchor b\n");
}

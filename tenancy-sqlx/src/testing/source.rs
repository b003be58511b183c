//! Where a crate's statements stand in its source.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};

use super::literal::{self, Text};

/// A place in a source file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// SQL that a look at the source does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    place: Place,
    why: &'static str,
}

/// A statement as it stands in the source.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) door: Door,
    pub(super) form: Form,
    pub(super) text: Text,
}

/// Whose tables the statement may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Tenant,
    Shared,
}

/// Who reads the statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Parsed,
    Raw,
}

/// What one file has.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) found: Vec<Found>,
    pub(super) unseen: Vec<Unseen>,
}

impl Place {
    /// The file, relative to the crate.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line, from one.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column, from one, in characters.
    pub fn column(&self) -> usize {
        self.column
    }

    fn of(file: &Path, span: Span) -> Self {
        let start = span.start();
        Self {
            file: file.to_owned(),
            line: start.line,
            column: start.column + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

impl Unseen {
    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.why)
    }
}

/// Finds what `source`, the text of `file`, has; or the place where it is no Rust.
pub(super) fn read(file: &Path, source: &str) -> Result<Contents, Place> {
    let mut contents = Contents::default();
    let tokens = TokenStream::from_str(source).map_err(|error| Place::of(file, error.span()))?;
    walk(file, tokens, &mut contents);
    // Otherwise every file that was read stays in memory for its lines.
    proc_macro2::extra::invalidate_current_thread_spans();
    Ok(contents)
}

fn walk(file: &Path, tokens: TokenStream, contents: &mut Contents) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => walk(file, group.stream(), contents),
            TokenTree::Ident(ident) => look(file, ident, &tokens[index + 1..], contents),
            _ => {}
        }
    }
}

/// Looks at a word and at what follows it.
fn look(file: &Path, ident: &Ident, rest: &[TokenTree], contents: &mut Contents) {
    let unseen = |why| Unseen {
        place: Place::of(file, ident.span()),
        why,
    };
    let door = if ident == "tenant_sql" {
        Door::Tenant
    } else if ident == "shared_sql" {
        Door::Shared
    } else {
        if ident == "DynSql" && is_path(rest) {
            contents
                .unseen
                .push(unseen("the text is composed at run time"));
        }
        return;
    };
    match rest {
        [TokenTree::Punct(bang), TokenTree::Group(group), ..]
            if bang.as_char() == '!' && group.delimiter() != Delimiter::None =>
        {
            match statement(group.stream()) {
                Some((form, span, text)) => contents.found.push(Found {
                    place: Place::of(file, span),
                    door,
                    form,
                    text,
                }),
                None => contents
                    .unseen
                    .push(unseen("the text is written by another macro")),
            }
        }
        [TokenTree::Ident(word), ..] if word == "as" => contents
            .unseen
            .push(unseen("the macro is called by another name")),
        _ => {}
    }
}

/// What stands between a macro's parentheses: a string literal, perhaps after `raw`.
fn statement(inside: TokenStream) -> Option<(Form, Span, Text)> {
    let tokens: Vec<TokenTree> = inside.into_iter().collect();
    let (form, literal) = match tokens.as_slice() {
        [TokenTree::Literal(literal)] => (Form::Parsed, literal),
        [TokenTree::Ident(raw), TokenTree::Literal(literal)] if raw == "raw" => {
            (Form::Raw, literal)
        }
        _ => return None,
    };
    let span = literal.span();
    let start = span.start();
    let text = literal::read(&literal.to_string(), start.line, start.column + 1)?;
    Some((form, span, text))
}

/// Whether a word is the front of a longer path, such as `DynSql::new`.
fn is_path(rest: &[TokenTree]) -> bool {
    matches!(
        rest,
        [TokenTree::Punct(a), TokenTree::Punct(b), ..] if a.as_char() == ':' && b.as_char() == ':'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(source: &str) -> Contents {
        read(Path::new("src/a.rs"), source).expect("Rust")
    }

    fn texts(source: &str) -> Vec<String> {
        let found = contents(source).found;
        found.into_iter().map(|found| found.text.value).collect()
    }

    #[test]
    fn statements_are_found_wherever_they_stand() {
        let raw = "r#\"SELECT \"2\"\"#";
        let source = r#"
            use tenancy_sqlx::tenant_sql;
            /// Like `tenant_sql!("SELECT 0")`.
            fn a() { db.query(tenant_sql!("SELECT 1")); } // tenant_sql!("SELECT 0")
            mod inner { const B: &str = "tenant_sql!(\"SELECT 0\")";
                fn b() { vec![tenancy_sqlx::tenant_sql! { RAW }] } }
            macro_rules! c { () => { tenant_sql!["SELECT\t3"] } }
            fn d() { assert!(matches!(ask(&tenant_sql!(raw "SELECT 4")), Some(_))); }
            /* shared_sql!("SELECT 0") */
            async fn e() { shared_sql!("SELECT 5"); ::tenancy_sqlx::shared_sql!(raw r"SELECT 6"); }
        "#
        .replace("RAW", raw);
        assert_eq!(
            texts(&source),
            [
                "SELECT 1",
                "SELECT \"2\"",
                "SELECT\t3",
                "SELECT 4",
                "SELECT 5",
                "SELECT 6"
            ]
        );
        let kinds: Vec<_> = contents(&source)
            .found
            .iter()
            .map(|found| (found.door, found.form))
            .collect();
        assert_eq!(kinds[3], (Door::Tenant, Form::Raw));
        assert_eq!(kinds[4], (Door::Shared, Form::Parsed));
        assert_eq!(kinds[5], (Door::Shared, Form::Raw));
        assert!(contents(&source).unseen.is_empty());
    }

    #[test]
    fn places_are_of_the_literal() {
        let found = contents("fn a() {\n    tenant_sql!(\n        \"SELECT 1\"\n    );\n}").found;
        assert_eq!(found[0].place.to_string(), "src/a.rs:3:9");
    }

    #[test]
    fn what_cannot_be_seen_is_said() {
        let unseen = contents(
            "use tenancy_sqlx::tenant_sql as sql;
             macro_rules! one { ($text:literal) => { tenant_sql!($text) } }
             fn a() { let q = DynSql::new(\"SELECT id FROM blogs\"); }
             fn b(q: DynSql<Read>) { DynSql::<Read>::read(\"SELECT id FROM blogs\"); }",
        )
        .unseen;
        let said: Vec<_> = unseen.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "src/a.rs:1:19: the macro is called by another name",
                "src/a.rs:2:54: the text is written by another macro",
                "src/a.rs:3:31: the text is composed at run time",
                "src/a.rs:4:38: the text is composed at run time",
            ]
        );
    }

    #[test]
    fn a_file_that_is_no_rust_says_where() {
        let place = read(Path::new("src/a.rs"), "fn a() {\n  \"open\n").expect_err("no Rust");
        assert_eq!(place.line(), 2);
    }
}

//! Statements that were checked while the program was compiled: a tenant's, and the app's own.

use std::fmt;
use std::marker::PhantomData;

use tenancy_core::SchemaName;

/// Marks a statement that only reads: one `SELECT` without locks and without functions of the
/// tenant's schema.
#[derive(Debug, Clone, Copy)]
pub enum Read {}

/// Marks every other statement.
#[derive(Debug, Clone, Copy)]
pub enum Write {}

/// What a statement may do to rows: [`Read`] or [`Write`].
pub trait Kind: sealed::Sealed + Send + Sync + 'static {
    /// Whether the statement leaves every row as it is and may be repeated.
    const READ_ONLY: bool;
}

impl Kind for Read {
    const READ_ONLY: bool = true;
}

impl Kind for Write {
    const READ_ONLY: bool = false;
}

/// One checked statement, in which every table is the tenant's own or a shared one.
///
/// It is made by [`tenant_sql!`](crate::tenant_sql) only, and it is no text yet: the schema of
/// the tenant is written between its parts, so there is nothing to run without a tenant.
pub struct TenantSql<K> {
    parts: &'static [&'static str],
    id: u64,
    tables: &'static [&'static str],
    parameters: u16,
    calls: bool,
    file: &'static str,
    line: u32,
    kind: PhantomData<K>,
}

/// One checked statement on the app's own tables, in which every table names its schema.
///
/// It is made by [`shared_sql!`](crate::shared_sql) only. A tenant's tables are never in it.
pub struct SharedSql<K> {
    text: &'static str,
    id: u64,
    tables: &'static [&'static str],
    parameters: u16,
    calls: bool,
    file: &'static str,
    line: u32,
    kind: PhantomData<K>,
}

impl<K: Kind> TenantSql<K> {
    /// Notes whether it calls functions of which it is not known what they do; for the macro.
    #[doc(hidden)]
    #[must_use]
    pub const fn calling(mut self, calls: bool) -> Self {
        self.calls = calls;
        self
    }

    /// Whether the statement calls functions of the application's own. What they leave in a session
    /// is taken away before the connection serves again.
    pub const fn calls(&self) -> bool {
        self.calls
    }

    /// The statement for the tenant that lives in this schema.
    pub fn render(&self, schema: &SchemaName) -> String {
        // A schema's name needs no escape, so its quotes are two bytes.
        let schema = schema.as_str();
        let places = self.parts.len().saturating_sub(1);
        let length = self.parts.iter().map(|part| part.len()).sum::<usize>();
        let mut text = String::with_capacity(length + places * (schema.len() + 2));
        for (place, part) in self.parts.iter().enumerate() {
            if place > 0 {
                text.push('"');
                text.push_str(schema);
                text.push('"');
            }
            text.push_str(part);
        }
        text
    }

    /// Whether the statement only reads.
    pub const fn is_read_only(&self) -> bool {
        K::READ_ONLY
    }

    /// A hash of the text as it was written, the same in every build.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The tenant's tables that the statement names, sorted, each once.
    pub const fn tables(&self) -> &'static [&'static str] {
        self.tables
    }

    /// The number of parameters to bind.
    pub const fn parameters(&self) -> u16 {
        self.parameters
    }

    /// The source file in which the statement is written.
    pub const fn file(&self) -> &'static str {
        self.file
    }

    /// The line of the file in which the statement is written.
    pub const fn line(&self) -> u32 {
        self.line
    }
}

impl<K: Kind> SharedSql<K> {
    /// Notes whether it calls functions of which it is not known what they do; for the macro.
    #[doc(hidden)]
    #[must_use]
    pub const fn calling(mut self, calls: bool) -> Self {
        self.calls = calls;
        self
    }

    /// Whether the statement calls functions of the application's own. What they leave in a session
    /// is taken away before the connection serves again.
    pub const fn calls(&self) -> bool {
        self.calls
    }

    /// The statement as it was written and as it is sent.
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// Whether the statement only reads.
    pub const fn is_read_only(&self) -> bool {
        K::READ_ONLY
    }

    /// A hash of the text, the same in every build.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The tables that the statement names, as `public.users`, sorted, each once.
    pub const fn tables(&self) -> &'static [&'static str] {
        self.tables
    }

    /// The number of parameters to bind.
    pub const fn parameters(&self) -> u16 {
        self.parameters
    }

    /// The source file in which the statement is written.
    pub const fn file(&self) -> &'static str {
        self.file
    }

    /// The line of the file in which the statement is written.
    pub const fn line(&self) -> u32 {
        self.line
    }
}

impl<K: Kind> fmt::Debug for TenantSql<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantSql")
            .field("text", &self.parts.join("tenant"))
            .field("read_only", &K::READ_ONLY)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl<K: Kind> fmt::Debug for SharedSql<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSql")
            .field("text", &self.text)
            .field("read_only", &K::READ_ONLY)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// What the macros' expansions call; no part of the public interface.
#[doc(hidden)]
pub mod private {
    use super::{Kind, PhantomData, SharedSql, TenantSql};

    /// Reads the `tenancy.toml` that `allowed!` has checked.
    #[cfg(feature = "dynamic")]
    pub fn allowed(text: &str) -> tenancy_qualify::Allowed {
        tenancy_qualify::Allowed::parse(text).expect("the macro has read the same text")
    }

    /// Runs what `#[tenancy_sqlx::test]` stands on.
    #[cfg(feature = "testing")]
    pub fn test<R: crate::testing::TestOutcome>(
        migrations: &'static str,
        needs: &[crate::testing::Needs],
        test: impl AsyncFnOnce(&crate::testing::TestTenants) -> R,
    ) -> R {
        crate::testing::run(migrations, needs, test)
    }

    /// Holds what `tenant_sql!` has checked.
    pub const fn tenant_sql<K: Kind>(
        parts: &'static [&'static str],
        id: u64,
        tables: &'static [&'static str],
        parameters: u16,
        file: &'static str,
        line: u32,
    ) -> TenantSql<K> {
        TenantSql {
            parts,
            id,
            tables,
            parameters,
            calls: false,
            file,
            line,
            kind: PhantomData,
        }
    }

    /// Holds what `shared_sql!` has checked.
    pub const fn shared_sql<K: Kind>(
        text: &'static str,
        id: u64,
        tables: &'static [&'static str],
        parameters: u16,
        file: &'static str,
        line: u32,
    ) -> SharedSql<K> {
        SharedSql {
            text,
            id,
            tables,
            parameters,
            calls: false,
            file,
            line,
            kind: PhantomData,
        }
    }
}

mod sealed {
    /// Keeps the kinds of statements to two.
    pub trait Sealed {}

    impl Sealed for super::Read {}
    impl Sealed for super::Write {}
}

#[cfg(test)]
mod tests {
    use super::*;

    static JOIN: TenantSql<Read> = private::tenant_sql(
        &[
            "SELECT b.id FROM ",
            ".blogs b JOIN ",
            ".authors a ON a.id = b.author_id",
        ],
        7,
        &["authors", "blogs"],
        0,
        "src/blogs.rs",
        12,
    );
    static NONE: TenantSql<Write> = private::tenant_sql(&["SELECT 1"], 8, &[], 0, "a.rs", 1);

    fn schema(name: &str) -> SchemaName {
        SchemaName::parse(name).expect("a valid name")
    }

    #[test]
    fn the_schema_is_written_between_the_parts() {
        let text = JOIN.render(&schema("acme"));
        let wanted =
            r#"SELECT b.id FROM "acme".blogs b JOIN "acme".authors a ON a.id = b.author_id"#;
        assert_eq!(text, wanted);
        assert_eq!(NONE.render(&schema("acme")), "SELECT 1");
    }

    #[test]
    fn a_rendered_text_is_allocated_once() {
        for name in ["a", "acme", "a_much_longer_name_of_a_schema"] {
            let text = JOIN.render(&schema(name));
            assert_eq!(text.len(), text.capacity());
        }
    }

    #[test]
    fn schemas_are_quoted_as_their_own_type_quotes_them() {
        let schema = schema("order");
        assert!(
            JOIN.render(&schema)
                .contains(&format!("FROM {}.blogs", schema.quoted()))
        );
    }

    #[test]
    fn a_statement_says_where_it_is_written() {
        assert_eq!((JOIN.file(), JOIN.line()), ("src/blogs.rs", 12));
    }

    #[test]
    fn the_kind_is_known_to_the_type() {
        assert!(JOIN.is_read_only() && !NONE.is_read_only());
        assert_eq!(
            (JOIN.id(), JOIN.tables(), JOIN.parameters()),
            (7, &["authors", "blogs"][..], 0)
        );
    }
}

//! Kinds of documents.

use std::fmt;

/// A kind of documents, such as `products`: `[a-z][a-z0-9_]{0,31}`, checked when the program is
/// compiled.
///
/// # Example
///
/// ```
/// use tenancy_search::Kind;
///
/// const PRODUCTS: Kind = Kind::new("products");
/// assert_eq!(PRODUCTS.as_str(), "products");
/// ```
///
/// A name that is none does not compile:
///
/// ```compile_fail
/// use tenancy_search::Kind;
///
/// const PRODUCTS: Kind = Kind::new("products-*");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(&'static str);

impl Kind {
    /// Names a kind of documents; make it a `const`.
    ///
    /// # Panics
    ///
    /// When `name` is not `[a-z][a-z0-9_]{0,31}`; in a `const` that is an error of the compiler.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(
            !bytes.is_empty() && bytes.len() <= 32 && bytes[0].is_ascii_lowercase(),
            "a kind has 1 to 32 characters and starts with a letter from a to z"
        );
        let mut at = 1;
        while at < bytes.len() {
            assert!(
                matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'_'),
                "a kind is made of a-z, 0-9 and _"
            );
            at += 1;
        }
        Self(name)
    }

    /// The bare name.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// What messages about documents of this kind are about, such as `search.products`.
    pub fn topic(self) -> String {
        format!("search.{}", self.0)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

//! What entries are called.

use std::fmt;
use std::sync::Arc;

use crate::scope::{Prefix, ScopeKind, ScopedName};
use crate::tenant::TenantId;

/// A kind of entries, such as `products`: `[a-z][a-z0-9_-]{0,31}`, checked when the program is
/// compiled.
///
/// # Example
///
/// ```
/// use tenancy_core::cache::Namespace;
///
/// const PRODUCTS: Namespace = Namespace::new("products");
/// assert_ne!(PRODUCTS.key("1"), PRODUCTS.key("01"));
/// ```
///
/// A name that is none does not compile:
///
/// ```compile_fail
/// use tenancy_core::cache::Namespace;
///
/// const PRODUCTS: Namespace = Namespace::new("Products:all");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace(&'static str);

/// What an entry is called within its tenant: a namespace and any bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey {
    namespace: Namespace,
    bytes: Box<[u8]>,
}

/// What entries can be invalidated by, within their tenant: a namespace and any bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheTag(Arc<str>);

/// One tenant of one installation, as a back end sees it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheScope {
    prefix: Arc<Prefix>,
    tenant: TenantId,
}

/// Where an entry of one tenant is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    scope: CacheScope,
    name: ScopedName,
}

impl Namespace {
    /// Names a kind of entries; make it a `const`.
    ///
    /// # Panics
    ///
    /// When `name` is not `[a-z][a-z0-9_-]{0,31}`; in a `const` that is an error of the compiler.
    pub const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        assert!(
            !bytes.is_empty() && bytes.len() <= 32 && bytes[0].is_ascii_lowercase(),
            "a namespace has 1 to 32 characters and starts with a letter from a to z"
        );
        let mut at = 1;
        while at < bytes.len() {
            assert!(
                matches!(bytes[at], b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'),
                "a namespace is made of a-z, 0-9, _ and -"
            );
            at += 1;
        }
        Self(name)
    }

    /// The bare name.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Names an entry: two names are the same exactly when namespace and bytes are.
    pub fn key(self, bytes: impl AsRef<[u8]>) -> CacheKey {
        CacheKey {
            namespace: self,
            bytes: bytes.as_ref().into(),
        }
    }

    /// Names what several entries have in common.
    pub fn tag(self, bytes: impl AsRef<[u8]>) -> CacheTag {
        CacheTag(text(self, bytes.as_ref()).into())
    }
}

impl CacheTag {
    /// The tag in characters that no protocol reads as something else.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a back end has to take it.
    pub(super) fn fits(&self) -> bool {
        self.0.len() <= 512
    }
}

impl CacheScope {
    pub(crate) fn new(prefix: &Arc<Prefix>, tenant: TenantId) -> Self {
        let nobody = TenantId::from_uuid(uuid::Uuid::nil());
        Self {
            prefix: Arc::clone(prefix),
            tenant: crate::sabotaged!("cache.key-without-tenant", nobody, tenant),
        }
    }

    /// The installation.
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// The tenant.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Where `key` is kept; nowhere when it is too long.
    pub(crate) fn place(&self, key: &CacheKey) -> Option<Place> {
        let text = format!("d:{}", text(key.namespace, &key.bytes));
        let name = self.name(&text)?;
        // A back end may put two characters before it, and that is a name, too.
        let fits = name.as_str().len() + 2 <= ScopeKind::Cache.max_len();
        fits.then(|| Place {
            scope: self.clone(),
            name,
        })
    }

    /// The place of a whole name, if that is the tenant's.
    #[cfg(feature = "redis")]
    pub(super) fn place_named(&self, whole: &str) -> Option<Place> {
        let name = self.name(ScopedName::decode(whole).ok()?.name())?;
        (name.as_str() == whole).then(|| Place {
            scope: self.clone(),
            name,
        })
    }

    fn name(&self, name: &str) -> Option<ScopedName> {
        ScopedName::encode(&self.prefix, ScopeKind::Cache, self.tenant, name).ok()
    }
}

impl Place {
    /// Whose it is.
    pub fn scope(&self) -> &CacheScope {
        &self.scope
    }

    /// The whole name, which no other entry of any tenant has.
    pub fn name(&self) -> &ScopedName {
        &self.name
    }
}

/// Keeps what [`ScopedName`] keeps, but for `~`, which begins a byte in hexadecimal.
fn text(namespace: Namespace, bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(namespace.0.len() + bytes.len() + 9);
    text.push_str(namespace.0);
    text.push(':');
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' | b'/' | b'@' => {
                text.push(char::from(byte));
            }
            _ => {
                text.push('~');
                text.push(char::from(HEX[usize::from(byte >> 4)]));
                text.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    text
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({})", self.0)
    }
}

impl fmt::Debug for CacheTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheTag({})", self.0)
    }
}

impl fmt::Debug for CacheScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheScope({} {})", self.prefix, self.tenant)
    }
}

//! Names outside the database, each of which belongs to exactly one tenant.

mod kind;
mod prefix;

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use uuid::Uuid;

pub use self::kind::ScopeKind;
pub use self::prefix::Prefix;

use crate::context::TenantContext;
use crate::error::{Error, ErrorKind};
use crate::tenant::{Tenant, TenantId};

/// A name outside the database that belongs to one tenant, for ever and to nobody else.
///
/// Two names are equal exactly when installation, kind, tenant id and name are: the tenant's slug
/// and schema are no part of it, so a rename loses nothing and a reused slug reveals nothing.
/// Nothing is ever shortened or lower-cased to fit.
///
/// # Example
///
/// ```
/// use tenancy_core::{ErrorKind, Prefix, SchemaName, ScopeKind, ScopedName, Slug};
/// use tenancy_core::{Tenant, TenantId};
///
/// let id: TenantId = "0190a0b0-c0d0-7000-8000-000000000001".parse()?;
/// let acme = Tenant::new(id, Slug::parse("acme")?, SchemaName::parse("acme")?);
/// let prefix = Prefix::default();
///
/// let key = ScopedName::for_tenant(&acme, &prefix, ScopeKind::Cache, "post:1")?;
/// assert_eq!(key.as_str(), "tenancy:c:0190a0b0c0d070008000000000000001:post:1");
/// assert_eq!(ScopedName::decode(key.as_str())?.name(), "post:1");
///
/// let error = ScopedName::for_tenant(&acme, &prefix, ScopeKind::Index, "Posts").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidName);
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopedName(Box<str>);

/// The parts a scoped name was made from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decoded {
    prefix: Prefix,
    kind: ScopeKind,
    tenant: TenantId,
    name: String,
}

impl ScopedName {
    /// Names something of the tenant that `context` is in.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] when `name` is empty, is not legal for `kind`, or makes the
    /// whole longer than [`ScopeKind::max_len`]: an index is `[a-z0-9][a-z0-9_-]*`; an object has
    /// no empty, `.` or `..` segment and none over 255 bytes; the others may be any text.
    pub fn for_context(
        context: &TenantContext,
        prefix: &Prefix,
        kind: ScopeKind,
        name: &str,
    ) -> Result<Self, Error> {
        Self::encode(prefix, kind, context.id(), name)
    }

    /// Names something of `tenant`, whatever its status: for the steps of its life.
    ///
    /// # Errors
    ///
    /// As [`ScopedName::for_context`].
    pub fn for_tenant(
        tenant: &Tenant,
        prefix: &Prefix,
        kind: ScopeKind,
        name: &str,
    ) -> Result<Self, Error> {
        Self::encode(prefix, kind, tenant.id(), name)
    }

    /// Takes a name apart again; the exact inverse of making it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] when `text` is no name that this type makes.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, ScopeKind, ScopedName};
    ///
    /// let parts = ScopedName::decode("tenancy_0190a0b0c0d070008000000000000001_posts")?;
    /// assert_eq!(parts.kind(), ScopeKind::Index);
    /// assert_eq!(ScopedName::decode("posts").unwrap_err().kind(), ErrorKind::Corrupt);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn decode(text: &str) -> Result<Decoded, Error> {
        let corrupt = || {
            Error::new(
                ErrorKind::Corrupt,
                format!("{text:?} is not the name of something that belongs to a tenant"),
            )
        };
        let decoded = take_apart(text).ok_or_else(corrupt)?;
        // Whatever other spelling got this far, only the one that we write is the name.
        let Decoded {
            prefix,
            kind,
            tenant,
            name,
        } = &decoded;
        match Self::encode(prefix, *kind, *tenant, name) {
            Ok(again) if &*again.0 == text => Ok(decoded),
            _ => Err(corrupt()),
        }
    }

    /// The whole name, as the other system gets it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a number for systems whose locks are numbers, such as PostgreSQL's advisory
    /// locks.
    ///
    /// It never changes between versions or machines. 64 bits cannot tell all names apart: two
    /// locks may share a number, with a chance of about one in forty million for a million
    /// locks, and then wait for each other.
    pub fn lock_key(&self) -> i64 {
        // FNV-1a, then a bijection that spreads the last bytes over all bits.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in self.0.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        (hash ^ (hash >> 33)).cast_signed()
    }

    pub(crate) fn encode(
        prefix: &Prefix,
        kind: ScopeKind,
        tenant: TenantId,
        name: &str,
    ) -> Result<Self, Error> {
        let invalid = |reason: &str| {
            Err(Error::new(
                ErrorKind::InvalidName,
                format!("{} name {name:?} is invalid: {reason}", kind.as_str()),
            ))
        };
        if name.is_empty() {
            return invalid("give at least one character");
        }
        // The bound before the work: encoding never makes a name shorter.
        if name.len() > kind.max_len() {
            return invalid("it is too long");
        }
        let nobody = Uuid::nil();
        let anybody = crate::sabotaged!("tenant.name-without-id");
        let id = if anybody { &nobody } else { tenant.as_uuid() };
        let mark = kind.mark();
        let text = match kind {
            ScopeKind::Index if !is_index(name) => {
                return invalid("use a-z, 0-9, _ and -, starting with a letter or digit");
            }
            ScopeKind::Index => format!("{prefix}{mark}{}_{name}", id.simple()),
            ScopeKind::Object if !name.split('/').all(is_segment) => {
                return invalid("between slashes stand 1 to 255 bytes other than . and ..");
            }
            ScopeKind::Object => {
                let name = utf8_percent_encode(name, OBJECT);
                format!("{prefix}{mark}{}/{name}", id.hyphenated())
            }
            ScopeKind::Cache | ScopeKind::Channel | ScopeKind::Lock => {
                let name = utf8_percent_encode(name, TEXT);
                format!("{prefix}{mark}{}:{name}", id.simple())
            }
        };
        if text.len() > kind.max_len() {
            return invalid(&format!(
                "with its prefix and id it has {} bytes, and {} are the most",
                text.len(),
                kind.max_len()
            ));
        }
        Ok(Self(text.into()))
    }
}

impl Decoded {
    /// The installation.
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// What the name is for.
    pub fn kind(&self) -> ScopeKind {
        self.kind
    }

    /// Whose it is.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The name within the tenant.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for ScopedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ScopedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScopedName({})", self.0)
    }
}

/// Characters that no pattern, protocol or terminal reads as something else stay as they are.
const TEXT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b':')
    .remove(b'/')
    .remove(b'@');

const OBJECT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

fn take_apart(text: &str) -> Option<Decoded> {
    let end = text.find([':', '_', '/'])?;
    let (prefix, rest) = text.split_at(end);
    let kind = ScopeKind::ALL
        .into_iter()
        .find(|kind| rest.starts_with(kind.mark()))?;
    let rest = rest.strip_prefix(kind.mark())?;
    let (id, name) = rest.split_once([':', '_', '/'])?;
    Some(Decoded {
        prefix: Prefix::parse(prefix).ok()?,
        kind,
        tenant: TenantId::from_uuid(Uuid::try_parse(id).ok()?),
        name: percent_decode_str(name).decode_utf8().ok()?.into_owned(),
    })
}

fn is_index(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn is_segment(segment: &str) -> bool {
    // Three bytes for each that is encoded, so that the limit holds for what is stored.
    let stored = utf8_percent_encode(segment, OBJECT).map(str::len).sum();
    matches!(stored, 1..=255) && segment != "." && segment != ".."
}

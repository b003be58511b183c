//! The name of a set of sockets in one tenant, as a bus carries it.

use std::fmt;

use tenancy_core::{Error, ErrorKind, Prefix, ScopeKind, ScopedName, TenantContext, TenantId};
use uuid::Uuid;

/// Who in a tenant is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Audience {
    /// Everybody.
    Everyone,
    /// Everybody with a role, such as `staff`.
    Role(String),
    /// One user.
    User(Uuid),
    /// A group of the app's own, such as `order-42`.
    Custom(String),
}

/// A set of sockets in one tenant; two tenants' groups never have the same name.
///
/// The name holds the tenant's id, never its slug or schema, so that a rename moves nobody and
/// user 5 of one tenant is not user 5 of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Group {
    channel: ScopedName,
}

impl Group {
    /// Names the group of `audience` in the context's tenant.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidName`] when the name of a role or custom group is empty or too long
    /// for a channel.
    ///
    /// # Example
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tenancy_core::{ErrorKind, Prefix, SchemaName, Slug, Status, Tenant, TenantContext, TenantId};
    /// use tenancy_notify::{Audience, Group};
    ///
    /// let tenant = Tenant::new(TenantId::generate(), Slug::parse("acme")?, SchemaName::parse("acme")?);
    /// let acme = TenantContext::new(Arc::new(tenant.with_status(Status::Active)), "example")?;
    ///
    /// let staff = Group::new(&acme, &Prefix::default(), &Audience::Role("staff".into()))?;
    /// assert_eq!(Group::parse(staff.channel())?, (acme.id(), Audience::Role("staff".into())));
    ///
    /// let nameless = Group::new(&acme, &Prefix::default(), &Audience::Custom(String::new()));
    /// assert_eq!(nameless.unwrap_err().kind(), ErrorKind::InvalidName);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn new(
        context: &TenantContext,
        prefix: &Prefix,
        audience: &Audience,
    ) -> Result<Self, Error> {
        if let Audience::Role(name) | Audience::Custom(name) = audience
            && name.is_empty()
        {
            return Err(Error::new(
                ErrorKind::InvalidName,
                "a group's name is empty: give it one",
            ));
        }
        let name = audience.to_string();
        Ok(Self {
            channel: ScopedName::for_context(context, prefix, ScopeKind::Channel, &name)?,
        })
    }

    /// The channel's name on the bus.
    pub fn channel(&self) -> &str {
        self.channel.as_str()
    }

    /// Reads back whose group a channel is, the exact inverse of [`Group::new`].
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`] or [`ErrorKind::InvalidName`] when `channel` is no group's name.
    pub fn parse(channel: &str) -> Result<(TenantId, Audience), Error> {
        let decoded = ScopedName::decode(channel)?;
        let audience =
            Audience::parse(decoded.name()).filter(|_| decoded.kind() == ScopeKind::Channel);
        match audience {
            Some(audience) => Ok((decoded.tenant(), audience)),
            None => Err(Error::new(
                ErrorKind::Corrupt,
                format!("channel {channel:?} is no group's: publish through Group only"),
            )),
        }
    }
}

impl Audience {
    fn parse(name: &str) -> Option<Self> {
        let (kind, rest) = name.split_once(':').unwrap_or((name, ""));
        let audience = match kind {
            "all" => Self::Everyone,
            "role" => Self::Role(rest.to_owned()),
            "user" => Self::User(Uuid::try_parse(rest).ok()?),
            "custom" => Self::Custom(rest.to_owned()),
            _ => return None,
        };
        // Only the one spelling that `Display` writes is a group's.
        (audience.to_string() == name).then_some(audience)
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("all"),
            Self::Role(role) => write!(f, "role:{role}"),
            Self::User(id) => write!(f, "user:{}", id.simple()),
            Self::Custom(name) => write!(f, "custom:{name}"),
        }
    }
}

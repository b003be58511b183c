//! What a run is to bring to head.

use tenancy_core::Slug;

/// What a run is to bring to head: the shared part, tenants, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub(crate) shared: Shared,
    pub(crate) tenants: Tenants,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shared {
    Include,
    Skip,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tenants {
    All,
    Only(Vec<Slug>),
    None,
}

impl Selection {
    /// The shared part, then every tenant.
    pub fn all() -> Self {
        Self {
            shared: Shared::Include,
            tenants: Tenants::All,
        }
    }

    /// Only the shared part.
    pub fn shared() -> Self {
        Self {
            shared: Shared::Include,
            tenants: Tenants::None,
        }
    }

    /// Every tenant, and nothing shared.
    pub fn tenants() -> Self {
        Self {
            shared: Shared::Skip,
            tenants: Tenants::All,
        }
    }

    /// The tenants of these slugs, and nothing shared.
    pub fn only(slugs: impl IntoIterator<Item = Slug>) -> Self {
        Self {
            shared: Shared::Skip,
            tenants: Tenants::Only(slugs.into_iter().collect()),
        }
    }
}

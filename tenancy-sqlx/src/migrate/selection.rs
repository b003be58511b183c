//! What a run is to bring to head.

use tenancy_core::{Slug, Status};

use crate::error::{Error, ErrorKind};

/// What a run is to bring to head: the shared part, tenants, or both; never a purged tenant.
///
/// # Example
///
/// ```
/// use tenancy_core::{Slug, Status};
/// use tenancy_sqlx::Selection;
///
/// let big = Slug::parse("big")?;
/// let most = Selection::tenants().except([big]).in_status([Status::Active]);
/// assert_ne!(most, Selection::tenants());
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    pub(crate) shared: Shared,
    pub(crate) tenants: Tenants,
    pub(crate) except: Vec<Slug>,
    /// Every status when empty.
    pub(crate) statuses: Vec<Status>,
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
        Self::new(Shared::Include, Tenants::All)
    }

    /// Only the shared part.
    pub fn shared() -> Self {
        Self::new(Shared::Include, Tenants::None)
    }

    /// Every tenant, and nothing shared.
    pub fn tenants() -> Self {
        Self::new(Shared::Skip, Tenants::All)
    }

    /// The tenants of these slugs, and nothing shared.
    pub fn only(slugs: impl IntoIterator<Item = Slug>) -> Self {
        Self::new(Shared::Skip, Tenants::Only(slugs.into_iter().collect()))
    }

    /// Leaves these tenants out; one that does not exist is refused like one that is asked for.
    #[must_use]
    pub fn except(mut self, slugs: impl IntoIterator<Item = Slug>) -> Self {
        self.except.extend(slugs);
        self
    }

    /// Takes only tenants that are in one of these statuses; without any, all are taken.
    #[must_use]
    pub fn in_status(mut self, statuses: impl IntoIterator<Item = Status>) -> Self {
        self.statuses.extend(statuses);
        self
    }

    fn new(shared: Shared, tenants: Tenants) -> Self {
        Self {
            shared,
            tenants,
            except: Vec::new(),
            statuses: Vec::new(),
        }
    }

    /// The slugs that tenants must have, if they are named.
    pub(crate) fn slugs(&self) -> Option<&[Slug]> {
        match &self.tenants {
            Tenants::All => None,
            Tenants::Only(slugs) => Some(slugs),
            Tenants::None => Some(&[]),
        }
    }

    /// Refuses canaries that have no turn: whoever names one relies on its going first.
    pub(crate) fn must_take(&self, canaries: &[Slug]) -> Result<(), Error> {
        let taken = |slug: &&Slug| {
            !self.except.contains(slug) && self.slugs().is_none_or(|only| only.contains(slug))
        };
        let Some(slug) = canaries.iter().find(|slug| !taken(slug)) else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("tenant {slug} is to go first and is not selected: select it, or name another"),
        ))
    }

    /// Every slug that is written in it.
    pub(crate) fn named(&self) -> impl Iterator<Item = &Slug> {
        self.slugs().unwrap_or_default().iter().chain(&self.except)
    }
}

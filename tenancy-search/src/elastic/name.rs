//! Names in Elasticsearch, each of which tells what it is and whose.
//!
//! | name | what |
//! |---|---|
//! | `<index>` | the alias that is searched; an index while a shared one is being provisioned |
//! | `<index>-<generation>` | the index of one generation with an index to itself |
//! | `<index>-<generation>-live` | the alias through which the searched generation is written |
//! | `<index>-<generation>-draft` | the same for one that is being built |
//! | `<prefix>_shared_<kind>-000001` | the index of all that share one |

use std::fmt;

use tenancy_core::outbox::Fence;
use tenancy_core::{Prefix, TenantId};
use uuid::Uuid;

use crate::index::Index;
use crate::index_name::IndexName;
use crate::kind::Kind;

/// One filling of a tenant's index: a later one has a higher fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Generation {
    fence: u64,
    /// Tells provisionings apart, which have no fence: what is left of one is never taken for the
    /// next one's.
    salt: Option<Uuid>,
}

/// The alias through which a generation is written: whoever holds a name that is gone writes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Live,
    Draft,
}

/// What a name of a tenant's index of some kind means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Generation(Generation),
    Door(Generation, Door),
}

impl Generation {
    pub(super) fn of_draft(fence: Fence) -> Self {
        Self {
            fence: fence.get(),
            salt: None,
        }
    }

    pub(super) fn provisioned() -> Self {
        Self {
            fence: 0,
            salt: Some(Uuid::new_v4()),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (fence, salt) = match text.split_once('_') {
            None => (text, None),
            Some((fence, salt)) => (fence, Some(Uuid::try_parse(salt).ok()?)),
        };
        let parsed = Self {
            fence: fence.parse().ok()?,
            salt,
        };
        (parsed.to_string() == text).then_some(parsed)
    }

    /// Whether what it holds was read after whatever has this fence: then that is in it already, or
    /// was gone.
    pub(super) fn knows(self, fence: Fence) -> bool {
        fence.get() < self.fence
    }

    /// Whether it was begun before this fence was drawn.
    pub(super) fn is_before(self, fence: Fence) -> bool {
        self.fence < fence.get()
    }

    /// Whether `other` was begun before.
    pub(super) fn is_after(self, other: Self) -> bool {
        self.fence > other.fence || (self.fence == other.fence && other.salt.is_some())
    }

    /// What it is called within its tenant's index.
    pub(super) fn index(self, index: &Index) -> String {
        format!("{}-{self}", index.name())
    }

    pub(super) fn door(self, index: &Index, door: Door) -> String {
        format!("{}-{self}-{door}", index.name())
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}", self.fence)?;
        match self.salt {
            Some(salt) => write!(f, "_{}", salt.simple()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Draft => "draft",
        })
    }
}

impl Part {
    /// What `name` means for `index`; nothing when it is another's.
    pub(super) fn read(index: &Index, name: &str) -> Option<Self> {
        let rest = name.strip_prefix(index.name().as_str())?;
        if rest.is_empty() {
            return Some(Self::Whole);
        }
        let rest = rest.strip_prefix('-')?;
        let (generation, door) = match rest.split_once('-') {
            None => (rest, None),
            Some((generation, "live")) => (generation, Some(Door::Live)),
            Some((generation, "draft")) => (generation, Some(Door::Draft)),
            Some(_) => return None,
        };
        let generation = Generation::parse(generation)?;
        Some(match door {
            None => Self::Generation(generation),
            Some(door) => Self::Door(generation, door),
        })
    }
}

/// Where documents of small tenants are.
pub(super) fn shared(prefix: &Prefix, kind: Kind) -> String {
    format!("{prefix}_shared_{kind}-000001")
}

/// The beginning of the names of all that small tenants share; no tenant's name begins so, because
/// its id would be where `shared` is.
pub(super) fn shared_beginning(prefix: &Prefix) -> String {
    format!("{prefix}_shared_")
}

/// The beginning of all names of a tenant: the id has a fixed width, so it is nobody else's.
pub(super) fn beginning(prefix: &Prefix, tenant: TenantId) -> String {
    format!("{prefix}_{}_", tenant.as_uuid().simple())
}

/// Whether a name that the server told is one of this tenant's.
pub(super) fn is_of(prefix: &Prefix, tenant: TenantId, name: &str) -> bool {
    name.starts_with(&beginning(prefix, tenant))
        && IndexName::parse(name).is_ok_and(|(whose, _)| whose == tenant)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tenancy_core::testing::context;

    use super::*;

    fn index(kind: Kind) -> Index {
        Index::new(&context("acme"), &Prefix::default(), kind).unwrap()
    }

    #[test]
    fn a_kind_that_begins_like_another_shares_no_name_with_it() {
        let context = context("acme");
        let prefix = Prefix::default();
        let short = Index::new(&context, &prefix, Kind::new("product")).unwrap();
        let long = Index::new(&context, &prefix, Kind::new("products")).unwrap();
        let generation = Generation::provisioned();
        for name in [
            long.name().to_string(),
            generation.index(&long),
            generation.door(&long, Door::Live),
        ] {
            assert_eq!(Part::read(&short, &name), None, "{name}");
            assert!(Part::read(&long, &name).is_some(), "{name}");
            assert!(is_of(&prefix, context.id(), &name), "{name}");
        }
        assert!(!is_of(&prefix, context.id(), &shared(&prefix, long.kind())));
    }

    #[test]
    fn every_draft_is_after_what_was_provisioned() {
        let provisioned = Generation::provisioned();
        let drafts = [0, 1, 7].map(|fence| Generation::of_draft(Fence::new(fence)));
        assert!(drafts.iter().all(|draft| draft.is_after(provisioned)));
        assert!(drafts[1].is_after(drafts[0]) && !drafts[0].is_after(drafts[1]));
        assert!(!drafts[1].is_after(drafts[1]));
    }

    proptest! {
        #[test]
        fn names_are_read_back_and_no_other_spelling_is(fence: u64, salted: bool, noise in "[0-9a-z_-]{0,30}") {
            let index = index(Kind::new("products"));
            let salt = salted.then(Uuid::new_v4);
            let generation = Generation { fence, salt };
            prop_assert_eq!(Part::read(&index, &generation.index(&index)), Some(Part::Generation(generation)));
            for door in [Door::Live, Door::Draft] {
                prop_assert_eq!(Part::read(&index, &generation.door(&index, door)), Some(Part::Door(generation, door)));
            }
            let odd = format!("{}-{noise}", index.name());
            let again = match Part::read(&index, &odd) {
                None => None,
                Some(Part::Whole) => Some(index.name().to_string()),
                Some(Part::Generation(generation)) => Some(generation.index(&index)),
                Some(Part::Door(generation, door)) => Some(generation.door(&index, door)),
            };
            prop_assert!(again.is_none_or(|again| again == odd));
        }
    }
}

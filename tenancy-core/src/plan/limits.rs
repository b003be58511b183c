//! How much of each thing there may be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::name::LimitName;

/// How much of each thing a tenant may have; what is not named is unlimited.
///
/// # Example
///
/// ```
/// use tenancy_core::{LimitName, Limits};
///
/// const PRODUCTS: LimitName = LimitName::new("products");
/// let limits = Limits::new().limit(PRODUCTS, 50);
/// assert_eq!(limits.get(&PRODUCTS), Some(50));
/// assert_eq!(limits.get(&LimitName::new("users")), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits(pub(super) BTreeMap<LimitName, u64>);

impl Limits {
    /// Everything is unlimited.
    pub fn new() -> Self {
        Self::default()
    }

    /// Limits one thing.
    #[must_use]
    pub fn limit(mut self, name: LimitName, most: u64) -> Self {
        self.0.insert(name, most);
        self
    }

    /// The most there may be; nothing when it is unlimited.
    pub fn get(&self, name: &LimitName) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// Every limit, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&LimitName, u64)> {
        self.0.iter().map(|(name, most)| (name, *most))
    }

    /// Whether everything is unlimited.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

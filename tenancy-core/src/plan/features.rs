//! What a tenant may use at all.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::name::FeatureName;

/// The features that a tenant has; what is not named, it has not.
///
/// As JSON it is an object whose values are all `true`.
///
/// # Example
///
/// ```
/// use tenancy_core::{FeatureName, Features};
///
/// const EXPORTS: FeatureName = FeatureName::new("exports");
/// let features = Features::new().feature(EXPORTS);
/// assert!(features.has(&EXPORTS));
/// assert!(!features.has(&FeatureName::new("branding")));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features(pub(super) BTreeSet<FeatureName>);

impl Features {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    #[must_use]
    pub fn feature(mut self, name: FeatureName) -> Self {
        self.0.insert(name);
        self
    }

    /// Whether it is one of them.
    pub fn has(&self, name: &FeatureName) -> bool {
        self.0.contains(name)
    }

    /// Every one, by name.
    pub fn iter(&self) -> impl Iterator<Item = &FeatureName> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Features {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|name| (name, true)))
    }
}

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = BTreeMap::<FeatureName, bool>::deserialize(deserializer)?;
        let on = all.into_iter().filter_map(|(name, on)| on.then_some(name));
        Ok(Self(on.collect()))
    }
}

//! What is otherwise for one tenant than its plan says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::features::Features;
use super::limits::Limits;
use super::name::{FeatureName, LimitName};

/// Where one tenant's terms differ from its plan's; what is not named is as planned.
///
/// # Example
///
/// ```
/// use tenancy_core::{LimitName, Limits, Overrides};
///
/// const PRODUCTS: LimitName = LimitName::new("products");
/// const USERS: LimitName = LimitName::new("users");
/// let planned = Limits::new().limit(PRODUCTS, 50).limit(USERS, 5);
/// let overrides = Overrides::new().limit(PRODUCTS, 100).unlimited(USERS);
/// let limits = overrides.limits_over(planned);
/// assert_eq!(limits.get(&PRODUCTS), Some(100));
/// assert_eq!(limits.get(&USERS), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// Without a number it is unlimited.
    #[serde(default)]
    limits: BTreeMap<LimitName, Option<u64>>,
    #[serde(default)]
    features: BTreeMap<FeatureName, bool>,
}

impl Overrides {
    /// Everything is as planned.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives one thing a limit of its own.
    #[must_use]
    pub fn limit(mut self, name: LimitName, most: u64) -> Self {
        self.limits.insert(name, Some(most));
        self
    }

    /// Lets there be any number of one thing.
    #[must_use]
    pub fn unlimited(mut self, name: LimitName) -> Self {
        self.limits.insert(name, None);
        self
    }

    /// Limits one thing as planned again.
    #[must_use]
    pub fn planned_limit(mut self, name: &LimitName) -> Self {
        self.limits.remove(name);
        self
    }

    /// Gives a feature.
    #[must_use]
    pub fn feature(mut self, name: FeatureName) -> Self {
        self.features.insert(name, true);
        self
    }

    /// Takes a feature away.
    #[must_use]
    pub fn without_feature(mut self, name: FeatureName) -> Self {
        self.features.insert(name, false);
        self
    }

    /// Has a feature as planned again.
    #[must_use]
    pub fn planned_feature(mut self, name: &FeatureName) -> Self {
        self.features.remove(name);
        self
    }

    /// Whether everything is as planned.
    pub fn is_empty(&self) -> bool {
        self.limits.is_empty() && self.features.is_empty()
    }

    /// The limits that hold for the tenant of a plan with `planned`.
    #[must_use]
    pub fn limits_over(&self, planned: Limits) -> Limits {
        let mut limits = planned;
        for (name, most) in &self.limits {
            match most {
                Some(most) => limits.0.insert(name.clone(), *most),
                None => limits.0.remove(name),
            };
        }
        limits
    }

    /// The features that the tenant of a plan with `planned` has.
    #[must_use]
    pub fn features_over(&self, planned: Features) -> Features {
        let mut features = planned;
        for (name, on) in &self.features {
            if *on {
                features.0.insert(name.clone());
            } else {
                features.0.remove(name);
            }
        }
        features
    }
}

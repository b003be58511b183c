//! The terms that tenants of one kind have in common.

use serde::{Deserialize, Serialize};

use super::features::Features;
use super::limits::Limits;
use super::name::{FeatureName, LimitName, PlanName};

/// What tenants of one plan may use; what it does not limit is unlimited.
///
/// # Example
///
/// ```
/// use tenancy_core::{FeatureName, LimitName, Plan, PlanName};
///
/// const PRODUCTS: LimitName = LimitName::new("products");
/// let free = Plan::new(PlanName::new("free"))
///     .limit(PRODUCTS, 50)
///     .feature(FeatureName::new("exports"));
/// assert_eq!(free.limits().get(&PRODUCTS), Some(50));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    name: PlanName,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    features: Features,
}

impl Plan {
    /// A plan without limits and without features.
    pub fn new(name: PlanName) -> Self {
        Self {
            name,
            limits: Limits::new(),
            features: Features::new(),
        }
    }

    /// Limits one thing.
    #[must_use]
    pub fn limit(mut self, name: LimitName, most: u64) -> Self {
        self.limits = self.limits.limit(name, most);
        self
    }

    /// Includes a feature.
    #[must_use]
    pub fn feature(mut self, name: FeatureName) -> Self {
        self.features = self.features.feature(name);
        self
    }

    /// Takes limits and features that a store kept.
    #[must_use]
    pub fn with(mut self, limits: Limits, features: Features) -> Self {
        self.limits = limits;
        self.features = features;
        self
    }

    /// What it is called.
    pub fn name(&self) -> &PlanName {
        &self.name
    }

    /// How much of each thing its tenants may have.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The features its tenants have.
    pub fn features(&self) -> &Features {
        &self.features
    }
}

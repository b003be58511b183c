//! What a tenant may use: plans, limits and features, and what is special about one tenant.

mod name;

mod features;
mod limits;

mod overrides;
mod terms;

mod admission;

pub use admission::{Admission, Threshold};
pub use features::Features;
pub use limits::Limits;
pub use name::{FeatureName, LimitName, PlanName};
pub use overrides::Overrides;
pub use terms::Plan;

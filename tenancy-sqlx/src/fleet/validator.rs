//! The application's own say about new tenants.

use std::sync::Arc;

use async_trait::async_trait;

use super::Fleet;
use super::new_tenant::TenantPlan;
use crate::error::Error;

/// Decides whether a tenant may be created: a plan, a list of words, another service's answer.
///
/// ```
/// use async_trait::async_trait;
/// use tenancy_sqlx::{Error, ErrorKind, TenantPlan, TenantValidator};
///
/// struct Described;
///
/// #[async_trait]
/// impl TenantValidator for Described {
///     async fn validate(&self, plan: &TenantPlan) -> Result<(), Error> {
///         if plan.description().is_empty() {
///             let why = "a tenant needs a description: say what it is";
///             return Err(Error::new(ErrorKind::InvalidInput, why));
///         }
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait TenantValidator: Send + Sync + 'static {
    /// Looks at a tenant that is to be created, when nothing was written or locked for it yet.
    ///
    /// # Errors
    ///
    /// Whatever refuses the tenant; [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) is
    /// the caller's to mend.
    async fn validate(&self, plan: &TenantPlan) -> Result<(), Error>;
}

impl Fleet {
    /// Lets `validator` refuse new tenants; each that is registered must agree, in this order.
    ///
    /// It is asked once every name is decided and before anything is written or locked, so it may
    /// take its time. Whether the names are free is not known yet.
    #[must_use]
    pub fn validator(mut self, validator: Arc<dyn TenantValidator>) -> Self {
        self.validators.push(validator);
        self
    }
}

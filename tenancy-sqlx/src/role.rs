//! The database role of one tenant, whose name is the tenant's immutable id.

use std::fmt;

use tenancy_core::TenantId;
use uuid::Uuid;

/// What stands before the id. The policies of the framework's tables spell it, too.
const PREFIX: &str = "tenancy_tenant_";

/// The PostgreSQL role of one tenant: nobody logs in as it, and it reaches this tenant's schema
/// alone.
///
/// Roles belong to the whole server, so their names hold the tenant's id, in 32 hexadecimal
/// digits: no two tenants have the same one, and renaming a tenant changes nothing.
///
/// # Example
///
/// ```
/// use tenancy_core::TenantId;
/// use tenancy_sqlx::TenantRole;
///
/// let id: TenantId = "01939f64-8d4e-7c11-b5a9-0242ac120002".parse()?;
/// let role = TenantRole::of(id);
/// assert_eq!(role.to_string(), "tenancy_tenant_01939f648d4e7c11b5a90242ac120002");
/// assert_eq!(TenantRole::parse(&role.to_string()), Some(role));
/// assert_eq!(TenantRole::parse("tenancy_tenant_acme"), None);
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TenantRole(TenantId);

impl TenantRole {
    /// The role of the tenant with this id.
    pub fn of(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// Reads a role's name; `None` when it is not one that [`TenantRole::of`] gives.
    pub fn parse(name: &str) -> Option<Self> {
        let id = Uuid::try_parse(name.strip_prefix(PREFIX)?).ok()?;
        let role = Self(TenantId::from_uuid(id));
        // An id has several spellings, a role has one.
        (role.to_string() == name).then_some(role)
    }

    /// The tenant whose role it is.
    pub fn tenant(&self) -> TenantId {
        self.0
    }

    /// Acts as this role until the open transaction ends.
    pub(crate) fn set_local(self) -> String {
        format!("SET LOCAL ROLE {}", self.quoted())
    }

    /// The name as an SQL identifier; it needs no escaping.
    pub(crate) fn quoted(self) -> String {
        format!("\"{self}\"")
    }

    /// The name of the role of the tenant whose id is in `column`, as a value in SQL.
    pub(crate) fn name_in_sql(column: &str) -> String {
        format!("'{PREFIX}' || pg_catalog.replace({column}::pg_catalog.text, '-', '')")
    }
}

impl fmt::Display for TenantRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0.as_uuid().simple())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest name that PostgreSQL keeps whole.
    const LONGEST: usize = 63;

    #[test]
    fn a_name_leads_back_to_its_tenant_and_fits() {
        for id in [Uuid::nil(), Uuid::max(), Uuid::now_v7()] {
            let role = TenantRole::of(TenantId::from_uuid(id));
            let name = role.to_string();
            assert!(name.len() <= LONGEST);
            assert_eq!(
                TenantRole::parse(&name).unwrap().tenant(),
                TenantId::from_uuid(id)
            );
        }
    }

    #[test]
    fn one_tenant_has_one_name() {
        let id = "01939f64-8d4e-7c11-b5a9-0242ac120002";
        let simple = id.replace('-', "");
        for other in [
            format!("{PREFIX}{id}"),
            format!("{PREFIX}{}", simple.to_uppercase()),
            format!("{PREFIX}{{{id}}}"),
            format!("{PREFIX}{simple}0"),
            format!("{PREFIX} {simple}"),
            format!("tenancy_tenants_{simple}"),
            simple,
            PREFIX.to_owned(),
            String::new(),
        ] {
            assert_eq!(TenantRole::parse(&other), None, "{other}");
        }
    }
}

//! Which statements may run where, decided by the compiler.

use std::fmt;

use tenancy_core::SchemaName;

use crate::sql::{Kind, Read, TenantSql, Write};

/// SQL that may run where access `A` is granted: a [`Read`] everywhere, a [`Write`] only where
/// writing is.
///
/// Implemented for what `tenant_sql!` gives; there is no way to run a string.
///
/// ```
/// # use tenancy_sqlx::{Error, Read, TenantDb, TenantSql};
/// async fn list(db: TenantDb, titles: &'static TenantSql<Read>) -> Result<Vec<String>, Error> {
///     db.query_scalar::<String>(titles).fetch_all().await
/// }
/// ```
///
/// ```compile_fail
/// # use tenancy_sqlx::{Error, TenantDb};
/// async fn list(db: TenantDb) -> Result<Vec<String>, Error> {
///     db.query_scalar::<String>("SELECT title FROM blogs").fetch_all().await
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not tenant SQL that may run here",
    label = "not a tenant statement of the access `{A}`",
    note = "write the statement with `tenant_sql!(\"…\")`; a read-only transaction takes only `TenantSql<Read>`"
)]
pub trait TenantStatement<A>: sealed::Erase {}

impl<K: Kind> TenantStatement<Write> for &'static TenantSql<K> {}

impl TenantStatement<Read> for &'static TenantSql<Read> {}

/// A statement whose kind has been checked and is no longer of interest.
pub(crate) trait AnyStatement: fmt::Debug + Sync {
    fn render(&self, schema: &SchemaName) -> String;
    fn id(&self) -> u64;
    fn tables(&self) -> &'static [&'static str];
    fn parameters(&self) -> u16;
}

impl<K: Kind> AnyStatement for TenantSql<K> {
    fn render(&self, schema: &SchemaName) -> String {
        Self::render(self, schema)
    }

    fn id(&self) -> u64 {
        Self::id(self)
    }

    fn tables(&self) -> &'static [&'static str] {
        Self::tables(self)
    }

    fn parameters(&self) -> u16 {
        Self::parameters(self)
    }
}

pub(crate) mod sealed {
    use super::{AnyStatement, Kind, TenantSql};

    /// A statement without its kind, for this crate alone.
    #[derive(Clone, Copy)]
    #[allow(missing_debug_implementations, unreachable_pub)]
    pub struct Erased(pub(crate) &'static dyn AnyStatement);

    #[allow(unreachable_pub)]
    pub trait Erase {
        fn erase(self) -> Erased;
    }

    impl<K: Kind> Erase for &'static TenantSql<K> {
        fn erase(self) -> Erased {
            Erased(self)
        }
    }
}

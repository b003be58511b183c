//! Which statements may run where, decided by the compiler.

use std::fmt;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use tenancy_core::SchemaName;

use crate::error::{Error, ErrorKind};
use crate::source::Source;
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
pub(crate) trait AnyStatement: fmt::Debug + Send + Sync {
    fn render(&self, schema: &SchemaName) -> String;
    fn id(&self) -> u64;
    fn tables(&self) -> String;
    fn parameters(&self) -> u16;
}

impl<K: Kind> AnyStatement for TenantSql<K> {
    fn render(&self, schema: &SchemaName) -> String {
        Self::render(self, schema)
    }

    fn id(&self) -> u64 {
        Self::id(self)
    }

    fn tables(&self) -> String {
        Self::tables(self).join(", ")
    }

    fn parameters(&self) -> u16 {
        Self::parameters(self)
    }
}

/// Where a statement has its text from.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// A tenant's, checked when the program was compiled.
    Tenant(&'static dyn AnyStatement),
}

/// A statement as the server gets it.
pub(crate) struct Ready {
    pub(crate) sql: SqlStr,
    /// Whether a connection keeps it prepared under a name.
    pub(crate) named: bool,
    pub(crate) parameters: u16,
}

impl Form {
    /// The text for `source`.
    pub(crate) fn ready(&self, source: Source<'_>) -> Result<Ready, Error> {
        match self {
            Self::Tenant(statement) => {
                let tenant = source.tenant.ok_or_else(|| {
                    Error::new(ErrorKind::Internal, "a tenant's statement has no tenant")
                })?;
                let text = source.database.texts().get(tenant, *statement);
                Ok(Ready {
                    sql: AssertSqlSafe(text.sql).into_sql_str(),
                    named: text.named,
                    parameters: statement.parameters(),
                })
            }
        }
    }

    pub(crate) fn id(&self) -> u64 {
        match self {
            Self::Tenant(statement) => statement.id(),
        }
    }

    pub(crate) fn tables(&self) -> String {
        match self {
            Self::Tenant(statement) => statement.tables(),
        }
    }
}

pub(crate) mod sealed {
    use sqlx::postgres::PgArguments;

    use super::{Form, Kind, TenantSql};

    /// A statement without its kind, with the values it brings, for this crate alone.
    #[allow(missing_debug_implementations, unreachable_pub)]
    pub struct Erased {
        form: Form,
        arguments: PgArguments,
    }

    impl Erased {
        pub(crate) fn new(form: Form) -> Self {
            Self {
                form,
                arguments: PgArguments::default(),
            }
        }

        pub(crate) fn into_parts(self) -> (Form, PgArguments) {
            (self.form, self.arguments)
        }
    }

    #[allow(unreachable_pub)]
    pub trait Erase {
        fn erase(self) -> Erased;
    }

    impl<K: Kind> Erase for &'static TenantSql<K> {
        fn erase(self) -> Erased {
            Erased::new(Form::Tenant(self))
        }
    }
}

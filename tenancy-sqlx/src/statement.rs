//! Which statements may run where, decided by the compiler.

use std::fmt;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};
use tenancy_core::SchemaName;

use crate::error::{Error, ErrorKind, Place};
use crate::source::Source;
use crate::sql::{Kind, Read, SharedSql, TenantSql, Write};

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

/// SQL on tables that are no tenant's, which may run where access `A` is granted.
///
/// Implemented for what `shared_sql!` gives; there is no way to run a string.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not shared SQL that may run here",
    label = "not a shared statement of the access `{A}`",
    note = "write the statement with `shared_sql!(\"…\")`; a read-only transaction takes only `SharedSql<Read>`"
)]
pub trait SharedStatement<A>: sealed::Erase {}

impl<K: Kind> SharedStatement<Write> for &'static SharedSql<K> {}

impl SharedStatement<Read> for &'static SharedSql<Read> {}

/// A statement whose kind has been checked and is no longer of interest.
pub(crate) trait AnyStatement: fmt::Debug + Send + Sync {
    fn render(&self, schema: &SchemaName) -> String;
    fn id(&self) -> u64;
    fn tables(&self) -> String;
    fn parameters(&self) -> u16;
    /// Whether it only reads.
    fn reads(&self) -> bool;
    /// Whether it calls functions that may leave something in the session.
    fn calls(&self) -> bool;
    /// Where it is written, if that is one place.
    fn place(&self) -> Option<Place>;
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

    fn reads(&self) -> bool {
        K::READ_ONLY
    }

    fn calls(&self) -> bool {
        Self::calls(self)
    }

    fn place(&self) -> Option<Place> {
        Some((self.file(), self.line()))
    }
}

/// Where a statement has its text from.
#[derive(Debug)]
pub(crate) enum Form {
    /// A tenant's, checked when the program was compiled.
    Tenant(&'static dyn AnyStatement),
    /// No tenant's, checked when the program was compiled.
    Shared(Shared),
    /// A tenant's, checked now.
    #[cfg(feature = "dynamic")]
    Composed(crate::dynamic::Composed),
}

/// What is of interest in a [`SharedSql`] of either kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    text: &'static str,
    id: u64,
    tables: &'static [&'static str],
    parameters: u16,
    reads: bool,
    calls: bool,
    place: Place,
}

/// A statement as the server gets it.
pub(crate) struct Ready {
    pub(crate) sql: SqlStr,
    /// Whether a connection keeps it prepared under a name.
    pub(crate) named: bool,
    pub(crate) parameters: u16,
    /// Whether it only reads.
    pub(crate) reads: bool,
    /// Whether it calls functions that may leave something in the session.
    pub(crate) calls: bool,
    pub(crate) about: About,
}

/// What logs and errors say of a statement.
#[derive(Debug, Clone)]
pub(crate) enum About {
    Tenant(&'static dyn AnyStatement),
    Shared(Shared),
    #[cfg(feature = "dynamic")]
    Composed(std::sync::Arc<tenancy_qualify::Statement>),
    /// Nothing: it was refused before it was read.
    Refused,
}

impl Form {
    /// The text for `source`.
    pub(crate) fn ready(self, source: Source<'_>) -> Result<Ready, Error> {
        match self {
            Self::Tenant(statement) => tenant(statement, About::Tenant(statement), source),
            Self::Shared(statement) => Ok(Ready {
                sql: source.database.texts().shared(statement.text),
                named: source.database.pooler().keeps_names(),
                parameters: statement.parameters,
                reads: statement.reads,
                calls: statement.calls,
                about: About::Shared(statement),
            }),
            #[cfg(feature = "dynamic")]
            Self::Composed(mut composed) => {
                let statement = composed.check(source.database.dynamic_texts())?;
                tenant(&*statement, About::Composed(statement.clone()), source)
            }
        }
    }
}

fn tenant(statement: &dyn AnyStatement, about: About, source: Source<'_>) -> Result<Ready, Error> {
    let tenant = source.tenant.ok_or_else(|| {
        Error::new(
            ErrorKind::Internal,
            "a tenant's statement has no tenant: run it through a `TenantDb`",
        )
    })?;
    let text = source.database.texts().get(tenant, statement);
    Ok(Ready {
        sql: AssertSqlSafe(text.sql).into_sql_str(),
        named: text.named,
        parameters: statement.parameters(),
        reads: statement.reads(),
        calls: statement.calls(),
        about,
    })
}

impl About {
    pub(crate) fn id(&self) -> u64 {
        match self {
            Self::Tenant(statement) => statement.id(),
            Self::Shared(statement) => statement.id,
            #[cfg(feature = "dynamic")]
            Self::Composed(statement) => statement.id(),
            Self::Refused => 0,
        }
    }

    pub(crate) fn place(&self) -> Option<Place> {
        match self {
            Self::Tenant(statement) => statement.place(),
            Self::Shared(statement) => Some(statement.place),
            #[cfg(feature = "dynamic")]
            Self::Composed(statement) => AnyStatement::place(&**statement),
            Self::Refused => None,
        }
    }

    pub(crate) fn tables(&self) -> String {
        match self {
            Self::Tenant(statement) => statement.tables(),
            Self::Shared(statement) => statement.tables.join(", "),
            #[cfg(feature = "dynamic")]
            Self::Composed(statement) => AnyStatement::tables(&**statement),
            Self::Refused => String::new(),
        }
    }
}

pub(crate) mod sealed {
    use sqlx::postgres::PgArguments;

    use super::{Form, Kind, Shared, SharedSql, TenantSql};

    /// A statement without its kind, with the values it brings, for this crate alone.
    #[allow(missing_debug_implementations, unreachable_pub)]
    pub struct Erased {
        form: Form,
        arguments: PgArguments,
    }

    impl Erased {
        pub(crate) fn with(form: Form, arguments: PgArguments) -> Self {
            Self { form, arguments }
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
            Erased::with(Form::Tenant(self), PgArguments::default())
        }
    }

    impl<K: Kind> Erase for &'static SharedSql<K> {
        fn erase(self) -> Erased {
            let shared = Shared {
                text: self.text(),
                id: self.id(),
                tables: self.tables(),
                parameters: self.parameters(),
                reads: K::READ_ONLY,
                calls: self.calls(),
                place: (self.file(), self.line()),
            };
            Erased::with(Form::Shared(shared), PgArguments::default())
        }
    }
}

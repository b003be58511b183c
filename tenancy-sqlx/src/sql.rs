//! Tenant SQL as the compiler checked it: text in parts, between which the schema is written.

use std::fmt;
use std::marker::PhantomData;

use tenancy_core::SchemaName;

/// The kind of a statement that only reads.
#[derive(Debug)]
pub enum Read {}

/// The kind of a statement that may write.
#[derive(Debug)]
pub enum Write {}

/// What a statement may do: [`Read`] or [`Write`].
pub trait Kind: sealed::Sealed + 'static {
    /// Whether it changes nothing.
    const READ_ONLY: bool;
}

impl Kind for Read {
    const READ_ONLY: bool = true;
}

impl Kind for Write {
    const READ_ONLY: bool = false;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Read {}
    impl Sealed for super::Write {}
}

/// One checked statement, still without a tenant.
pub struct TenantSql<K> {
    parts: &'static [&'static str],
    id: u64,
    tables: &'static [&'static str],
    parameters: u16,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> TenantSql<K> {
    /// The text with `schema` in front of every table.
    pub fn render(&self, schema: &SchemaName) -> String {
        self.parts.join(&schema.quoted())
    }

    /// A number made from the text.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The tenant's tables it names.
    pub const fn tables(&self) -> &'static [&'static str] {
        self.tables
    }

    /// How many values it takes.
    pub const fn parameters(&self) -> u16 {
        self.parameters
    }
}

impl<K> fmt::Debug for TenantSql<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantSql")
            .field("parts", &self.parts)
            .finish_non_exhaustive()
    }
}

#[doc(hidden)]
pub mod __private {
    use super::{PhantomData, TenantSql};

    /// Made by `tenant_sql!` alone.
    pub const fn tenant_sql<K>(
        parts: &'static [&'static str],
        id: u64,
        tables: &'static [&'static str],
        parameters: u16,
    ) -> TenantSql<K> {
        TenantSql {
            parts,
            id,
            tables,
            parameters,
            kind: PhantomData,
        }
    }
}

//! One tenant's schema, described from PostgreSQL's catalog as an ordered list of definitions.
//!
//! A definition names what is in its own schema without that schema. It is the same for every
//! tenant with the same structure, so two schemas are compared object by object, and it can be
//! run on the path of any schema, so a schema is built again elsewhere. Who owns what and who may
//! use it is not in the picture: whoever makes a schema gives its rights. Neither is which of it is
//! published for replication.

mod difference;
mod object;
mod order;
mod question;
mod rows;

use sqlx::postgres::PgConnection;
use tenancy_core::SchemaName;

use crate::error::{Error, ErrorKind};

pub(crate) use difference::differences;
pub use difference::{Difference, ObjectKind};
pub(crate) use object::{Object, Phase};
pub(crate) use question::{Digest, digests, objects};
pub(crate) use rows::{SequenceState, TableData, sequence_states};

/// How many objects are named in a message.
const NAMED: usize = 5;

/// Everything that makes one schema what it is, and what its rows are in.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    /// In the order in which they can be made: see [`Phase`].
    pub(crate) objects: Vec<Object>,
    /// The tables that have rows, by name; a partitioned table has none of its own.
    pub(crate) tables: Vec<TableData>,
    /// The sequences, those of identity columns among them, as quoted names.
    pub(crate) sequences: Vec<String>,
    /// The materialized views that have been filled, in an order in which they can be.
    pub(crate) filled: Vec<String>,
    /// What its definitions name in another tenant's schema or in the framework's.
    foreign: Vec<String>,
}

impl Picture {
    /// Describes `schema` in the open transaction, which is scoped to `schema` afterwards.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SchemaMismatch`] when there is no such schema.
    pub(crate) async fn read(
        connection: &mut PgConnection,
        schema: &SchemaName,
    ) -> Result<Self, Error> {
        let objects = objects(connection, schema).await?;
        let order::Order { objects, foreign } = order::sort(connection, schema, objects).await?;
        let tables = rows::tables(connection, schema).await?;
        let sequences = rows::sequences(connection, schema).await?;
        let filled = rows::filled(connection, schema, &objects).await?;
        Ok(Self {
            objects,
            tables,
            sequences,
            filled,
            foreign,
        })
    }

    /// Refuses a schema that its definitions do not make again, naming what they leave out.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`].
    pub(crate) fn require_whole(&self) -> Result<(), Error> {
        let uncovered = self.objects.iter().filter(|object| object.is_uncovered());
        let reasons: Vec<String> = uncovered
            .map(|object| format!("{} {}", object.name, object.definition))
            .chain(self.foreign.iter().cloned())
            .collect();
        if reasons.is_empty() {
            return Ok(());
        }
        let mut named = reasons[..reasons.len().min(NAMED)].join(", ");
        if reasons.len() > NAMED {
            named.push_str(", …");
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "the schema has what cannot be made again elsewhere ({named}): change or drop it"
            ),
        ))
    }

    /// The objects that are made before any row is there, in order.
    pub(crate) fn before_rows(&self) -> impl Iterator<Item = &Object> {
        self.made()
            .filter(|object| object.phase < Phase::AFTER_ROWS)
    }

    /// The objects that are made when the rows are there, in order.
    pub(crate) fn after_rows(&self) -> impl Iterator<Item = &Object> {
        self.made()
            .filter(|object| object.phase >= Phase::AFTER_ROWS)
    }

    /// What comes with another object.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Object> {
        self.objects
            .iter()
            .filter(|object| object.phase == Phase::Part)
    }

    /// What has a statement of its own.
    fn made(&self) -> impl Iterator<Item = &Object> {
        self.objects
            .iter()
            .filter(|object| object.phase != Phase::Part)
    }
}

/// The statements that come before those of a picture, in every transaction that makes objects of
/// it in `schema`.
pub(crate) fn scope(schema: &SchemaName) -> String {
    format!(
        "{}; SET LOCAL check_function_bodies = off; SET LOCAL client_min_messages = warning",
        crate::search_path::set_local(schema)
    )
}

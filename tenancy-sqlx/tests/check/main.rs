//! Checks of a program's SQL before it serves: statements against tables, and the schema that
//! sqlx's own macros look at.

#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod dev_schema;
mod moves;
mod statements;
mod support;

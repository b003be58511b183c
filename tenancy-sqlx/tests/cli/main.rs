//! The `tenancy` program itself: what it prints, how it ends, and what a killed one leaves.

#![allow(
    clippy::unwrap_used,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod answers;
mod book;
mod django;
mod help;
mod jobs;
mod killed;
mod support;

//! `saas`: a complete multi-tenant application on the tenancy crates.
//!
//! Read `app.rs` first: it assembles the crates. Then `blog/` for how a feature is written, and
//! `catalog/` for one with a cache. It is a library so that its tests can ask the application
//! in-process.

pub mod app;
pub mod routes;
pub mod state;

mod blog;
mod catalog;
mod jobs;
mod pages;
mod search;
mod usage;

mod input;
mod paging;

mod cli;
mod commands;
mod settings;
mod telemetry;

pub use cli::main;

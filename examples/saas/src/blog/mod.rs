//! The tenant's blog: `model.rs` talks to the database, `api.rs` to clients.

mod api;
mod input;
mod model;

pub(crate) use api::ROUTES;
pub(crate) use model::{Blog, changed, find, list};

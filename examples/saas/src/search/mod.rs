//! What a tenant finds as it types: `source.rs` says which words rows have, `api.rs` and `page.rs`
//! answer, and `index.rs` is the engine behind them.

mod source;

mod index;

mod finding;

mod api;
mod page;

pub(crate) use self::index::{description, everything, fill, first_messages, open};
pub(crate) use self::page::marked;

use tenancy_search::Kind;

use crate::routes::Route;

/// Products, by name, sku and description.
pub(crate) const PRODUCTS: Kind = Kind::new("products");
/// Published posts, by title and description.
pub(crate) const BLOGS: Kind = Kind::new("blogs");

/// All of them.
pub(crate) const KINDS: [Kind; 2] = [PRODUCTS, BLOGS];

/// The routes that search, as JSON and as pages.
pub(crate) const ROUTES: [&[Route]; 2] = [api::ROUTES, page::ROUTES];

//! What the tenant sells: `product.rs` and `category.rs` have the rows, `tenant_catalog.rs` puts
//! the cache in front of them, the routes are in `product_api.rs` and
//! `category_api.rs`, and `import/` makes products of a file.

mod category;
mod category_input;
mod product;
mod product_input;

mod cursor;
mod ordering;
mod selection;

mod tenant_catalog;
mod touched;

mod import;

mod answer;
mod category_api;
mod product_api;

pub(crate) use self::answer::Answers;
pub(crate) use self::category::Category;
pub(crate) use self::import::{IMPORT, Importer};
pub(crate) use self::product::{Product, changed};
pub(crate) use self::selection::Asked;
pub(crate) use self::tenant_catalog::Catalog;

use crate::routes::Route;

/// The routes of products, of categories and of imports.
pub(crate) const ROUTES: [&[Route]; 3] =
    [product_api::ROUTES, category_api::ROUTES, import::ROUTES];

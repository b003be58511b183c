//! One tenant's products and categories, read through its cache.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use tenancy_axum::ApiError;
use tenancy_core::cache::Loaded;
use tenancy_core::{Problem, ProblemCode, TenantCache};
use tenancy_sqlx::{ErrorKind, Lease, NoTenant, TenantDb, TenantTx};
use tracing::Instrument as _;
use uuid::Uuid;

use super::category::{self, Category};
use super::category_input::{CategoryInput, CategoryPatch, slug_of};
use super::product::{self, Product};
use super::product_input::{ProductInput, ProductPatch, StockChange};
use super::selection::Asked;
use super::touched::{self, Touched};
use crate::input::{fault, invalid};
use crate::paging::{self, Page};
use crate::state::AppState;

/// The catalog of the tenant that a request belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    db: TenantDb,
    cache: TenantCache,
}

impl FromRequestParts<AppState> for Catalog {
    type Rejection = NoTenant;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, NoTenant> {
        let db = TenantDb::from_request_parts(parts, state).await?;
        let cache = state.caches.of(db.context());
        Ok(Self { db, cache })
    }
}

/// What is read. What ends with `_json` gives the JSON that is remembered as it is: an answer made of
/// it is neither read nor written anew.
impl Catalog {
    /// One product.
    pub(crate) async fn product(&self, id: Uuid) -> Result<Loaded<Product>, ApiError> {
        self.product_as(id, |product| product).await
    }

    pub(super) async fn product_json(&self, id: Uuid) -> Result<Loaded<Json>, ApiError> {
        self.product_as(id, json).await
    }

    async fn product_as<S: Shape>(
        &self,
        id: Uuid,
        shape: fn(Product) -> S,
    ) -> Result<Loaded<S>, ApiError> {
        // What is not there is not remembered, so guessed ids take no room.
        let load = || async {
            let found = product::find(&self.db, id).await?;
            found.map(shape).ok_or_else(no_product)
        };
        let key = touched::product(id);
        self.cache.load_tagged(&key, |_| Vec::new(), load).await
    }

    /// The products that a client asks for.
    pub(crate) async fn products(&self, asked: &Asked) -> Result<Loaded<Page<Product>>, ApiError> {
        self.products_as(asked, |page| page).await
    }

    pub(super) async fn products_json(&self, asked: &Asked) -> Result<Loaded<Json>, ApiError> {
        self.products_as(asked, json).await
    }

    async fn products_as<S: Shape>(
        &self,
        asked: &Asked,
        shape: fn(Page<Product>) -> S,
    ) -> Result<Loaded<S>, ApiError> {
        let selection = asked.parse()?;
        let tags = |_: &S| vec![touched::products_of(selection.category)];
        let load = || async { Ok(shape(product::list(&self.db, &selection).await?)) };
        let key = touched::products(&selection.key());
        self.cache.load_tagged(&key, tags, load).await
    }

    /// One category.
    pub(crate) async fn category(&self, id: Uuid) -> Result<Loaded<Category>, ApiError> {
        let load = || async { category::find(&self.db, id).await?.ok_or_else(no_category) };
        let key = touched::category(id);
        self.cache.load_tagged(&key, |_| Vec::new(), load).await
    }

    /// Categories by name.
    pub(crate) async fn categories(
        &self,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<Loaded<Page<Category>>, ApiError> {
        let limit = paging::limit(limit).map_err(|fault| invalid([fault]))?;
        let cursor = match cursor.filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => Some(category::cursor(text).ok_or_else(|| {
                invalid([fault("cursor", "take `next` of the page before as it is")])
            })?),
        };
        let place = cursor.as_ref().map(super::cursor::Cursor::encode);
        let key = touched::categories(limit, &place.unwrap_or_default());
        let tags = |_: &Page<Category>| vec![touched::all_categories()];
        let load = || async { Ok(category::list(&self.db, cursor.as_ref(), limit).await?) };
        self.cache.load_tagged(&key, tags, load).await
    }
}

/// What the cache gives a value as.
trait Shape: Serialize + DeserializeOwned {}

impl<T: Serialize + DeserializeOwned> Shape for T {}

/// JSON that nobody reads.
pub(super) type Json = Box<RawValue>;

fn json<T: Serialize>(value: T) -> Json {
    to_raw_value(&value).expect("the keys of rows are texts")
}

/// What is written.
impl Catalog {
    pub(super) async fn create_product(&self, input: ProductInput) -> Result<Product, ApiError> {
        let (id, input) = (Uuid::now_v7(), Arc::new(input));
        self.change(move |mut tx, touched| {
            let input = Arc::clone(&input);
            async move {
                let made = product::create(&mut tx, id, &input).await?;
                touched.product(id, made.category);
                touched.categories(made.category);
                Ok(made)
            }
        })
        .await
    }

    pub(super) async fn update_product(
        &self,
        id: Uuid,
        patch: ProductPatch,
    ) -> Result<Product, ApiError> {
        let patch = Arc::new(patch);
        self.change(move |mut tx, touched| {
            let patch = Arc::clone(&patch);
            async move {
                let before = product::lock(&mut tx, id).await?.ok_or_else(no_product)?;
                let after = product::update(&mut tx, id, &patch).await?;
                touched.product(id, before);
                touched.product(id, after.category);
                if before != after.category {
                    touched.categories(before.into_iter().chain(after.category));
                }
                Ok(after)
            }
        })
        .await
    }

    pub(super) async fn change_stock(
        &self,
        id: Uuid,
        change: StockChange,
    ) -> Result<Product, ApiError> {
        let change = change.change;
        self.change(move |mut tx, touched| async move {
            let Some(product) = product::change_stock(&mut tx, id, change).await? else {
                let stock = product::stock(&mut tx, id).await?;
                return Err(stock.map_or_else(no_product, |stock| no_such_stock(stock, change)));
            };
            touched.product(id, product.category);
            Ok(product)
        })
        .await
    }

    pub(super) async fn delete_product(&self, id: Uuid) -> Result<(), ApiError> {
        self.change(move |mut tx, touched| async move {
            let category = product::delete(&mut tx, id).await?.ok_or_else(no_product)?;
            touched.product(id, category);
            touched.categories(category);
            Ok(())
        })
        .await
    }

    pub(super) async fn create_category(&self, input: CategoryInput) -> Result<Category, ApiError> {
        let made = input.slug.or_else(|| slug_of(&input.name));
        let Some(slug) = made else {
            let detail = "no slug can be made of this name: say one";
            return Err(invalid([fault("slug", detail)]));
        };
        let (id, words) = (Uuid::now_v7(), Arc::new((input.name, slug)));
        self.change(move |mut tx, touched| {
            let words = Arc::clone(&words);
            async move {
                touched.categories([id]);
                category::create(&mut tx, id, &words.0, &words.1).await
            }
        })
        .await
    }

    pub(super) async fn update_category(
        &self,
        id: Uuid,
        patch: CategoryPatch,
    ) -> Result<Category, ApiError> {
        let patch = Arc::new(patch);
        self.change(move |mut tx, touched| {
            let patch = Arc::clone(&patch);
            async move {
                touched.categories([id]);
                let updated = category::update(&mut tx, id, &patch).await?;
                updated.ok_or_else(no_category)
            }
        })
        .await
    }

    /// Deletes a category in which nothing is.
    pub(super) async fn delete_category(&self, id: Uuid) -> Result<(), ApiError> {
        self.change(move |mut tx, touched| async move {
            touched.categories([id]);
            let mut attempt = tx.begin().await?;
            match category::delete(&mut attempt, id).await {
                Ok(found) => {
                    attempt.commit().await?;
                    found.then_some(()).ok_or_else(no_category)
                }
                Err(error) if error.kind() == ErrorKind::Constraint => {
                    attempt.rollback().await?;
                    Err(category::not_empty(category::count(&mut tx, id).await?))
                }
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Runs `work` in a transaction, and makes the cache forget what it touched once that has
    /// ended: after the commit, never before, and also when nobody knows whether it was committed.
    ///
    /// In a task of its own: a client that leaves between the two would leave old answers behind.
    async fn change<T, W, F>(&self, mut work: W) -> Result<T, ApiError>
    where
        T: Send + 'static,
        W: FnMut(Lease<TenantTx<'static>>, Touched) -> F + Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send,
    {
        let Self { db, cache } = self.clone();
        let changing = async move {
            let touched = Touched::default();
            let done = db.transaction(|tx| work(tx, touched.clone())).await;
            match &done {
                Ok(_) => touched.forget(&cache).await,
                Err(failure) if failure.problem().code().status().is_server_error() => {
                    touched.forget_unknown(&cache).await;
                }
                // It was refused, so nothing is another.
                Err(_) => {}
            }
            done
        };
        if tenancy_core::sabotaged!("catalog.change-by-client") {
            return changing.await;
        }
        let changed = tokio::spawn(changing.in_current_span()).await;
        changed.unwrap_or_else(|end| Err(ApiError::internal(end)))
    }
}

fn no_product() -> ApiError {
    Problem::new(ProblemCode::NotFound)
        .detail("there is no such product")
        .into()
}

fn no_category() -> ApiError {
    Problem::new(ProblemCode::NotFound)
        .detail("there is no such category")
        .into()
}

fn no_such_stock(stock: i64, change: i64) -> ApiError {
    let detail = if change < 0 {
        format!("{stock} are in stock, so {} cannot go out", -change)
    } else {
        format!("{stock} are in stock, so there is no room for {change} more")
    };
    Problem::new(ProblemCode::Conflict).detail(detail).into()
}

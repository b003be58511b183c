//! A search of one tenant: what the engine finds is looked up in the rows, so nothing old is shown.

use std::collections::{BTreeMap, HashMap};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use tenancy_axum::ApiError;
use tenancy_core::TenantContext;
use tenancy_search::{Cursor, Highlight, Kind, Query, Search};
use tenancy_sqlx::{NoTenant, Read, TenantDb, TenantSql};
use uuid::Uuid;

use crate::input::{fault, invalid};
use crate::paging;
use crate::state::AppState;

/// `?q=`, `?limit=` and `?cursor=` of a search.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    pub(super) q: String,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// A page of hits.
#[derive(Debug, Serialize)]
pub(super) struct Hits<T> {
    pub(super) items: Vec<Item<T>>,
    pub(super) next: Option<String>,
    /// How many there are in all, counted up to ten thousand.
    pub(super) total: u64,
    took_ms: u64,
}

/// A hit: the row as it is now, and where the words are in it.
#[derive(Debug, Serialize)]
pub(crate) struct Item<T> {
    #[serde(flatten)]
    pub(super) row: T,
    pub(super) highlight: BTreeMap<&'static str, Vec<String>>,
}

/// What can be found, and what of it is shown.
pub(super) trait Findable:
    Serialize + Send + Unpin + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>
{
    /// What it is indexed as.
    const KIND: Kind;
    /// Reads the rows with these ids, as far as they may be shown.
    const BY_ID: &'static TenantSql<Read>;

    /// Which one it is.
    fn id(&self) -> Uuid;

    /// The fields that are searched, that of the name first.
    fn fields(&self) -> (&'static str, &str, Vec<(&'static str, &str)>);
}

/// A request's tenant, as somebody who searches it.
pub(super) struct Finding {
    db: TenantDb,
    search: Search,
}

impl FromRequestParts<AppState> for Finding {
    type Rejection = NoTenant;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, NoTenant> {
        let db = TenantDb::from_request_parts(parts, state).await?;
        let search = state.search.clone();
        Ok(Self { db, search })
    }
}

impl Finding {
    /// Who is searched.
    pub(super) fn context(&self) -> &TenantContext {
        self.db.context()
    }

    /// Finds the rows of `T` that `asked` is about, the best first.
    pub(super) async fn find<T: Findable>(&self, asked: &Asked) -> Result<Hits<T>, ApiError> {
        let limit = paging::limit(asked.limit).map_err(|fault| invalid([fault]))?;
        let mut query = Query::new(&asked.q).with_limit(limit.into());
        if let Some(cursor) = asked.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
            let cursor = cursor.parse::<Cursor>().map_err(|_| {
                invalid([fault("cursor", "take `next` of the page before as it is")])
            })?;
            query = query.with_cursor(cursor);
        }
        let index = self.search.of(self.context(), T::KIND)?;
        let found = index.find(&query).await?;
        let ids: Vec<Uuid> = found.hits.iter().map(|hit| hit.id).collect();
        let rows: Vec<T> = if ids.is_empty() {
            Vec::new()
        } else {
            self.db.query_as(T::BY_ID).bind(&ids).fetch_all().await?
        };
        let mut rows: HashMap<Uuid, T> = rows.into_iter().map(|row| (row.id(), row)).collect();
        let highlight = Highlight::new(&query);
        let items = ids
            .iter()
            .filter_map(|id| rows.remove(id))
            .map(|row| item(row, &highlight))
            .collect();
        Ok(Hits {
            items,
            next: found.next.map(|cursor| cursor.to_string()),
            total: found.total,
            took_ms: u64::try_from(found.took.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

fn item<T: Findable>(row: T, marks: &Highlight) -> Item<T> {
    let (title, name, texts) = row.fields();
    let mut highlight = BTreeMap::new();
    if let Some(name) = marks.name(name) {
        highlight.insert(title, vec![name]);
    }
    for (field, text) in texts {
        let parts = marks.text(text);
        if !parts.is_empty() {
            highlight.insert(field, parts);
        }
    }
    Item { row, highlight }
}

//! A search of one tenant: what the engine finds is looked up in the rows, so nothing old is shown.

use std::collections::{BTreeMap, HashMap};
use std::error::Error as _;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use tenancy_axum::ApiError;
use tenancy_core::{Error, ErrorKind, TenantContext};
use tenancy_search::{Cursor, Found, Highlight, Kind, Query, Search, TenantIndex};
use tenancy_sqlx::{NoTenant, Read, TenantDb, TenantSql};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::input::{fault, invalid};
use crate::paging;
use crate::state::AppState;

/// How long a search waits for an index that is being built, as it is after a start without
/// Elasticsearch: most are there in a moment.
const BUILDING: Duration = Duration::from_millis(1500);

/// How often it looks meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// `?q=`, `?limit=` and `?cursor=` of a search.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    pub(super) q: String,
    limit: Option<u32>,
    cursor: Option<String>,
}

impl Asked {
    /// The best that there is of `q`.
    pub(super) fn whole(q: String) -> Self {
        Self {
            q,
            ..Self::default()
        }
    }
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
        let found = find(&index, &query).await?;
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

async fn find(index: &TenantIndex, query: &Query) -> Result<Found, Error> {
    let until = Instant::now() + BUILDING;
    loop {
        match index.find(query).await {
            Err(error) if is_missing(&error) && Instant::now() < until => sleep(LOOK).await,
            found => return found,
        }
    }
}

/// Whether the engine answers and has no such index yet.
fn is_missing(error: &Error) -> bool {
    let reason = error
        .source()
        .and_then(|error| error.downcast_ref::<Error>());
    reason.is_some_and(|reason| reason.kind() == ErrorKind::NotFound)
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

//! The engine: Elasticsearch, or the memory of this process, which is built from the rows when it
//! is first asked.

use std::sync::Arc;

use tenancy_core::{Error, TenantContext};
use tenancy_search::{
    EVERYTHING, ElasticEngine, ElasticOptions, Indexer, Kind, MemoryEngine, Search, Source,
};
use tenancy_sqlx::{Database, OutboxEntry};

use super::KINDS;
use super::source::Rows;
use crate::settings::Settings;

/// The search of `settings`. Elasticsearch need not answer: what changes meanwhile waits.
pub(crate) fn open(settings: &Settings) -> Result<Search, Error> {
    let search = match &settings.elasticsearch {
        None => Search::new(MemoryEngine::new(), KINDS),
        Some(url) => {
            let engine = ElasticEngine::new(&url.expose(), ElasticOptions::default())
                .map_err(|error| Error::new(error.kind(), format!("ELASTICSEARCH_URL: {error}")))?;
            Search::new(engine, KINDS)
        }
    };
    Ok(search.prefix(settings.prefix.clone()))
}

/// What the banner says of it.
pub(crate) fn description(settings: &Settings) -> String {
    match &settings.elasticsearch {
        None => "memory of this process".to_owned(),
        Some(url) => format!("Elasticsearch at {url}"),
    }
}

/// What every tenant begins with: its indexes are built as soon as it serves.
pub(crate) fn first_messages() -> [OutboxEntry; 2] {
    KINDS.map(all_of)
}

/// Asks for an index of a tenant to be built anew by whoever serves.
pub(crate) async fn everything(
    database: &Database,
    context: &TenantContext,
    kind: Kind,
) -> Result<(), tenancy_sqlx::Error> {
    let mut tx = database.tenant(context).begin().await?;
    tx.append(all_of(kind)).await?;
    tx.commit().await
}

fn all_of(kind: Kind) -> OutboxEntry {
    OutboxEntry::new(kind.topic(), EVERYTHING)
}

/// Fills the indexes of `search` from the rows of `database`.
pub(crate) fn fill(search: Search, database: &Database) -> Result<Indexer, Error> {
    let sources: [Arc<dyn Source>; 2] = [
        Arc::new(Rows::products(database)),
        Arc::new(Rows::blogs(database)),
    ];
    Indexer::new(search, sources)
}

//! The engine on Elasticsearch, over plain HTTP.

mod options;

mod failure;

mod link;

mod name;

mod document;

mod query;

mod bulk;

mod state;

mod swap;

mod clear;

mod draft;

mod purge;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tenancy_core::outbox::Fence;
use tenancy_core::{Error, ErrorKind, Prefix, TenantId};
use tokio::sync::OnceCell;
use uuid::Uuid;

pub use self::options::ElasticOptions;

use self::bulk::Batch;
use self::failure::{Failure, unavailable};
use self::link::{Body, Link};
use self::name::{Door, Generation};
use crate::engine::{Draft, Engine, Hits, Placement};
use crate::index::Index;
use crate::kind::Kind;
use crate::operation::{Operation, Written};
use crate::query::Query;

/// Keeps documents in Elasticsearch 8 or newer, for all processes that use the same server and
/// prefix.
///
/// Only what every distribution of the server has is used: no plugins, scripts or templates. The
/// name that is searched is an alias, so what is behind it changes in one step. With
/// [`Placement::Shared`] it leads to one tenant's documents in an index of many tenants.
///
/// The user needs `manage`, `read` and `write` for `<prefix>_*`, and `monitor` for the cluster.
/// TLS is not built in. A clone is another handle to the same connections.
///
/// # Example
///
/// ```
/// use tenancy_core::ErrorKind;
/// use tenancy_search::{ElasticEngine, ElasticOptions};
///
/// // Nothing is sent before the first use.
/// let engine = ElasticEngine::new("http://search:secret@127.0.0.1:9200", ElasticOptions::default())?;
/// assert!(!format!("{engine:?}").contains("secret"));
///
/// let error = ElasticEngine::new("https://127.0.0.1:9200", ElasticOptions::default()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Configuration);
/// # Ok::<(), tenancy_core::Error>(())
/// ```
#[derive(Clone)]
pub struct ElasticEngine(Arc<Inner>);

struct Inner {
    link: Link,
    /// Set when the server turned out to be new enough.
    checked: OnceCell<()>,
}

/// What is asked of the index that is searched.
#[derive(Clone, Copy)]
enum Asked<'a> {
    Search(&'a Value),
    Refresh,
}

/// How often to ask again when what was searched has just been replaced.
const AGAIN: usize = 5;

/// The oldest server that has all that is used.
const OLDEST: u64 = 8;

impl ElasticEngine {
    /// Connects to the server at `url`, such as `http://user:password@host:9200`, when it is first
    /// used.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when `url` is no such address, or begins with `https://`.
    pub fn new(url: &str, options: ElasticOptions) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner {
            link: Link::new(url, options)?,
            checked: OnceCell::new(),
        })))
    }

    fn link(&self) -> &Link {
        &self.0.link
    }

    /// Sees once whether the server is new enough.
    async fn check(&self) -> Result<(), Error> {
        let check = async || {
            let path = "/_nodes/_local/none?filter_path=nodes.*.version";
            let answer = self.link().ping(path).await?;
            let nodes = answer["nodes"].as_object();
            let version = nodes
                .and_then(|nodes| nodes.values().next()?["version"].as_str())
                .unwrap_or_default();
            let major = version.split('.').next().and_then(|text| text.parse().ok());
            match major {
                Some(OLDEST..) => Ok(()),
                Some(0..OLDEST) => Err(Error::new(
                    ErrorKind::Configuration,
                    format!(
                        "the server at {} has version {version}: Elasticsearch {OLDEST} or newer \
                         is needed",
                        self.link()
                    ),
                )),
                None => Err(unavailable(format!(
                    "the server at {} does not tell its version; check the address",
                    self.link()
                ))),
            }
        };
        self.0.checked.get_or_try_init(check).await.map(drop)
    }

    /// Asks the index that is searched; what is replaced meanwhile is asked again.
    async fn ask(&self, index: &Index, asked: Asked<'_>) -> Result<Value, Error> {
        let name = index.name();
        let millis = self.link().options.search.as_millis();
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = match asked {
                Asked::Search(body) => {
                    let path = format!(
                        "/{name}/_search?expand_wildcards=none&ignore_unavailable=false\
                         &allow_no_indices=false&allow_partial_search_results=false\
                         &timeout={millis}ms"
                    );
                    self.link().search(&path, Body::Json(body)).await
                }
                Asked::Refresh => {
                    let path = format!("/{name}/_refresh?expand_wildcards=none");
                    self.link().post(&path, Body::Nothing).await
                }
            };
            let failure = match answer {
                Ok(answer) => return query::whole(answer),
                Err(failure) => failure,
            };
            let unknown = matches!(&failure, Failure::Refused(refusal)
                if refusal.index.as_deref() == Some(name.as_str()));
            if unknown {
                return Err(no_index(index));
            }
            if !failure.is_missing() {
                return Err(failure.into());
            }
            if tries == AGAIN {
                return Err(replaced(index));
            }
        }
    }
}

#[async_trait]
impl Engine for ElasticEngine {
    fn name(&self) -> &'static str {
        "elasticsearch"
    }

    async fn ping(&self) -> Result<(), Error> {
        self.check().await?;
        let path = "/_cluster/health?filter_path=status,timed_out&master_timeout=1s&timeout=1s";
        let answer = self.link().ping(path).await?;
        if answer["timed_out"] == true || !answer["status"].is_string() {
            return Err(unavailable(format!(
                "elasticsearch at {} is not ready",
                self.link()
            )));
        }
        Ok(())
    }

    async fn provision(&self, index: &Index, placement: Placement) -> Result<(), Error> {
        self.check().await?;
        self.link().provision(index, placement).await
    }

    async fn write(&self, index: &Index, operations: &[Operation]) -> Result<Vec<Written>, Error> {
        for _ in 0..AGAIN {
            let state = self.link().look(index).await?;
            self.link().overtake(index, &state, operations).await?;
            let Some(live) = state.live else {
                return Err(no_index(index));
            };
            let door = live.generation.door(index, Door::Live);
            let batch = self.link().write(index, live.generation, &door, operations);
            // Replaced meanwhile: all of it is written to what is searched now.
            if let Batch::Written(written) = batch.await? {
                return Ok(written);
            }
        }
        Err(replaced(index))
    }

    async fn search(&self, index: &Index, query: &Query) -> Result<Hits, Error> {
        if query.words().is_empty() {
            return Ok(Hits::default());
        }
        let question = query::of_words(index.tenant(), query);
        query::hits(&self.ask(index, Asked::Search(&question)).await?)
    }

    async fn refresh(&self, index: &Index) -> Result<(), Error> {
        self.ask(index, Asked::Refresh).await.map(drop)
    }

    async fn count(&self, index: &Index) -> Result<u64, Error> {
        let question = query::of_count(index.tenant());
        query::total(&self.ask(index, Asked::Search(&question)).await?)
    }

    async fn ids(
        &self,
        index: &Index,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<Uuid>, Error> {
        let mut ids: Vec<Uuid> = Vec::new();
        while ids.len() < most {
            let page = query::PAGE.min(most - ids.len());
            let question = query::of_ids(index.tenant(), ids.last().copied().or(after), page);
            let more = query::ids(&self.ask(index, Asked::Search(&question)).await?)?;
            let full = more.len() == page;
            ids.extend(more);
            if !full {
                break;
            }
        }
        Ok(ids)
    }

    async fn fingerprints(
        &self,
        index: &Index,
        ids: &[Uuid],
    ) -> Result<Option<Vec<(Uuid, u64)>>, Error> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(query::PAGE) {
            let question = query::of_fingerprints(index.tenant(), some);
            let answer = self.ask(index, Asked::Search(&question)).await?;
            found.extend(query::fingerprints(&answer)?);
        }
        Ok(Some(found))
    }

    async fn draft(
        &self,
        index: &Index,
        placement: Placement,
        fence: Fence,
    ) -> Result<Draft, Error> {
        self.check().await?;
        self.link().draft(index, placement, fence).await
    }

    async fn write_draft(
        &self,
        draft: &Draft,
        operations: &[Operation],
    ) -> Result<Vec<Written>, Error> {
        let index = draft.index();
        let generation = Generation::of_draft(draft.fence());
        let door = generation.door(index, Door::Draft);
        let batch = self.link().write(index, generation, &door, operations);
        match batch.await? {
            Batch::Written(written) => Ok(written),
            Batch::Gone => Err(Error::new(
                ErrorKind::NotFound,
                format!("the draft {door} is gone: begin another"),
            )),
        }
    }

    async fn publish(&self, draft: Draft) -> Result<(), Error> {
        self.link().publish(&draft).await
    }

    async fn discard(&self, draft: Draft) -> Result<(), Error> {
        self.link().discard(&draft).await
    }

    async fn purge(&self, prefix: &Prefix, tenant: TenantId, _: &[Kind]) -> Result<(), Error> {
        self.link().purge(prefix, tenant).await
    }

    async fn residue(
        &self,
        prefix: &Prefix,
        tenant: TenantId,
        _: &[Kind],
    ) -> Result<Vec<String>, Error> {
        self.link().residue(prefix, tenant).await
    }
}

impl fmt::Debug for ElasticEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ElasticEngine")
            .field("at", &self.link().to_string())
            .field("options", &self.link().options)
            .finish_non_exhaustive()
    }
}

fn no_index(index: &Index) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("there is no index {}: provision it", index.name()),
    )
}

fn replaced(index: &Index) -> Error {
    unavailable(format!(
        "the index {} is being replaced; try again in a while",
        index.name()
    ))
}

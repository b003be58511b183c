//! Removing documents from an index that others use, too.

use serde_json::{Value, json};
use tenancy_core::{Error, TenantId};

use super::failure::{Failure, unavailable};
use super::link::{Body, Link};
use super::name::{Generation, shared};
use super::query::{PAGE, list, total, whole};
use super::swap::routing;
use crate::index::Index;

/// Which documents of a tenant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    All,
    Only(Generation),
    /// Those of generations before `below`, other than `kept`.
    Below {
        below: Generation,
        kept: Option<Generation>,
    },
}

/// How often in a row nothing may be removed of what is there.
const STUCK: usize = 5;

impl Which {
    fn of(self, tenant: TenantId) -> Value {
        // Never other than by the tenant's own id: what this picks is removed.
        let own = json!({"term": {"tenant": tenant.as_uuid()}});
        let (more, not) = match self {
            Self::All => (None, None),
            Self::Only(generation) => (
                Some(json!({"term": {"generation": generation.to_string()}})),
                None,
            ),
            Self::Below { below, kept } => (
                // The fence has a fixed width, and what was provisioned begins with the lowest.
                Some(json!({"range": {"generation": {"lt": below.to_string()}}})),
                kept.map(|kept| json!({"term": {"generation": kept.to_string()}})),
            ),
        };
        let filter: Vec<Value> = std::iter::once(own).chain(more).collect();
        let not: Vec<Value> = not.into_iter().collect();
        json!({"bool": {"filter": filter, "must_not": not}})
    }
}

impl Link {
    /// Removes a tenant's documents from the index that small tenants of this kind share.
    pub(super) async fn clear_shared(&self, index: &Index, which: Which) -> Result<(), Error> {
        let name = shared(index.prefix(), index.kind());
        self.clear(&name, index.tenant(), which).await
    }

    /// Removes a tenant's documents from `name`, if that is there.
    pub(super) async fn clear(
        &self,
        name: &str,
        tenant: TenantId,
        which: Which,
    ) -> Result<(), Error> {
        if tenancy_core::sabotaged!("search.elastic-documents-left") {
            return Ok(());
        }
        let mut stuck = 0;
        let mut before = u64::MAX;
        loop {
            let Some((left, lines)) = self.picked(name, tenant, which).await? else {
                return Ok(());
            };
            if lines.is_empty() {
                return Ok(());
            }
            stuck = if left < before { 0 } else { stuck + 1 };
            if stuck > STUCK {
                return Err(unavailable(format!(
                    "{left} documents in {name:?} cannot be removed; look at elasticsearch's log"
                )));
            }
            before = left;
            // What cannot be removed now is met again.
            let path = format!("/{name}/_bulk?filter_path=errors");
            self.post(&path, Body::Lines(lines)).await?;
        }
    }

    /// How many documents of a tenant are in `name`; nothing when that is not there.
    pub(super) async fn documents(
        &self,
        name: &str,
        tenant: TenantId,
        which: Which,
    ) -> Result<Option<u64>, Error> {
        Ok(self.picked(name, tenant, which).await?.map(|found| found.0))
    }

    async fn picked(
        &self,
        name: &str,
        tenant: TenantId,
        which: Which,
    ) -> Result<Option<(u64, String)>, Error> {
        // A document that was not refreshed is not found, and would stay.
        match self.post(&format!("/{name}/_refresh"), Body::Nothing).await {
            Ok(answer) => whole(answer)?,
            Err(failure) if failure.is_missing() => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let routing = routing(tenant);
        let path = format!(
            "/{name}/_search?allow_partial_search_results=false&expand_wildcards=none\
             &routing={routing}"
        );
        let question = json!({
            "query": which.of(tenant),
            "size": PAGE,
            "sort": ["_doc"],
            "version": true,
            "_source": false,
            "track_total_hits": true,
        });
        let answer = match self.post(&path, Body::Json(&question)).await {
            Ok(answer) => whole(answer)?,
            Err(Failure::Refused(refusal)) if refusal.status == 404 => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let mut lines = String::new();
        for hit in list(&answer)? {
            let address = json!({
                "_id": hit["_id"],
                "routing": routing,
                // A later write of the same document is not what was found.
                "version": hit["_version"],
                "version_type": "external_gte",
            });
            lines.push_str(&json!({"delete": address}).to_string());
            lines.push('\n');
        }
        Ok(Some((total(&answer)?, lines)))
    }
}

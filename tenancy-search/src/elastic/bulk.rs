//! Many writes in few requests, and what became of each.

use serde_json::{Value, json};
use tenancy_core::{Error, ErrorKind};

use super::document::{document, key};
use super::failure::{Failure, Refusal, unavailable};
use super::link::{Body, Link};
use super::name::Generation;
use crate::index::Index;
use crate::operation::{Change, Operation, Written};

/// The most bytes of one document; servers refuse requests of more than a hundred million.
const DOCUMENT: usize = 50_000_000;

/// How a batch ended, unless it failed.
pub(super) enum Batch {
    Written(Vec<Written>),
    /// There is no such alias.
    Gone,
}

impl Link {
    /// Writes through a generation's alias, which must exist: nothing is written beside it.
    pub(super) async fn write(
        &self,
        index: &Index,
        generation: Generation,
        door: &str,
        operations: &[Operation],
    ) -> Result<Batch, Error> {
        let mut written = Vec::with_capacity(operations.len());
        let mut lines = String::new();
        // Whether each operation since the last request is in it.
        let mut waiting: Vec<Option<Written>> = Vec::new();
        for operation in operations {
            let entry = entry(index, generation, operation)?;
            if entry.len() > DOCUMENT {
                let reason = format!("it has more than {DOCUMENT} bytes");
                waiting.push(Some(Written::Refused(reason)));
                continue;
            }
            let full = lines.len() + entry.len() > self.options.batch_bytes
                || waiting.len() >= self.options.batch_count;
            if full && !waiting.is_empty() {
                match self.send(door, &lines, &mut waiting).await? {
                    Batch::Written(batch) => written.extend(batch),
                    Batch::Gone => return Ok(Batch::Gone),
                }
                lines.clear();
            }
            lines.push_str(&entry);
            waiting.push(None);
        }
        match self.send(door, &lines, &mut waiting).await? {
            Batch::Written(batch) => written.extend(batch),
            Batch::Gone => return Ok(Batch::Gone),
        }
        Ok(Batch::Written(written))
    }

    async fn send(
        &self,
        door: &str,
        lines: &str,
        waiting: &mut Vec<Option<Written>>,
    ) -> Result<Batch, Error> {
        let waiting = std::mem::take(waiting);
        if lines.is_empty() {
            return Ok(Batch::Written(waiting.into_iter().flatten().collect()));
        }
        let path = format!(
            "/{door}/_bulk?require_alias=true&filter_path=\
             items.*.status,items.*.error,items.*._index"
        );
        let answer = match self.post(&path, Body::Lines(lines)).await {
            Ok(answer) => answer,
            Err(failure) if failure.is_missing() => return Ok(Batch::Gone),
            Err(failure) => return Err(failure.into()),
        };
        let mut items = answer["items"].as_array().into_iter().flatten();
        let mut written = Vec::with_capacity(waiting.len());
        let mut made = false;
        let mut gone = false;
        for known in waiting {
            if let Some(known) = known {
                written.push(known);
                continue;
            }
            let item = items
                .next()
                .and_then(|item| item.as_object()?.values().next());
            let item = item.ok_or_else(|| unavailable("elasticsearch did not tell of a write"))?;
            made |= item["_index"] == door && item["error"].is_null();
            match outcome(item)? {
                Some(outcome) => written.push(outcome),
                None => gone = true,
            }
        }
        if made {
            // Servers that make indexes by themselves do so for a delete, whatever is required.
            self.remove_index(door).await?;
        }
        Ok(if gone || made {
            Batch::Gone
        } else {
            Batch::Written(written)
        })
    }
}

/// What became of one write; nothing when there is no such alias.
fn outcome(item: &Value) -> Result<Option<Written>, Error> {
    let status = item["status"].as_u64().unwrap_or(500);
    let refusal = Refusal::read(u16::try_from(status).unwrap_or(500), &item["error"]);
    let lost = tenancy_core::sabotaged!("search.elastic-lost-write");
    Ok(match refusal.status {
        200..=299 | 409 => Some(Written::Settled),
        404 if item["error"].is_null() => Some(Written::Settled),
        404 => None,
        429 | 500.. if lost => Some(Written::Settled),
        _ => match Failure::of(refusal) {
            Failure::Refused(refusal) if refusal.status == 400 => {
                Some(Written::Refused(refusal.to_string()))
            }
            failure => return Err(failure.into()),
        },
    })
}

fn entry(index: &Index, generation: Generation, operation: &Operation) -> Result<String, Error> {
    let version = i64::try_from(operation.fence.get()).map_err(|_| {
        Error::new(
            ErrorKind::Internal,
            format!(
                "fence {} is higher than a version can be in elasticsearch: draw fences from a \
                 sequence",
                operation.fence
            ),
        )
    })?;
    let mut address = json!({
        "_id": key(generation, operation.id),
        "version": version,
        "version_type": "external_gte",
    });
    if tenancy_core::sabotaged!("search.elastic-no-version") {
        address = json!({"_id": key(generation, operation.id)});
    }
    Ok(match &operation.change {
        Change::Delete => format!("{}\n", json!({"delete": address})),
        Change::Put(words) => format!(
            "{}\n{}\n",
            json!({"index": address}),
            document(index.tenant(), generation, operation.id, words)
        ),
    })
}

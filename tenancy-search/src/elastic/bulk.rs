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

/// How one request ended.
enum Sent {
    Written(Vec<Written>),
    Gone,
    TooLarge,
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
        // A document that was deleted before the generation was begun has no version in it.
        let resurrects = tenancy_core::sabotaged!("search.elastic-late-resurrects");
        let late = |operation: &Operation| generation.knows(operation.fence) && !resurrects;
        let entries = operations
            .iter()
            .filter(|operation| !late(operation))
            .map(|operation| entry(index, generation, operation))
            .collect::<Result<Vec<_>, _>>()?;
        let mut written = Vec::with_capacity(entries.len());
        // Those that a proxy finds too large are sent again in halves.
        let mut batches: Vec<&[String]> = self.batches(&entries);
        batches.reverse();
        while let Some(batch) = batches.pop() {
            if let [entry] = batch
                && entry.len() > DOCUMENT
            {
                let reason = format!("it has more than {DOCUMENT} bytes");
                written.push(Written::Refused(reason));
                continue;
            }
            match self.send(door, batch).await? {
                Sent::Written(more) => written.extend(more),
                Sent::Gone => return Ok(Batch::Gone),
                Sent::TooLarge if batch.len() > 1 => {
                    let (first, rest) = batch.split_at(batch.len() / 2);
                    batches.extend([rest, first]);
                }
                Sent::TooLarge => {
                    let reason = "it is larger than the server takes".to_owned();
                    written.push(Written::Refused(reason));
                }
            }
        }
        let mut written = written.into_iter();
        let in_order = operations.iter().map(|operation| {
            if late(operation) {
                return Some(Written::Settled);
            }
            written.next()
        });
        Ok(Batch::Written(in_order.flatten().collect()))
    }

    /// Cuts at the limits of a batch; what is larger than one is alone.
    fn batches<'a>(&self, entries: &'a [String]) -> Vec<&'a [String]> {
        let mut batches = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (at, entry) in entries.iter().enumerate() {
            let full = bytes + entry.len() > self.options.batch_bytes
                || at - start >= self.options.batch_count;
            if full && at > start {
                batches.push(&entries[start..at]);
                (start, bytes) = (at, 0);
            }
            bytes += entry.len();
        }
        if start < entries.len() {
            batches.push(&entries[start..]);
        }
        batches
    }

    async fn send(&self, door: &str, batch: &[String]) -> Result<Sent, Error> {
        let path = format!(
            "/{door}/_bulk?require_alias=true&filter_path=\
             items.*.status,items.*.error,items.*._index"
        );
        let answer = match self.post(&path, Body::Lines(batch.concat())).await {
            Ok(answer) => answer,
            Err(Failure::Refused(refusal)) if refusal.status == 413 => return Ok(Sent::TooLarge),
            Err(failure) if failure.is_missing() => return Ok(Sent::Gone),
            Err(failure) => return Err(failure.into()),
        };
        let mut items = answer["items"].as_array().into_iter().flatten();
        let mut written = Vec::with_capacity(batch.len());
        let mut made = false;
        let mut gone = false;
        for _ in batch {
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
            Sent::Gone
        } else {
            Sent::Written(written)
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
        "_id": key(index.tenant(), generation, operation.id),
        "version": version,
        "version_type": "external_gte",
    });
    if tenancy_core::sabotaged!("search.elastic-no-version") {
        address = json!({"_id": key(index.tenant(), generation, operation.id)});
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

//! From messages to operations.

use std::collections::{BTreeSet, HashMap};

use tenancy_core::outbox::{Fence, Message};
use tenancy_core::{Error, TenantContext};
use uuid::Uuid;

use super::{Document, EVERYTHING, Indexer, Source};
use crate::index::Index;
use crate::kind::Kind;
use crate::operation::{Change, Operation, Words, Written};

/// What messages about one kind ask for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Documents, each once.
    pub(super) ids: Vec<Uuid>,
    /// The messages that ask for everything, in order.
    pub(super) everything: Vec<Message>,
    /// The others.
    pub(super) single: Vec<Message>,
    /// The keys that name nothing.
    pub(super) strange: Vec<String>,
}

impl Asked {
    pub(super) fn of(messages: &[Message], kind: Kind) -> Self {
        let topic = kind.topic();
        let mut asked = Self::default();
        let mut ids = BTreeSet::new();
        for message in messages.iter().filter(|message| message.topic == topic) {
            if message.key == EVERYTHING {
                asked.everything.push(message.clone());
                continue;
            }
            match Uuid::try_parse(&message.key) {
                Ok(id) => _ = ids.insert(id),
                Err(_) => asked.strange.push(message.key.clone()),
            }
            asked.single.push(message.clone());
        }
        asked.ids = ids.into_iter().collect();
        asked
    }
}

/// What becomes of the documents with these ids, by what they are now.
pub(super) async fn load(
    source: &dyn Source,
    context: &TenantContext,
    fence: Fence,
    ids: &[Uuid],
) -> Result<Vec<Operation>, Error> {
    let documents = source.load(context, ids).await?;
    let mut changes: HashMap<Uuid, Change> = documents
        .iter()
        .map(|document| (document.id, Change::Put(document.words())))
        .collect();
    let operation = |id: &Uuid| Operation {
        id: *id,
        fence,
        change: changes.remove(id).unwrap_or(Change::Delete),
    };
    Ok(ids.iter().map(operation).collect())
}

impl Document {
    pub(super) fn words(&self) -> Words {
        Words::of(&self.name, &self.text)
    }
}

impl Indexer {
    /// Counts what was written, and says which documents the engine will never take.
    pub(super) fn count(
        &self,
        index: &Index,
        operations: &[Operation],
        written: &[Written],
    ) -> u64 {
        let mut refused = 0;
        for (operation, written) in operations.iter().zip(written) {
            if let Written::Refused(why) = written {
                refused += 1;
                tracing::error!(
                    tenant = %index.tenant(),
                    kind = %index.kind(),
                    document = %operation.id,
                    why,
                    "a document cannot be found: the search engine refuses it"
                );
            }
        }
        let counters = self.search.counters();
        counters.refused.add(refused);
        counters.written.add(operations.len() as u64 - refused);
        refused
    }

    /// Counts messages that name nothing; they are told, so that they keep nothing up.
    pub(super) fn refuse(&self, asked: &Asked) {
        for key in &asked.strange {
            tracing::error!(
                key,
                "a message about search names no document: give its id as the key"
            );
        }
        self.search
            .counters()
            .refused
            .add(asked.strange.len() as u64);
    }
}

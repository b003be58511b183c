//! An engine under test, and short ways to ask it.

use std::sync::Arc;

use tenancy_core::outbox::Fence;
use tenancy_core::testing::context;
use tenancy_core::{Error, ErrorKind, Prefix};
use uuid::Uuid;

use crate::engine::{Draft, Engine, Hits, Placement};
use crate::index::Index;
use crate::kind::Kind;
use crate::operation::{Change, Operation, Words, Written};
use crate::query::Query;

pub(super) const PRODUCTS: Kind = Kind::new("products");

pub(super) const BLOGS: Kind = Kind::new("blogs");

/// Two handles to the same indexes.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) here: Arc<dyn Engine>,
    pub(super) there: Arc<dyn Engine>,
}

impl Bench {
    pub(super) fn new(here: Arc<dyn Engine>, there: Arc<dyn Engine>) -> Self {
        Self { here, there }
    }

    /// An empty index of a new tenant.
    pub(super) async fn index(&self, slug: &str, placement: Placement) -> Index {
        let index = Self::nothing(slug);
        let made = self.here.provision(&index, placement).await;
        made.unwrap_or_else(|error| panic!("an index can be made: {error:?}"));
        index
    }

    /// A new tenant's index that was not made.
    pub(super) fn nothing(slug: &str) -> Index {
        Index::new(&context(slug), &Prefix::default(), PRODUCTS).expect("the name is short")
    }

    pub(super) async fn write(&self, index: &Index, operations: &[Operation]) {
        let written = self.here.write(index, operations).await;
        let written = written.unwrap_or_else(|error| panic!("it can be written to: {error:?}"));
        settled(&written, operations);
    }

    pub(super) async fn write_draft(&self, draft: &Draft, operations: &[Operation]) {
        let written = self.here.write_draft(draft, operations).await;
        let written =
            written.unwrap_or_else(|error| panic!("a draft can be written to: {error:?}"));
        settled(&written, operations);
    }

    pub(super) async fn draft(&self, index: &Index, placement: Placement, fence: u64) -> Draft {
        let draft = self.here.draft(index, placement, Fence::new(fence)).await;
        let draft = draft.unwrap_or_else(|error| panic!("a draft can be begun: {error:?}"));
        assert_eq!(draft.index(), index, "a draft knows what it becomes");
        draft
    }

    pub(super) async fn publish(&self, draft: Draft) {
        let published = self.here.publish(draft).await;
        published.unwrap_or_else(|error| panic!("a draft can be published: {error:?}"));
    }

    pub(super) async fn refresh(&self, index: &Index) {
        let refreshed = self.here.refresh(index).await;
        refreshed.unwrap_or_else(|error| panic!("it can be refreshed: {error:?}"));
    }

    /// What the other handle finds.
    pub(super) async fn ask(&self, index: &Index, query: &Query) -> Hits {
        let hits = self.there.search(index, query).await;
        let hits = hits.unwrap_or_else(|error| panic!("{query:?} can be asked: {error:?}"));
        for hit in &hits.hits {
            assert_eq!(
                hit.tenant,
                index.tenant(),
                "{query:?} found another tenant's"
            );
        }
        assert!(hits.hits.len() <= query.limit(), "{query:?} found too many");
        assert!(hits.total >= hits.hits.len() as u64, "the total counts all");
        hits
    }

    /// The ids of what is found.
    pub(super) async fn find(&self, index: &Index, text: &str) -> Vec<Uuid> {
        let hits = self.ask(index, &Query::new(text)).await;
        hits.hits.iter().map(|hit| hit.id).collect()
    }

    pub(super) async fn count(&self, index: &Index) -> u64 {
        let count = self.there.count(index).await;
        count.unwrap_or_else(|error| panic!("it can be counted: {error:?}"))
    }

    pub(super) async fn residue(&self, index: &Index) -> Vec<String> {
        let kinds = [PRODUCTS, BLOGS];
        let residue = self.there.residue(index.prefix(), index.tenant(), &kinds);
        let residue = residue.await;
        residue.unwrap_or_else(|error| panic!("residue can be listed: {error:?}"))
    }

    pub(super) async fn purge(&self, index: &Index) {
        let kinds = [PRODUCTS, BLOGS];
        let purged = self
            .here
            .purge(index.prefix(), index.tenant(), &kinds)
            .await;
        purged.unwrap_or_else(|error| panic!("a tenant can be purged: {error:?}"));
    }
}

/// The same id in every run and for every tenant.
pub(super) fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number)
}

pub(super) fn put(number: u128, fence: u64, name: &str, text: &str) -> Operation {
    Operation {
        id: id(number),
        fence: Fence::new(fence),
        change: Change::Put(Words::of(name, text)),
    }
}

pub(super) fn delete(number: u128, fence: u64) -> Operation {
    Operation {
        id: id(number),
        fence: Fence::new(fence),
        change: Change::Delete,
    }
}

pub(super) fn is_not_found<T: std::fmt::Debug>(answer: Result<T, Error>, what: &str) {
    let kind = answer.as_ref().err().map(Error::kind);
    assert_eq!(kind, Some(ErrorKind::NotFound), "{what}: {answer:?}");
}

fn settled(written: &[Written], operations: &[Operation]) {
    assert_eq!(
        written.len(),
        operations.len(),
        "each operation is answered"
    );
    for (written, operation) in written.iter().zip(operations) {
        assert_eq!(*written, Written::Settled, "{operation:?}");
    }
}

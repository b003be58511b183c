//! Which writes win, and what they make.

use tenancy_core::outbox::Fence;

use super::bench::{BLOGS, Bench, delete, id, is_not_found, put};
use crate::engine::Placement;
use crate::index::Index;
use crate::query::Query;

impl Bench {
    pub(super) async fn lets_late_writes_lose(&self, placement: Placement) {
        let index = self.index("acme", placement).await;
        let now = async |wanted: &str, why: &str| {
            self.refresh(&index).await;
            for text in ["first", "second", "third"] {
                let found = self.find(&index, text).await;
                let wanted = if text == wanted { vec![id(1)] } else { vec![] };
                assert_eq!(found, wanted, "{why}, of {text}");
            }
        };
        self.write(&index, &[put(1, 10, "first", "")]).await;
        now("first", "it was written").await;
        self.write(&index, &[put(1, 9, "second", "")]).await;
        now("first", "a late write loses").await;
        self.write(&index, &[put(1, 10, "second", "")]).await;
        now("second", "an equal fence wins").await;
        self.write(&index, &[delete(1, 9)]).await;
        now("second", "a late delete loses").await;
        self.write(&index, &[delete(1, 11)]).await;
        now("", "it was deleted").await;
        self.write(&index, &[put(1, 10, "first", "")]).await;
        now("", "a late write after a delete loses").await;
        self.write(&index, &[delete(1, 11)]).await;
        now("", "what is gone can be deleted again").await;
        self.write(&index, &[put(1, 11, "third", "")]).await;
        now("third", "an equal fence wins over a delete").await;
        self.write(&index, &[delete(2, 20)]).await;
        self.write(&index, &[put(2, 19, "first", "")]).await;
        now("third", "what was never there can be deleted").await;
        let batch = [
            put(1, 21, "first", ""),
            put(1, 20, "third", ""),
            put(1, 21, "second", ""),
        ];
        self.write(&index, &batch).await;
        now("second", "a batch is written in its order").await;
        self.purge(&index).await;
    }

    pub(super) async fn takes_many_operations(&self, placement: Placement) {
        let index = self.index("acme", placement).await;
        let puts: Vec<_> = (0..1_000)
            .map(|n| put(n, 1, &format!("Lamp {n}"), "bright"))
            .collect();
        self.write(&index, &puts).await;
        self.refresh(&index).await;
        assert_eq!(self.count(&index).await, 1_000);
        assert_eq!(self.ask(&index, &Query::new("lamp")).await.total, 1_000);
        let mut ids = Vec::new();
        loop {
            let more = self.there.ids(&index, ids.last().copied(), 300).await;
            let more = more.unwrap_or_else(|error| panic!("ids can be read: {error:?}"));
            if more.is_empty() {
                break;
            }
            ids.extend(more);
        }
        assert_eq!(
            ids,
            (0..1_000).map(id).collect::<Vec<_>>(),
            "in order, each once"
        );
        let deletes: Vec<_> = (0..1_000).map(|n| delete(n, 2)).collect();
        self.write(&index, &deletes).await;
        self.refresh(&index).await;
        assert_eq!(self.count(&index).await, 0);
        self.write(&index, &[]).await;
        self.purge(&index).await;
    }

    pub(super) async fn makes_nothing_by_writing(&self) {
        let index = Self::nothing("acme");
        let written = self.here.write(&index, &[put(1, 1, "lamp", "")]).await;
        is_not_found(written, "a write to no index");
        is_not_found(
            self.here.search(&index, &Query::new("lamp")).await,
            "a search of none",
        );
        is_not_found(self.here.refresh(&index).await, "a refresh of none");
        is_not_found(self.here.count(&index).await, "a count of none");
        is_not_found(self.here.ids(&index, None, 10).await, "the ids of none");
        assert_eq!(
            self.residue(&index).await,
            [""; 0],
            "a write made something"
        );
    }

    pub(super) async fn keeps_what_is_there_when_provisioned(&self) {
        let index = self.index("acme", Placement::Shared).await;
        self.write(&index, &[put(1, 1, "lamp", "")]).await;
        for placement in [Placement::Shared, Placement::Dedicated] {
            let again = self.there.provision(&index, placement).await;
            again.unwrap_or_else(|error| panic!("it can be made again: {error:?}"));
        }
        self.refresh(&index).await;
        assert_eq!(self.find(&index, "lamp").await, [id(1)]);
        self.purge(&index).await;
    }

    pub(super) async fn leaves_nothing_after_a_purge(&self) {
        for placement in [Placement::Dedicated, Placement::Shared] {
            let acme = tenancy_core::testing::context("acme");
            let of = |kind| {
                let index = Index::new(&acme, &tenancy_core::Prefix::default(), kind);
                index.expect("the name is short")
            };
            let (products, blogs) = (of(super::bench::PRODUCTS), of(BLOGS));
            let other = self.index("acme-x", placement).await;
            self.write(&other, &[put(1, 1, "lamp", "")]).await;
            for index in [&products, &blogs] {
                let made = self.here.provision(index, placement).await;
                made.unwrap_or_else(|error| panic!("an index can be made: {error:?}"));
                self.write(index, &[put(1, 1, "lamp", "")]).await;
                let draft = self.draft(index, placement, 2).await;
                self.write_draft(&draft, &[put(1, 2, "lamp", "")]).await;
            }
            assert!(
                !self.residue(&products).await.is_empty(),
                "residue names what is there"
            );
            for _ in 0..2 {
                self.purge(&products).await;
                assert_eq!(
                    self.residue(&products).await,
                    [""; 0],
                    "a purge left something"
                );
            }
            for index in [&products, &blogs] {
                is_not_found(
                    self.there.search(index, &Query::new("lamp")).await,
                    "it is gone",
                );
            }
            let late = self.here.draft(&blogs, placement, Fence::new(1)).await;
            assert!(
                late.is_ok(),
                "a purged tenant's drafts have no say: {late:?}"
            );
            self.purge(&blogs).await;
            self.refresh(&other).await;
            assert_eq!(
                self.find(&other, "lamp").await,
                [id(1)],
                "a neighbour lost it"
            );
            self.purge(&other).await;
        }
    }
}

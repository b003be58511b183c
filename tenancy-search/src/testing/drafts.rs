//! Indexes that are built beside the one that is searched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bench::{Bench, delete, id, is_not_found, put};
use crate::engine::Placement;
use crate::query::Query;

const NONE: [uuid::Uuid; 0] = [];

impl Bench {
    pub(super) async fn publishes_in_one_step(&self, placement: Placement) {
        let index = self.index("acme", placement).await;
        self.write(
            &index,
            &[put(1, 1, "old lamp", ""), put(2, 1, "old desk", "")],
        )
        .await;
        self.refresh(&index).await;
        let draft = self.draft(&index, placement, 10).await;
        let documents = [
            put(1, 10, "new lamp", ""),
            put(3, 10, "new chair", ""),
            delete(3, 10),
            put(4, 10, "new shelf", ""),
            put(4, 9, "late shelf", ""),
        ];
        self.write_draft(&draft, &documents).await;
        self.write(&index, &[put(5, 10, "old stool", "")]).await;
        self.refresh(&index).await;
        assert_eq!(
            self.find(&index, "new").await,
            NONE,
            "a draft is not searched"
        );
        assert_eq!(self.find(&index, "old").await, [id(1), id(2), id(5)]);
        assert_eq!(
            self.count(&index).await,
            3,
            "a draft's documents do not count"
        );
        self.publish(draft).await;
        assert_eq!(
            self.find(&index, "new").await,
            [id(1), id(4)],
            "all of it, at once"
        );
        assert_eq!(self.find(&index, "old").await, NONE, "and nothing else");
        assert_eq!(self.find(&index, "late").await, NONE);
        assert_eq!(self.count(&index).await, 2);
        self.write(&index, &[put(1, 9, "late", ""), put(4, 11, "newest", "")])
            .await;
        self.refresh(&index).await;
        assert_eq!(self.find(&index, "late").await, NONE, "its fences count");
        assert_eq!(self.find(&index, "newest").await, [id(4)]);
        self.purge(&index).await;
    }

    pub(super) async fn lets_drafts_end(&self) {
        let index = Self::nothing("acme");
        let first = self.draft(&index, Placement::Dedicated, 1).await;
        self.write_draft(&first, &[put(1, 1, "first", "")]).await;
        is_not_found(
            self.there.search(&index, &Query::new("first")).await,
            "a draft is no index yet",
        );
        let copy = first.clone();
        self.publish(first).await;
        assert_eq!(
            self.find(&index, "first").await,
            [id(1)],
            "it needs no old index"
        );
        // Whoever does not know that it was published may try.
        let _ = self.here.discard(copy).await;
        assert_eq!(
            self.find(&index, "first").await,
            [id(1)],
            "what is searched stays"
        );

        let older = self.draft(&index, Placement::Dedicated, 5).await;
        self.write_draft(&older, &[put(1, 5, "older", "")]).await;
        let newer = self.draft(&index, Placement::Dedicated, 7).await;
        self.write_draft(&newer, &[put(1, 7, "newer", "")]).await;
        let late = self
            .here
            .write_draft(&older, &[put(1, 5, "older", "")])
            .await;
        is_not_found(late, "a newer draft removes an older one");
        is_not_found(self.here.publish(older.clone()).await, "an older draft");
        assert_eq!(
            self.find(&index, "first").await,
            [id(1)],
            "nothing was published"
        );
        self.publish(newer).await;
        is_not_found(
            self.here.publish(older).await,
            "an older draft over a newer one",
        );
        assert_eq!(self.find(&index, "newer").await, [id(1)]);

        let dropped = self.draft(&index, Placement::Dedicated, 8).await;
        self.write_draft(&dropped, &[put(1, 8, "dropped", "")])
            .await;
        for _ in 0..2 {
            let discarded = self.here.discard(dropped.clone()).await;
            assert!(discarded.is_ok(), "a draft can be discarded: {discarded:?}");
        }
        is_not_found(
            self.here.publish(dropped.clone()).await,
            "a discarded draft",
        );
        let late = self
            .here
            .write_draft(&dropped, &[put(1, 8, "dropped", "")])
            .await;
        is_not_found(late, "a write to a discarded draft");
        assert_eq!(self.find(&index, "newer").await, [id(1)]);

        let lost = self.draft(&index, Placement::Dedicated, 9).await;
        self.write(&index, &[put(2, 9, "known", "")]).await;
        self.write_draft(&lost, &[put(2, 9, "known", "")]).await;
        self.write(&index, &[put(3, 10, "unknown", "")]).await;
        is_not_found(
            self.here.publish(lost).await,
            "a draft without what was written since",
        );
        self.refresh(&index).await;
        assert_eq!(self.find(&index, "unknown").await, [id(3)]);
        self.purge(&index).await;
    }

    pub(super) async fn moves_while_it_is_searched(&self) {
        let neighbour = self.index("acme-x", Placement::Shared).await;
        self.write(&neighbour, &[put(1, 1, "steady lamp", "")])
            .await;
        let index = self.index("acme", Placement::Dedicated).await;
        self.write(&index, &[put(1, 1, "steady lamp", "")]).await;
        self.refresh(&index).await;
        self.refresh(&neighbour).await;
        let ends = Arc::new(AtomicBool::new(false));
        let searches = {
            let (engine, index) = (Arc::clone(&self.there), index.clone());
            let ends = Arc::clone(&ends);
            tokio::spawn(async move {
                let query = Query::new("steady");
                let mut asked = 0_u32;
                while !ends.load(Ordering::Acquire) {
                    let hits = engine.search(&index, &query).await;
                    let hits = hits.unwrap_or_else(|error| panic!("it is searched: {error:?}"));
                    let ids: Vec<_> = hits.hits.iter().map(|hit| hit.id).collect();
                    assert_eq!(ids, [id(1)], "while it moved, after {asked} searches");
                    asked += 1;
                    tokio::task::yield_now().await;
                }
            })
        };
        for fence in 2..10 {
            let placement = match fence % 3 {
                0 => Placement::Dedicated,
                _ => Placement::Shared,
            };
            let draft = self.draft(&index, placement, fence).await;
            let word = format!("steady moved{fence}");
            self.write_draft(&draft, &[put(1, fence, &word, "")]).await;
            tokio::task::yield_now().await;
            self.publish(draft).await;
            assert_eq!(
                self.find(&index, &word).await,
                [id(1)],
                "moved to {placement:?}"
            );
            assert_eq!(self.count(&index).await, 1);
        }
        ends.store(true, Ordering::Release);
        if let Err(error) = searches.await {
            std::panic::resume_unwind(error.into_panic());
        }
        assert_eq!(
            self.find(&neighbour, "steady").await,
            [id(1)],
            "a neighbour lost it"
        );
        self.purge(&index).await;
        assert_eq!(
            self.find(&neighbour, "steady").await,
            [id(1)],
            "a neighbour lost it"
        );
        self.purge(&neighbour).await;
    }
}

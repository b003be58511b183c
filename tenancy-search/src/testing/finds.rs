//! What is found, and in which order.

use super::bench::{Bench, id, put};
use crate::engine::Placement;
use crate::query::{After, Query};

impl Bench {
    pub(super) async fn finds_what_was_meant(&self, placement: Placement) {
        let index = self.index("acme", placement).await;
        let documents = [
            put(1, 1, "Wireless keyboard", "Types without a cable"),
            put(2, 1, "Wired mouse", "Goes with any keyboard"),
            put(3, 1, "Café crème", "A strong coffee"),
            put(4, 1, "Desk lamp", "Überraschend hell, with ½ the power"),
        ];
        self.write(&index, &documents).await;
        self.refresh(&index).await;
        for (text, wanted) in [
            ("wir", &[1, 2][..]),
            // What is one slip away is found, too, behind what was meant.
            ("wirel keyb", &[1, 2]),
            ("keyb wirel", &[1, 2]),
            ("keybaord", &[1, 2]),
            ("kebyo", &[1]),
            ("wireles", &[1]),
            ("WIRED", &[1, 2]),
            ("CAFÉ", &[3]),
            ("cafe creme", &[3]),
            ("cafe\u{301}", &[3]),
            ("ｃａｆｅ", &[3]),
            ("uberr", &[4]),
            ("desk hell", &[4]),
            ("lamp keyboard", &[]),
            ("able", &[]),
            ("zzz", &[]),
            ("", &[]),
            ("* ? ~", &[]),
        ] {
            let mut found = self.find(&index, text).await;
            found.sort();
            let wanted: Vec<_> = wanted.iter().copied().map(id).collect();
            assert_eq!(found, wanted, "of what {text:?} finds");
        }
        for (text, first) in [("wirel keyb", 1), ("wired", 2), ("keybaord", 1)] {
            let found = self.find(&index, text).await;
            assert_eq!(
                found.first(),
                Some(&id(first)),
                "of what {text:?} finds first"
            );
        }
        self.purge(&index).await;
    }

    pub(super) async fn keeps_tenants_apart(&self, placement: Placement) {
        let mut indexes = Vec::new();
        for slug in ["acme", "acme-x", "acmex"] {
            let index = self.index(slug, placement).await;
            let own = format!("secret of {}", slug.replace('-', ""));
            let documents = [put(1, 1, "Shared lamp", &own), put(2, 1, slug, "lamp")];
            self.write(&index, &documents).await;
            indexes.push((index, slug));
        }
        for (index, _) in &indexes {
            self.refresh(index).await;
        }
        for (index, slug) in &indexes {
            let hits = self.ask(index, &Query::new("lamp")).await;
            assert_eq!(hits.total, 2, "{slug} has two lamps");
            assert_eq!(self.count(index).await, 2, "{slug} has two documents");
            let ids = self.there.ids(index, None, 100).await.ok();
            assert_eq!(ids, Some(vec![id(1), id(2)]), "{slug} has these ids");
            let after = self.there.ids(index, Some(id(1)), 1).await.ok();
            assert_eq!(after, Some(vec![id(2)]), "{slug} has one behind the first");
        }
        let [(acme, _), (dashed, _), (other, _)] = &indexes[..] else {
            unreachable!("there are three");
        };
        assert_eq!(self.find(acme, "secret acme").await, [id(1)]);
        self.write(acme, &[super::bench::delete(1, 2)]).await;
        self.refresh(acme).await;
        assert_eq!(self.count(acme).await, 1, "its own is gone");
        self.purge(acme).await;
        for index in [dashed, other] {
            assert_eq!(self.count(index).await, 2, "a neighbour lost something");
            assert_eq!(self.find(index, "lamp").await.len(), 2);
            self.purge(index).await;
        }
    }

    pub(super) async fn puts_names_first(&self, placement: Placement) {
        let index = self.index("acme", placement).await;
        let documents = [
            put(1, 1, "Desk", "goes with a lamp"),
            put(2, 1, "Lampshade", "for the desk"),
            put(3, 1, "Lamp", "for the desk"),
            put(4, 1, "Lomp", "for the desk"),
        ];
        self.write(&index, &documents).await;
        self.refresh(&index).await;
        assert_eq!(
            self.find(&index, "lamp").await,
            [id(3), id(2), id(1), id(4)],
            "a name, what begins a name, a word of the text, what is misspelt"
        );
        self.purge(&index).await;
    }

    pub(super) async fn pages_through_equal_scores(&self, placement: Placement) {
        let index = self.index("acme", placement).await;
        let mut documents: Vec<_> = (1..=45).map(|n| put(n, 1, "Lamp", "bright")).collect();
        documents.push(put(46, 1, "Bright", "a lamp"));
        // Not in the order of their ids.
        documents.reverse();
        documents.rotate_left(17);
        self.write(&index, &documents).await;
        self.refresh(&index).await;
        let mut found = Vec::new();
        let mut query = Query::new("lamp").with_limit(10);
        for page in 0.. {
            let hits = self.ask(&index, &query).await;
            assert_eq!(hits.total, 46, "the total is the same on every page");
            let Some(last) = hits.hits.last() else { break };
            assert!(page < 5, "46 hits are five pages of ten");
            let (score, id) = (last.score, last.id);
            query = query.with_after(After { score, id });
            found.extend(hits.hits.iter().map(|hit| hit.id));
        }
        let wanted: Vec<_> = (1..=46).map(id).collect();
        assert_eq!(found, wanted, "each once, equal ones by their ids");
        self.purge(&index).await;
    }
}

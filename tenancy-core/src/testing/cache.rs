//! The contract of back ends of the cache, to run against one's own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context;
use crate::cache::{
    Cache, CacheKey, CacheScope, CacheTag, Fill, Filled, Invalidation, Mark, Namespace, Place, Read,
};
use crate::scope::Prefix;

/// Checks that a back end keeps tenants apart, and that nothing which was invalidated comes back.
///
/// Each call of `make` gives a handle to the same entries, as another process would have. All
/// tenants are new ones, so there may be other entries, and the suite may run again.
///
/// # Panics
///
/// When the back end breaks the contract; the message says how.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use tenancy_core::MemoryCache;
/// use tenancy_core::testing::cache_contract;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let memory = MemoryCache::new();
/// cache_contract(|| Arc::new(memory.clone())).await;
/// # }
/// ```
pub async fn cache_contract<M: Fn() -> Arc<dyn Cache>>(make: M) {
    let (here, there) = (make(), make());
    let bench = Bench {
        here: &*here,
        there: &*there,
    };
    bench.gives_what_it_was_given().await;
    bench.tells_odd_keys_apart().await;
    bench.keeps_tenants_apart().await;
    bench.loses_a_fill_that_missed_an_invalidation().await;
    bench.never_goes_back_to_an_older_value().await;
    bench.tells_that_a_tag_was_invalidated().await;
    bench.lets_entries_end().await;
    bench.leaves_nothing_after_a_purge().await;
}

const THINGS: Namespace = Namespace::new("things");

struct Bench<'a> {
    here: &'a dyn Cache,
    there: &'a dyn Cache,
}

impl Bench<'_> {
    async fn gives_what_it_was_given(&self) {
        let place = place(&scope("acme"), b"1");
        let read = self.read(&place).await;
        assert_eq!(read.entry, None, "a tenant begins with nothing");
        for value in [&b"one"[..], b"", b"\0\n,\xff", &vec![7; 100_000]] {
            let mark = self.read(&place).await.mark;
            let filled = self.fill(&place, mark, &[], value).await;
            assert_eq!(filled, Filled::Stored, "nothing was invalidated");
            let read = read_of(self.there, &place).await;
            assert_eq!(
                read.entry.as_deref(),
                Some(value),
                "another handle reads it"
            );
            assert_eq!(read.mark, mark, "a fill is no invalidation");
            assert!(
                read.floor <= mark.count,
                "what was just put there is not old"
            );
        }
    }

    async fn tells_odd_keys_apart(&self) {
        let scope = scope("acme");
        let keys: [&[u8]; 12] = [
            b"", b":", b"*", b"[a-z]", b"\n", b"\r\n", b"a b", b"{x}", b"%2A", b"~2A", b"\xff",
            b"x",
        ];
        for key in keys {
            let place = place(&scope, key);
            let mark = self.read(&place).await.mark;
            assert_eq!(
                self.fill(&place, mark, &[], key).await,
                Filled::Stored,
                "{place:?}"
            );
        }
        self.invalidate(&scope, &Invalidation::Key(place(&scope, b"*")))
            .await;
        for key in keys {
            let left = self.read(&place(&scope, key)).await.entry;
            let wanted = (key != b"*").then_some(key);
            assert_eq!(
                left.as_deref(),
                wanted,
                "of all keys, * alone was invalidated"
            );
        }
    }

    async fn keeps_tenants_apart(&self) {
        let scopes = ["acme", "acme-x", "acmex"].map(scope);
        let mut marks = Vec::new();
        for scope in &scopes {
            let place = place(scope, b"1");
            let mark = self.read(&place).await.mark;
            marks.push(mark);
            let value = format!("{scope:?}");
            self.fill(&place, mark, &[], value.as_bytes()).await;
        }
        let [acme, others @ ..] = &scopes;
        self.invalidate(acme, &Invalidation::All).await;
        self.invalidate(acme, &Invalidation::Tag(THINGS.tag("1")))
            .await;
        assert!(
            self.is_gone(&place(acme, b"1"), marks[0]).await,
            "all of it was invalidated"
        );
        for (scope, mark) in others.iter().zip(&marks[1..]) {
            let place = place(scope, b"1");
            let read = self.read(&place).await;
            let value = format!("{scope:?}");
            assert_eq!(
                read.entry.as_deref(),
                Some(value.as_bytes()),
                "each has its own"
            );
            assert_eq!(read.mark, *mark, "another tenant's history went on");
            assert!(
                !self.is_gone(&place, *mark).await,
                "another tenant was invalidated"
            );
        }
    }

    async fn loses_a_fill_that_missed_an_invalidation(&self) {
        let scope = scope("acme");
        let (one, other) = (place(&scope, b"1"), place(&scope, b"2"));
        let tag = THINGS.tag("all of them");
        for what in [
            Invalidation::Key(one.clone()),
            Invalidation::Tag(tag.clone()),
            Invalidation::All,
        ] {
            let began = self.read(&one).await.mark;
            let later = read_of(self.there, &other).await.mark;
            let done = self.there.invalidate(&scope, &what).await;
            assert!(done.is_ok(), "{what:?}: {done:?}");
            let tags = std::slice::from_ref(&tag);
            let filled = self.fill(&one, began, tags, b"old").await;
            assert_eq!(filled, Filled::Lost, "it was loaded before {what:?}");
            assert!(
                self.is_gone(&one, began).await,
                "a lost fill leaves nothing"
            );
            if let Invalidation::Key(_) = what {
                let filled = self.fill(&other, later, tags, b"2").await;
                assert_eq!(filled, Filled::Stored, "another key was invalidated");
            }
            let began = self.read(&one).await.mark;
            let filled = self.fill(&one, began, tags, b"new").await;
            assert_eq!(filled, Filled::Stored, "it was loaded after {what:?}");
            assert!(!self.is_gone(&one, began).await, "it is there and new");
        }
        let nobody = Mark {
            history: uuid::Uuid::nil(),
            count: u64::MAX,
        };
        let filled = self.fill(&one, nobody, &[], b"strange").await;
        assert_eq!(filled, Filled::Lost, "it is of another history");
    }

    async fn never_goes_back_to_an_older_value(&self) {
        let scope = scope("acme");
        let place = place(&scope, b"1");
        let old = self.read(&place).await.mark;
        self.invalidate(&scope, &Invalidation::Key(place.clone()))
            .await;
        let new = self.read(&place).await.mark;
        let short = Duration::from_millis(20);
        assert_eq!(
            fill_of(self.here, &place, new, &[], b"new", short).await,
            Filled::Stored
        );
        assert_eq!(
            self.fill(&place, old, &[], b"old").await,
            Filled::Lost,
            "over a newer one"
        );
        self.until_gone(&place).await;
        let filled = self.fill(&place, old, &[], b"old").await;
        assert_eq!(filled, Filled::Lost, "nor when the newer one has ended");
    }

    async fn tells_that_a_tag_was_invalidated(&self) {
        let scope = scope("acme");
        let (red, blue) = (THINGS.tag("red"), THINGS.tag("blue, and\n more"));
        let both = [red.clone(), blue.clone()];
        let entries: [(&[u8], &[CacheTag]); 4] = [
            (b"0", &[]),
            (b"1", &both[..1]),
            (b"2", &both[1..]),
            (b"3", &both),
        ];
        let mark = self.read(&place(&scope, b"0")).await.mark;
        for (key, tags) in entries {
            let place = place(&scope, key);
            assert_eq!(self.fill(&place, mark, tags, key).await, Filled::Stored);
        }
        self.invalidate(&scope, &Invalidation::Tag(blue)).await;
        for (key, tags) in entries {
            let gone = self.is_gone(&place(&scope, key), mark).await;
            assert_eq!(
                gone,
                tags.contains(&both[1]),
                "of entry {key:?} with {tags:?}"
            );
        }
    }

    async fn lets_entries_end(&self) {
        let place = place(&scope("acme"), b"1");
        let mark = self.read(&place).await.mark;
        fill_of(
            self.here,
            &place,
            mark,
            &[],
            b"1",
            Duration::from_millis(20),
        )
        .await;
        self.until_gone(&place).await;
        assert_eq!(
            self.read(&place).await.mark,
            mark,
            "its end is no invalidation"
        );
    }

    async fn leaves_nothing_after_a_purge(&self) {
        let (acme, other) = (scope("acme"), scope("acme-x"));
        let began = self.read(&place(&acme, b"1")).await.mark;
        for scope in [&acme, &other] {
            for key in [b"1", b"*", b"\n"] {
                let place = place(scope, key);
                let mark = self.read(&place).await.mark;
                self.fill(&place, mark, &[THINGS.tag("t")], key).await;
            }
        }
        for what in [
            Invalidation::Tag(THINGS.tag("u")),
            Invalidation::Key(place(&acme, b"*")),
        ] {
            self.invalidate(&acme, &what).await;
        }
        assert!(
            !self.residue(&acme).await.is_empty(),
            "residue names what is there"
        );
        let before = self.residue(&other).await;
        for _ in 0..2 {
            let purged = self.here.purge(&acme).await;
            assert!(purged.is_ok(), "a purge may be done again: {purged:?}");
        }
        assert_eq!(
            self.residue(&acme).await,
            [""; 0],
            "after a purge nothing is left"
        );
        assert_eq!(
            self.residue(&other).await,
            before,
            "another tenant was purged"
        );
        let filled = self.fill(&place(&acme, b"1"), began, &[], b"old").await;
        assert_eq!(filled, Filled::Lost, "it was loaded before the purge");
    }

    async fn read(&self, place: &Place) -> Read {
        read_of(self.here, place).await
    }

    async fn fill(&self, place: &Place, mark: Mark, tags: &[CacheTag], entry: &[u8]) -> Filled {
        fill_of(self.here, place, mark, tags, entry, Duration::from_mins(10)).await
    }

    async fn invalidate(&self, scope: &CacheScope, what: &Invalidation) {
        let done = self.here.invalidate(scope, what).await;
        assert!(done.is_ok(), "{what:?}: {done:?}");
    }

    async fn residue(&self, scope: &CacheScope) -> Vec<String> {
        let mut left = match self.there.residue(scope).await {
            Ok(left) => left,
            Err(error) => panic!("residue fails: {error:?}"),
        };
        left.sort_unstable();
        left
    }

    /// Whether a reader may not be given what was loaded at `mark`.
    async fn is_gone(&self, place: &Place, mark: Mark) -> bool {
        let read = self.read(place).await;
        read.entry.is_none() || read.floor > mark.count || read.mark.history != mark.history
    }

    async fn until_gone(&self, place: &Place) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.read(place).await.entry.is_some() {
            assert!(Instant::now() < deadline, "an entry outlives its time");
        }
    }
}

async fn read_of(cache: &dyn Cache, place: &Place) -> Read {
    match cache.read(place).await {
        Ok(read) => read,
        Err(error) => panic!("reading {place:?} fails: {error:?}"),
    }
}

async fn fill_of(
    cache: &dyn Cache,
    place: &Place,
    mark: Mark,
    tags: &[CacheTag],
    entry: &[u8],
    ttl: Duration,
) -> Filled {
    let fill = Fill {
        mark,
        tags,
        ttl,
        entry,
    };
    match cache.fill(place, fill).await {
        Ok(filled) => filled,
        Err(error) => panic!("filling {place:?} fails: {error:?}"),
    }
}

/// A tenant that nobody else has.
fn scope(slug: &str) -> CacheScope {
    CacheScope::new(&Arc::new(Prefix::default()), context(slug).id())
}

fn place(scope: &CacheScope, key: &[u8]) -> Place {
    let key: CacheKey = THINGS.key(key);
    scope.place(&key).expect("a short key has a place")
}

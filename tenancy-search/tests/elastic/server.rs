//! An Elasticsearch for one test, which has a prefix to itself there.

use serde_json::{Value, json};
use tenancy_core::outbox::Fence;
use tenancy_core::testing::context;
use tenancy_core::{ErrorKind, Prefix};
use tenancy_search::{
    Change, Draft, ElasticEngine, ElasticOptions, Engine, Index, Kind, Operation, Placement, Query,
    Words, Written,
};
use uuid::Uuid;

pub(crate) const PRODUCTS: Kind = Kind::new("products");

pub(crate) const BOTH: [Placement; 2] = [Placement::Dedicated, Placement::Shared];

pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) prefix: Prefix,
    http: reqwest::Client,
}

impl Server {
    /// The one at `TEST_ELASTICSEARCH_URL`; without one the test says so, and on CI that is a
    /// failure.
    pub(crate) fn find() -> Option<Self> {
        sabotage();
        let url = std::env::var("TEST_ELASTICSEARCH_URL").ok();
        assert!(
            url.is_some() || std::env::var_os("CI").is_none(),
            "TEST_ELASTICSEARCH_URL is not set: run scripts/test, which starts an Elasticsearch"
        );
        let Some(url) = url else {
            eprintln!("skipped: TEST_ELASTICSEARCH_URL is not set");
            return None;
        };
        let unique = Uuid::new_v4().simple().to_string();
        Some(Self {
            url,
            prefix: Prefix::parse(&format!("e{}", &unique[..16])).unwrap(),
            http: reqwest::Client::new(),
        })
    }

    pub(crate) fn engine(&self) -> ElasticEngine {
        engine(&self.url)
    }

    /// A new tenant's index that was not made.
    pub(crate) fn index(&self, slug: &str) -> Index {
        Index::new(&context(slug), &self.prefix, PRODUCTS).unwrap()
    }

    pub(crate) async fn provisioned(&self, slug: &str, placement: Placement) -> Index {
        let index = self.index(slug);
        self.engine().provision(&index, placement).await.unwrap();
        index
    }

    /// Everything that the server has of this test, aliases too, in order.
    pub(crate) async fn names(&self) -> Vec<String> {
        let path = format!("/_resolve/index/{}_*?expand_wildcards=all", self.prefix);
        let answer = self.get(&path).await;
        let lists = [&answer["indices"], &answer["aliases"]];
        let mut names: Vec<String> = lists
            .iter()
            .flat_map(|list| list.as_array().unwrap())
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await;
        answer.unwrap().json().await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) {
        let request = self.http.put(format!("{}{path}", self.url)).json(body);
        let answer = request.send().await.unwrap();
        assert!(
            answer.status().is_success(),
            "{}",
            answer.text().await.unwrap()
        );
    }

    /// Leaves nothing on the server.
    pub(crate) async fn end(self) {
        let path = format!("/_resolve/index/{}_*?expand_wildcards=all", self.prefix);
        for index in self.get(&path).await["indices"].as_array().unwrap() {
            let name = index["name"].as_str().unwrap();
            let gone = self.http.delete(format!("{}/{name}", self.url)).send();
            assert_eq!(gone.await.unwrap().status(), 200);
        }
    }
}

pub(crate) fn sabotage() {
    #[cfg(sabotage)]
    tenancy_core::testing::sabotage();
}

pub(crate) fn engine(url: &str) -> ElasticEngine {
    ElasticEngine::new(url, ElasticOptions::default()).unwrap()
}

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn put(number: u128, fence: u64, name: &str) -> Operation {
    Operation {
        id: id(number),
        fence: Fence::new(fence),
        change: Change::Put(Words::of(name, "")),
    }
}

pub(crate) fn delete(number: u128, fence: u64) -> Operation {
    Operation {
        id: id(number),
        fence: Fence::new(fence),
        change: Change::Delete,
    }
}

/// Writes, and lets it be found.
pub(crate) async fn write(engine: &ElasticEngine, index: &Index, operations: &[Operation]) {
    let written = engine.write(index, operations).await.unwrap();
    assert_eq!(written, vec![Written::Settled; operations.len()]);
    engine.refresh(index).await.unwrap();
}

pub(crate) async fn find(engine: &ElasticEngine, index: &Index, text: &str) -> Vec<Uuid> {
    let hits = engine.search(index, &Query::new(text)).await.unwrap();
    assert!(hits.hits.iter().all(|hit| hit.tenant == index.tenant()));
    hits.hits.iter().map(|hit| hit.id).collect()
}

/// Builds an index beside what is there, with this one document.
pub(crate) async fn draft(
    engine: &ElasticEngine,
    index: &Index,
    placement: Placement,
    fence: u64,
    name: &str,
) -> Draft {
    let draft = engine.draft(index, placement, Fence::new(fence)).await;
    let draft = draft.unwrap();
    let written = engine.write_draft(&draft, &[put(1, fence, name)]).await;
    assert_eq!(written.unwrap(), [Written::Settled]);
    draft
}

pub(crate) fn is<T: std::fmt::Debug>(answer: Result<T, tenancy_core::Error>, kind: ErrorKind) {
    assert_eq!(answer.as_ref().unwrap_err().kind(), kind, "{answer:?}");
}

/// What the mapping of one test's own documents looks like to a stranger.
pub(crate) fn stray(tenant: &str, generation: &str, name: &str) -> Value {
    json!({"tenant": tenant, "generation": generation, "id": Uuid::new_v4(), "name": name,
        "text": name, "prefixes": name})
}

//! An Elasticsearch for one test, which has a prefix to itself there.

use serde_json::Value;
use tokio::process::Command;
use uuid::Uuid;

pub(super) struct Elastic {
    pub(super) url: String,
    pub(super) prefix: String,
    http: reqwest::Client,
}

impl Elastic {
    /// The one at `TEST_ELASTICSEARCH_URL`; without one the test says so, and on CI that is a
    /// failure.
    #[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub(super) fn find() -> Option<Self> {
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
            prefix: format!("s{}", &unique[..16]),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        })
    }

    /// Lets a program use it.
    pub(super) fn set(&self, command: &mut Command) {
        self.set_behind(command, &self.url);
    }

    /// Lets a program use it by another address.
    pub(super) fn set_behind(&self, command: &mut Command, url: &str) {
        command
            .env("ELASTICSEARCH_URL", url)
            .env("TENANCY_PREFIX", &self.prefix);
    }

    /// Everything that the server has of this test, in order.
    pub(super) async fn names(&self) -> Vec<String> {
        let path = format!("/_resolve/index/{}_*?expand_wildcards=all", self.prefix);
        let answer = self.http.get(format!("{}{path}", self.url)).send().await;
        let answer: Value = answer.unwrap().json().await.unwrap();
        let indexes = answer["indices"].as_array().unwrap().iter();
        let mut names: Vec<String> = indexes
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }

    /// Takes one document out of the index that has it, behind the program's back.
    pub(super) async fn lose(&self, id: &str) {
        let query = serde_json::json!({ "query": { "term": { "id": id } } });
        for index in self.names().await {
            let ask = self.http.post(format!("{}/{index}/_search", self.url));
            let found: Value = ask.json(&query).send().await.unwrap().json().await.unwrap();
            let Some(hit) = found["hits"]["hits"][0]["_id"].as_str() else {
                continue;
            };
            let at = format!("{}/{index}/_doc/{hit}?refresh=true", self.url);
            let gone = self.http.delete(at).send().await.unwrap();
            assert_eq!(gone.status(), 200);
            return;
        }
        panic!("no index has {id}");
    }

    /// Leaves nothing on the server.
    pub(super) async fn end(self) {
        for name in self.names().await {
            let gone = self.http.delete(format!("{}/{name}", self.url)).send();
            // A program that still serves may just have replaced it.
            let status = gone.await.unwrap().status().as_u16();
            assert!([200, 404].contains(&status), "{status}");
        }
    }
}

//! Search: what tenants find of their rows as they type, in memory and in Elasticsearch.

mod elastic;
mod proxy;

mod changes;
mod finds;
mod hostile;
mod outage;
mod page;
mod processes;
mod rebuild;
mod tenants;

use std::collections::BTreeSet;
use std::process::Output;

use reqwest::Method;
use serde_json::{Value, json};
use tenancy_sqlx::testing::TestDatabase;
use tokio::process::Command;

use self::elastic::Elastic;
use crate::program::{Site, answer, on, run, saas, stderr, stdout, until};

const ONE: &str = "one.localhost";
const TWO: &str = "two.localhost";
const PRODUCTS: &str = "/api/catalog/products/";
const BLOGS: &str = "/api/blogs/";

/// Where the indexes are.
enum Engine {
    Memory,
    Elastic(Elastic),
}

/// Every engine that can be had here.
fn engines() -> Vec<Engine> {
    let elastic = Elastic::find().map(Engine::Elastic);
    [Engine::Memory].into_iter().chain(elastic).collect()
}

impl Engine {
    /// Lets a program use it.
    fn set(&self, command: &mut Command) {
        if let Self::Elastic(elastic) = self {
            elastic.set(command);
        }
    }

    /// The program with two tenants, which were made without the engine.
    async fn site(&self) -> Site {
        Site::with(|command| {
            self.set(command);
            command.env("METRICS_LISTEN", "127.0.0.1:0");
        })
        .await
    }

    /// What a command says that uses the same engine.
    async fn say(&self, database: &TestDatabase, words: &[&str]) -> Output {
        let mut command = on(database, saas());
        self.set(&mut command);
        run(command.args(words)).await
    }

    /// What a command says that ends well.
    async fn done(&self, database: &TestDatabase, words: &[&str]) -> String {
        let output = self.say(database, words).await;
        assert!(output.status.success(), "{words:?}: {}", stderr(&output));
        stdout(&output)
    }

    /// Leaves nothing of the test on the server.
    async fn end(self) {
        if let Self::Elastic(elastic) = self {
            elastic.end().await;
        }
    }
}

/// Any text as a part of an address.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "%{byte:02X}");
        out
    })
}

/// What a search of `all` (products or posts) answers, with more parameters behind `q`.
async fn ask(site: &Site, host: &str, all: &str, q: &str, more: &str) -> (u16, Value) {
    let path = format!("{all}search/?q={}{more}", encoded(q));
    site.server.get(host, &path).await
}

/// The names or titles that are found.
async fn found(site: &Site, host: &str, all: &str, q: &str) -> BTreeSet<String> {
    let (status, hits) = ask(site, host, all, q, "&limit=100").await;
    assert_eq!(status, 200, "{q:?}: {hits}");
    names(&hits)
}

fn names(hits: &Value) -> BTreeSet<String> {
    let items = hits["items"].as_array().unwrap().iter();
    items.map(|item| name(item).to_owned()).collect()
}

fn name(item: &Value) -> &str {
    item["name"].as_str().or(item["title"].as_str()).unwrap()
}

/// Waits until exactly these are found.
async fn finds(site: &Site, host: &str, all: &str, q: &str, want: &[&str]) {
    let want: BTreeSet<String> = want.iter().map(|&name| name.to_owned()).collect();
    until(&format!("{q:?} of {host} finds {want:?}"), async || {
        let (status, hits) = ask(site, host, all, q, "&limit=100").await;
        assert!(status == 200 || status == 503, "{status}: {hits}");
        status == 200 && names(&hits) == want
    })
    .await;
}

/// Writes a product and gives its id.
async fn product(site: &Site, host: &str, name: &str, fields: Value) -> String {
    let sku = uuid::Uuid::new_v4().to_string();
    let mut body = json!({ "name": name, "sku": sku, "price_cents": 100 });
    let Value::Object(fields) = fields else {
        panic!("{fields} is no object")
    };
    body.as_object_mut().unwrap().extend(fields);
    created(site, host, PRODUCTS, body).await
}

/// Writes a post and gives its id.
async fn post(site: &Site, host: &str, title: &str, description: &str) -> String {
    let body = json!({ "title": title, "description": description });
    created(site, host, BLOGS, body).await
}

async fn created(site: &Site, host: &str, all: &str, body: Value) -> String {
    let (status, made) = site.server.send(Method::POST, host, all, &body).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

async fn change(site: &Site, host: &str, at: &str, body: Value) {
    let (status, changed) = site.server.send(Method::PATCH, host, at, &body).await;
    assert_eq!(status, 200, "{at}: {changed}");
}

async fn delete(site: &Site, host: &str, at: &str) {
    let (status, _) = answer(site.server.request(Method::DELETE, host, at)).await;
    assert_eq!(status, 204, "{at}");
}

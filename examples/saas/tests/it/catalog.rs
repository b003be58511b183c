//! The catalog: what clients do with it, and that no answer of its cache is old or another's.

mod cached;
mod categories;
mod cut;
mod inside;
mod lists;
mod outage;
mod pages;
mod products;
mod race;
mod stock;

use reqwest::Method;
use serde_json::{Value, json};

use crate::program::Site;

const HOST: &str = "one.localhost";
const PRODUCTS: &str = "/api/catalog/products/";
const CATEGORIES: &str = "/api/catalog/categories/";

/// Writes a product of which only `fields` matter.
async fn product(site: &Site, host: &str, fields: Value) -> Value {
    let mut body =
        json!({ "name": "Chair", "sku": "CH-1", "price_cents": 4900, "currency": "EUR" });
    let Value::Object(fields) = fields else {
        panic!("{fields} is no object")
    };
    body.as_object_mut().unwrap().extend(fields);
    let (status, made) = site.server.send(Method::POST, host, PRODUCTS, &body).await;
    assert_eq!(status, 201, "{made}");
    made
}

/// Writes a category.
async fn category(site: &Site, host: &str, name: &str) -> Value {
    let body = json!({ "name": name });
    let (status, made) = site
        .server
        .send(Method::POST, host, CATEGORIES, &body)
        .await;
    assert_eq!(status, 201, "{made}");
    made
}

/// Where a product or category is.
fn path(all: &str, thing: &Value) -> String {
    format!("{all}{}/", thing["id"].as_str().unwrap())
}

/// Sends a change that is to be made.
async fn change(site: &Site, method: Method, path: &str, body: Value) -> Value {
    let (status, answer) = site.server.send(method, HOST, path, &body).await;
    assert!((200..300).contains(&status), "{path}: {status} {answer}");
    answer
}

/// The pointers of what is refused.
fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect()
}

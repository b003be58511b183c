//! Products: create, read, change, delete, and be told what does not fit.

use reqwest::Method;
use serde_json::{Value, json};

use super::{HOST, PRODUCTS, category, change, path, pointers, product};
use crate::program::{Site, answer};

#[tokio::test]
async fn a_product_lives_from_creation_to_deletion() {
    let site = Site::new().await;
    let shelf = category(&site, HOST, "Desks").await;
    let new = json!({
        "name": "Wireless Keyboard", "sku": "KB-1", "description": "quiet", "price_cents": 4990,
        "currency": "USD", "stock": 7, "category": shelf["id"],
    });
    let response = site
        .server
        .request(Method::POST, HOST, "/api/catalog/products")
        .json(&new)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let made: Value = response.json().await.unwrap();
    assert_eq!(location, path(PRODUCTS, &made));
    for (name, value) in new.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }
    let mut names: Vec<_> = made
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    let contract =
        "category created_at currency description id name price_cents sku stock updated_at";
    assert_eq!(names.join(" "), contract);
    assert!(
        made["created_at"].as_str().unwrap().ends_with('Z'),
        "{made}"
    );

    // The second answer comes from the cache and is the same to the letter.
    for _ in 0..2 {
        let (status, found) = site.server.get(HOST, &location).await;
        assert_eq!((status, &found), (200, &made));
    }

    let changed = change(
        &site,
        Method::PATCH,
        &location,
        json!({ "name": "Keyboard" }),
    )
    .await;
    assert_eq!(changed["name"], "Keyboard");
    assert_eq!(
        (&changed["stock"], &changed["category"]),
        (&json!(7), &shelf["id"])
    );
    assert_ne!(changed["updated_at"], made["updated_at"]);
    assert_eq!(site.server.get(HOST, &location).await.1, changed);

    // `null` takes it out of its category; what is not said stays.
    let out = change(&site, Method::PATCH, &location, json!({ "category": null })).await;
    assert_eq!(
        (&out["category"], &out["sku"]),
        (&Value::Null, &json!("KB-1"))
    );
    change(
        &site,
        Method::PATCH,
        &location,
        json!({ "category": shelf["id"], "stock": 3 }),
    )
    .await;

    let put = json!({ "name": "Mouse", "sku": "MS-1", "price_cents": 0 });
    let replaced = change(&site, Method::PUT, &location, put).await;
    assert_eq!(
        (
            &replaced["name"],
            &replaced["description"],
            &replaced["stock"],
            &replaced["category"]
        ),
        (&json!("Mouse"), &json!(""), &json!(0), &Value::Null)
    );
    assert_eq!(
        (
            &replaced["id"],
            &replaced["created_at"],
            &replaced["currency"]
        ),
        (&made["id"], &made["created_at"], &json!("EUR"))
    );

    let (status, _) = answer(site.server.request(Method::DELETE, HOST, &location)).await;
    assert_eq!(status, 204);
    assert_eq!(site.server.get(HOST, &location).await.0, 404);
    for method in [Method::DELETE, Method::PATCH] {
        let (status, problem) = site.server.send(method, HOST, &location, &json!({})).await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("not_found")));
    }
    let stock = format!("{location}stock/");
    let (status, _) = site
        .server
        .send(Method::POST, HOST, &stock, &json!({ "change": 1 }))
        .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn everything_that_does_not_fit_is_named_at_once() {
    let site = Site::new().await;
    let made = product(&site, HOST, json!({})).await;
    let wrong = json!({
        "name": " ", "sku": " X", "description": "a\u{0}b", "price_cents": -1, "currency": "eur",
        "stock": -1,
    });
    for (method, at) in [
        (Method::POST, PRODUCTS.to_owned()),
        (Method::PUT, path(PRODUCTS, &made)),
        (Method::PATCH, path(PRODUCTS, &made)),
    ] {
        let (status, problem) = site.server.send(method.clone(), HOST, &at, &wrong).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (422, Some("validation_failed")),
            "{method}: {problem}"
        );
        let mut named = pointers(&problem);
        named.sort_unstable();
        let all = [
            "#/currency",
            "#/description",
            "#/name",
            "#/price_cents",
            "#/sku",
            "#/stock",
        ];
        assert_eq!(named, all, "{method}: {problem}");
    }
    let long = "x".repeat(201);
    for (field, value) in [
        ("name", json!("a\u{0}")),
        ("name", json!(long)),
        ("name", json!(5)),
        ("sku", json!("")),
        ("sku", json!("a\u{0}")),
        ("sku", json!(long)),
        ("price_cents", json!(1_000_000_000_000_i64)),
        ("price_cents", json!(1.5)),
        ("price_cents", json!("12")),
        ("currency", json!("EURO")),
        ("currency", json!("E1R")),
        ("currency", json!("€")),
        ("stock", json!(1_000_000_001)),
        ("stock", json!(u64::MAX)),
        ("category", json!("none")),
        ("category", json!("00000000-0000-0000-0000-000000000000")),
        ("colour", json!("red")),
        ("id", json!("00000000-0000-0000-0000-000000000000")),
    ] {
        let mut body = json!({ "name": "ok", "sku": "OK", "price_cents": 1 });
        body[field] = value;
        let (status, problem) = site.server.send(Method::POST, HOST, PRODUCTS, &body).await;
        assert_eq!(status, 422, "{body}: {problem}");
        if !["colour", "id"].contains(&field) {
            assert_eq!(
                pointers(&problem),
                [format!("#/{field}")],
                "{body}: {problem}"
            );
        }
        let patch = json!({ field: body[field] });
        let (status, problem) = site
            .server
            .send(Method::PATCH, HOST, &path(PRODUCTS, &made), &patch)
            .await;
        assert_eq!(status, 422, "{patch}: {problem}");
    }
    for body in [json!({}), json!([]), json!({ "name": "ok", "sku": "OK" })] {
        let (status, problem) = site.server.send(Method::POST, HOST, PRODUCTS, &body).await;
        assert_eq!(status, 422, "{body}: {problem}");
    }
    for path in ["not-an-id/", "1/", "search/x/"] {
        let (status, problem) = site.server.get(HOST, &format!("{PRODUCTS}{path}")).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (404, Some("not_found")),
            "{path}"
        );
    }
    // Nothing of all that has happened.
    let (_, list) = site.server.get(HOST, PRODUCTS).await;
    assert_eq!(list["items"], json!([made]));
}

#[tokio::test]
async fn a_sku_is_taken_once_in_each_tenant() {
    let site = Site::new().await;
    product(&site, HOST, json!({ "sku": "A-1" })).await;
    let other = product(&site, HOST, json!({ "sku": "A-2" })).await;
    let body = json!({ "name": "Again", "sku": "A-1", "price_cents": 1 });
    let (status, problem) = site.server.send(Method::POST, HOST, PRODUCTS, &body).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("conflict")));
    assert!(
        problem["detail"].as_str().unwrap().contains("\"A-1\""),
        "{problem}"
    );
    for (method, body) in [
        (Method::PUT, body),
        (Method::PATCH, json!({ "sku": "A-1" })),
    ] {
        let at = path(PRODUCTS, &other);
        let (status, problem) = site.server.send(method, HOST, &at, &body).await;
        assert_eq!((status, problem["code"].as_str()), (409, Some("conflict")));
        assert_eq!(site.server.get(HOST, &at).await.1, other);
    }
    product(&site, "two.localhost", json!({ "sku": "A-1" })).await;
}

#[tokio::test]
async fn every_change_and_no_refusal_leaves_a_message_for_the_search() {
    let site = Site::new().await;
    let mut database = site.database.superuser().await;
    let mut messages = async || -> Vec<(String, String)> {
        sqlx::query_as("delete from tenancy.outbox returning topic, key")
            .fetch_all(&mut database)
            .await
            .unwrap()
    };
    let shelf = category(&site, HOST, "Desks").await;
    let made = product(&site, HOST, json!({})).await;
    let at = path(PRODUCTS, &made);
    let id = made["id"].as_str().unwrap().to_owned();
    let told = vec![("search.products".to_owned(), id)];
    assert_eq!(messages().await, told);
    let put = json!({ "name": "Put", "sku": "CH-1", "price_cents": 1, "stock": 2 });
    for (method, at, body) in [
        (Method::PATCH, at.clone(), json!({ "name": "Changed" })),
        (Method::PUT, at.clone(), put),
        (Method::POST, format!("{at}stock/"), json!({ "change": -2 })),
    ] {
        change(&site, method, &at, body).await;
        assert_eq!(messages().await, told, "{at}");
    }
    for (method, at, body) in [
        (
            Method::POST,
            PRODUCTS.to_owned(),
            json!({ "name": "x", "sku": "CH-1", "price_cents": 1 }),
        ),
        (Method::PATCH, at.clone(), json!({ "sku": "" })),
        (Method::POST, format!("{at}stock/"), json!({ "change": -2 })),
    ] {
        let (status, _) = site.server.send(method, HOST, &at, &body).await;
        assert!(status >= 400);
    }
    // What is found of a product says nothing of its category's name.
    let shelf = path(super::CATEGORIES, &shelf);
    change(&site, Method::PATCH, &shelf, json!({ "name": "Tables" })).await;
    assert_eq!(messages().await, []);
    answer(site.server.request(Method::DELETE, HOST, &at)).await;
    assert_eq!(messages().await, told);
    answer(site.server.request(Method::DELETE, HOST, &at)).await;
    assert_eq!(messages().await, []);

    let post = site.post(HOST, "First").await;
    let told = vec![("search.blogs".to_owned(), post.clone())];
    assert_eq!(messages().await, told);
    let at = format!("/api/blogs/{post}/");
    change(&site, Method::PATCH, &at, json!({ "title": "Second" })).await;
    assert_eq!(messages().await, told);
    answer(site.server.request(Method::DELETE, HOST, &at)).await;
    assert_eq!(messages().await, told);
    answer(site.server.request(Method::DELETE, HOST, &at)).await;
    assert_eq!(messages().await, []);
}

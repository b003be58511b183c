//! Categories, and what of them products change.

use reqwest::Method;
use serde_json::{Value, json};

use super::{CATEGORIES, HOST, PRODUCTS, category, change, path, pointers, product};
use crate::program::{Site, answer};

#[tokio::test]
async fn a_category_lives_from_creation_to_deletion() {
    let site = Site::new().await;
    let body = json!({ "name": "Café & Crème" });
    let (status, made) = site
        .server
        .send(Method::POST, HOST, CATEGORIES, &body)
        .await;
    assert_eq!(status, 201, "{made}");
    let at = path(CATEGORIES, &made);
    let contract = json!({
        "id": made["id"], "name": "Café & Crème", "slug": "cafe-creme", "product_count": 0,
    });
    assert_eq!(made, contract);
    for _ in 0..2 {
        assert_eq!(site.server.get(HOST, &at).await, (200, made.clone()));
    }
    let renamed = change(&site, Method::PATCH, &at, json!({ "name": "Coffee" })).await;
    assert_eq!(
        (&renamed["name"], &renamed["slug"]),
        (&json!("Coffee"), &json!("cafe-creme"))
    );
    let moved = change(&site, Method::PATCH, &at, json!({ "slug": "coffee" })).await;
    assert_eq!(site.server.get(HOST, &at).await.1, moved);
    assert_eq!(
        site.server.get(HOST, CATEGORIES).await.1["items"],
        json!([moved])
    );
    assert_eq!(site.server.get("two.localhost", &at).await.0, 404);

    let (status, _) = answer(site.server.request(Method::DELETE, HOST, &at)).await;
    assert_eq!(status, 204);
    assert_eq!(site.server.get(HOST, &at).await.0, 404);
    assert_eq!(
        site.server.get(HOST, CATEGORIES).await.1["items"],
        json!([])
    );
    for method in [Method::DELETE, Method::PATCH] {
        assert_eq!(site.server.send(method, HOST, &at, &json!({})).await.0, 404);
    }
    let (status, problem) = site.server.send(Method::PUT, HOST, &at, &json!({})).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (405, Some("method_not_allowed"))
    );
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let site = Site::new().await;
    let made = category(&site, HOST, "Desks").await;
    let at = path(CATEGORIES, &made);
    for (body, named) in [
        (
            json!({ "name": " ", "slug": "A b" }),
            vec!["#/name", "#/slug"],
        ),
        (json!({ "name": "a\u{0}" }), vec!["#/name"]),
        (json!({ "name": "x".repeat(101) }), vec!["#/name"]),
        (json!({ "name": "ok", "slug": "" }), vec!["#/slug"]),
        (
            json!({ "name": "ok", "slug": "x".repeat(64) }),
            vec!["#/slug"],
        ),
    ] {
        for (method, at) in [(Method::POST, CATEGORIES), (Method::PATCH, &at)] {
            let (status, problem) = site.server.send(method, HOST, at, &body).await;
            assert_eq!(status, 422, "{body}: {problem}");
            let mut pointers = pointers(&problem);
            pointers.sort_unstable();
            assert_eq!(pointers, named, "{problem}");
        }
    }
    let (status, problem) = site
        .server
        .send(
            Method::POST,
            HOST,
            CATEGORIES,
            &json!({ "name": "コーヒー" }),
        )
        .await;
    assert_eq!((status, pointers(&problem)), (422, vec!["#/slug"]));
    for body in [json!({}), json!({ "name": "ok", "product_count": 5 })] {
        let (status, problem) = site
            .server
            .send(Method::POST, HOST, CATEGORIES, &body)
            .await;
        assert_eq!(status, 422, "{body}: {problem}");
    }
    let other = category(&site, HOST, "Tables").await;
    for (method, at, body) in [
        (Method::POST, CATEGORIES, json!({ "name": "DESKS" })),
        (
            Method::PATCH,
            &path(CATEGORIES, &other),
            json!({ "slug": "desks" }),
        ),
    ] {
        let (status, problem) = site.server.send(method, HOST, at, &body).await;
        assert_eq!((status, problem["code"].as_str()), (409, Some("conflict")));
        assert!(
            problem["detail"].as_str().unwrap().contains("\"desks\""),
            "{problem}"
        );
    }
    for query in ["limit=0", "limit=many", "cursor=nonsense", "cursor=bnVsbA"] {
        let (status, problem) = site
            .server
            .get(HOST, &format!("{CATEGORIES}?{query}"))
            .await;
        assert_eq!(status, 422, "{query}: {problem}");
    }
}

#[tokio::test]
async fn a_category_with_products_stays_and_says_how_many() {
    let site = Site::new().await;
    let shelf = category(&site, HOST, "Desks").await;
    let at = path(CATEGORIES, &shelf);
    let mut inside = Vec::new();
    for n in 0..2 {
        let fields = json!({ "sku": n.to_string(), "category": shelf["id"] });
        inside.push(product(&site, HOST, fields).await);
    }
    let refused = async |said: &str| {
        let (status, problem) = answer(site.server.request(Method::DELETE, HOST, &at)).await;
        assert_eq!(
            (status, problem["code"].as_str()),
            (409, Some("conflict")),
            "{problem}"
        );
        assert!(
            problem["detail"].as_str().unwrap().contains(said),
            "{problem}"
        );
    };
    refused("2 products are").await;
    answer(
        site.server
            .request(Method::DELETE, HOST, &path(PRODUCTS, &inside[0])),
    )
    .await;
    refused("1 product is").await;
    change(
        &site,
        Method::PATCH,
        &path(PRODUCTS, &inside[1]),
        json!({ "category": null }),
    )
    .await;
    let (status, _) = answer(site.server.request(Method::DELETE, HOST, &at)).await;
    assert_eq!(status, 204);
}

#[tokio::test]
async fn counts_follow_every_product_that_comes_moves_or_goes() {
    let site = Site::new().await;
    let desks = category(&site, HOST, "Desks").await;
    let tables = category(&site, HOST, "Tables").await;
    // Each state is read twice, so that what follows has something old to fall for.
    let counts = async |expected: [usize; 2]| {
        for _ in 0..2 {
            let (_, list) = site.server.get(HOST, CATEGORIES).await;
            let listed: Vec<&Value> = list["items"].as_array().unwrap().iter().collect();
            assert_eq!(listed.len(), 2, "{list}");
            for ((shelf, listed), count) in [&desks, &tables].into_iter().zip(listed).zip(expected)
            {
                assert_eq!(listed["product_count"], count, "{list}");
                let (_, one) = site.server.get(HOST, &path(CATEGORIES, shelf)).await;
                assert_eq!(&one, listed);
                let of = format!("{PRODUCTS}?category={}", shelf["id"].as_str().unwrap());
                let (_, page) = site.server.get(HOST, &of).await;
                assert_eq!(page["items"].as_array().unwrap().len(), count, "{page}");
            }
        }
    };
    counts([0, 0]).await;
    let made = product(&site, HOST, json!({ "category": desks["id"] })).await;
    let at = path(PRODUCTS, &made);
    counts([1, 0]).await;
    change(
        &site,
        Method::PATCH,
        &at,
        json!({ "category": tables["id"] }),
    )
    .await;
    counts([0, 1]).await;
    change(&site, Method::PATCH, &at, json!({ "category": null })).await;
    counts([0, 0]).await;
    let put = json!({ "name": "x", "sku": "CH-1", "price_cents": 1, "category": desks["id"] });
    change(&site, Method::PUT, &at, put).await;
    counts([1, 0]).await;
    answer(site.server.request(Method::DELETE, HOST, &at)).await;
    counts([0, 0]).await;
}

#[tokio::test]
async fn pages_follow_each_other_by_name_without_gap_or_repeat() {
    let site = Site::new().await;
    for n in 0..7 {
        // Equal names, so that the id has to decide.
        let body = json!({ "name": format!("Shelf {}", n % 2), "slug": format!("shelf-{n}") });
        let (status, _) = site
            .server
            .send(Method::POST, HOST, CATEGORIES, &body)
            .await;
        assert_eq!(status, 201);
    }
    let (mut seen, mut at) = (Vec::new(), format!("{CATEGORIES}?limit=2"));
    loop {
        let (status, page) = site.server.get(HOST, &at).await;
        assert_eq!(status, 200, "{page}");
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["slug"].to_string()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        at = format!("{CATEGORIES}?limit=2&cursor={next}");
    }
    let (_, whole) = site
        .server
        .get(HOST, &format!("{CATEGORIES}?limit=100"))
        .await;
    let all: Vec<_> = whole["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["slug"].to_string())
        .collect();
    assert_eq!((seen.len(), &seen), (7, &all));
}

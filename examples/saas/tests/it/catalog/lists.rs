//! Lists of products: every order, every filter, page by page.

use std::cmp::Ordering;

use reqwest::Method;
use serde_json::{Value, json};

use super::{HOST, PRODUCTS, category, path, pointers, product};
use crate::program::{Site, answer};

async fn pages(site: &Site, query: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let at = format!("{PRODUCTS}?{query}{cursor}");
        let (status, page) = site.server.get(HOST, &at).await;
        assert_eq!(status, 200, "{at}: {page}");
        // Once more, from the cache.
        assert_eq!(site.server.get(HOST, &at).await.1, page);
        items.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

fn ids(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn every_order_is_complete_and_whole_although_values_are_equal() {
    let site = Site::new().await;
    for n in 0..13 {
        let name = ["Anvil", "Äpfel", "bolt", "Ünde “x”"][n % 4];
        let fields = json!({
            "sku": n.to_string(), "name": name,
            "price_cents": n % 3, "stock": n % 2,
        });
        product(&site, HOST, fields).await;
    }
    // Equal moments of creation, too.
    let mut database = site.database.superuser().await;
    sqlx::query("update one.products set created_at = date_trunc('hour', now()) - (stock * interval '1.000001 s')")
        .execute(&mut database)
        .await
        .unwrap();
    let compare: fn(&str, &Value, &Value) -> Ordering = |field, a, b| match field {
        "stock" | "price_cents" => a[field].as_i64().cmp(&b[field].as_i64()),
        _ => a[field].as_str().cmp(&b[field].as_str()),
    };
    for word in ["name", "price", "created_at", "stock"] {
        let field = if word == "price" { "price_cents" } else { word };
        let mut both = Vec::new();
        for descending in [false, true] {
            let sign = if descending { "-" } else { "" };
            for limit in [1, 4, 13, 100] {
                let items = pages(&site, &format!("ordering={sign}{word}&limit={limit}")).await;
                assert_eq!(items.len(), 13, "{sign}{word} {limit}");
                // How names are ordered is the database's business.
                let ordered = field == "name"
                    || items.windows(2).all(|two| {
                        let order = compare(field, &two[0], &two[1]);
                        let order = order.then(two[0]["id"].as_str().cmp(&two[1]["id"].as_str()));
                        order
                            == if descending {
                                Ordering::Greater
                            } else {
                                Ordering::Less
                            }
                    });
                assert!(ordered, "{sign}{word} {limit}: {items:?}");
                both.push(items);
            }
        }
        for items in &both[1..4] {
            assert_eq!(items, &both[0], "{word}");
        }
        let backwards: Vec<_> = both[4].iter().rev().cloned().collect();
        assert_eq!(ids(&backwards), ids(&both[0]), "{word}");
        let mut unique = ids(&both[0]);
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), 13, "{word}");
    }
    // The newest first, unless it is said otherwise.
    let usual = pages(&site, "limit=5").await;
    assert_eq!(usual, pages(&site, "ordering=-created_at").await);
}

#[tokio::test]
async fn what_comes_or_goes_meanwhile_moves_nothing_on_the_later_pages() {
    let site = Site::new().await;
    let mut made = Vec::new();
    for n in 0..6 {
        made.push(
            product(
                &site,
                HOST,
                json!({ "sku": n.to_string(), "price_cents": n * 10 }),
            )
            .await,
        );
    }
    let (_, page) = site
        .server
        .get(HOST, &format!("{PRODUCTS}?ordering=price&limit=3"))
        .await;
    let next = page["next"].as_str().unwrap();
    // The last one of the page goes, and another comes before it.
    answer(
        site.server
            .request(Method::DELETE, HOST, &path(PRODUCTS, &made[2])),
    )
    .await;
    product(&site, HOST, json!({ "sku": "new", "price_cents": 5 })).await;
    let at = format!("{PRODUCTS}?ordering=price&limit=3&cursor={next}");
    let (_, page) = site.server.get(HOST, &at).await;
    assert_eq!(ids(page["items"].as_array().unwrap()), ids(&made[3..]));
    assert_eq!(page["next"], Value::Null);
}

#[tokio::test]
async fn filters_leave_what_fits_all_of_them() {
    let site = Site::new().await;
    let shelf = category(&site, HOST, "Desks").await;
    let of = shelf["id"].as_str().unwrap();
    let mut made = Vec::new();
    for n in 0..8_i64 {
        let category = (n % 2 == 0).then(|| shelf["id"].clone());
        let fields = json!({
            "sku": n.to_string(), "price_cents": n * 100, "stock": (n / 4) * 5, "category": category,
        });
        made.push(product(&site, HOST, fields).await);
    }
    for (query, expected) in [
        (String::new(), vec![0, 1, 2, 3, 4, 5, 6, 7]),
        (format!("&category={of}"), vec![0, 2, 4, 6]),
        ("&category=".to_owned(), vec![0, 1, 2, 3, 4, 5, 6, 7]),
        ("&min_price=300".to_owned(), vec![3, 4, 5, 6, 7]),
        ("&max_price=300".to_owned(), vec![0, 1, 2, 3]),
        ("&min_price=300&max_price=300".to_owned(), vec![3]),
        ("&min_price=301&max_price=300".to_owned(), vec![]),
        ("&in_stock=true".to_owned(), vec![4, 5, 6, 7]),
        ("&in_stock=false".to_owned(), vec![0, 1, 2, 3]),
        (
            format!("&category={of}&in_stock=true&min_price=401"),
            vec![6],
        ),
        (
            "&category=00000000-0000-0000-0000-000000000000".to_owned(),
            vec![],
        ),
    ] {
        let items = pages(&site, &format!("ordering=price&limit=2{query}")).await;
        let expected: Vec<_> = expected
            .into_iter()
            .map(|n: usize| made[n].clone())
            .collect();
        assert_eq!(ids(&items), ids(&expected), "{query}");
    }
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_all_named_with_what_does() {
    let site = Site::new().await;
    let query =
        "category=x&min_price=-1&max_price=1.5&in_stock=maybe&ordering=sku&limit=0&cursor=x";
    let (status, problem) = site.server.get(HOST, &format!("{PRODUCTS}?{query}")).await;
    assert_eq!(
        (status, problem["code"].as_str()),
        (422, Some("validation_failed"))
    );
    let names = [
        "category",
        "min_price",
        "max_price",
        "in_stock",
        "limit",
        "ordering",
        "cursor",
    ];
    assert_eq!(
        pointers(&problem),
        names.map(|name| format!("#/{name}")),
        "{problem}"
    );
    let words = problem["errors"][5]["detail"].as_str().unwrap();
    for word in [
        "name",
        "-name",
        "price",
        "-price",
        "created_at",
        "-created_at",
        "stock",
        "-stock",
    ] {
        assert!(words.contains(&format!(" {word}")), "{word}: {words}");
    }
    for n in 0..3 {
        product(&site, HOST, json!({ "sku": n.to_string() })).await;
    }
    let (_, page) = site
        .server
        .get(HOST, &format!("{PRODUCTS}?ordering=name&limit=1"))
        .await;
    let next = page["next"].as_str().unwrap();
    for query in [
        // A place in one order is none in another.
        format!("ordering=price&cursor={next}"),
        format!("ordering=-name&cursor={next}"),
        format!("cursor={next}"),
        // Hand-made: a name with NUL, a moment that is none, a price that is none.
        "ordering=name&cursor=eyJvIjoibmFtZSIsInYiOiJcdTAwMDAiLCJpIjoiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwIn0".to_owned(),
        "ordering=created_at&cursor=eyJvIjoiY3JlYXRlZF9hdCIsInYiOjkyMjMzNzIwMzY4NTQ3NzU4MDcsImkiOiIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDAifQ".to_owned(),
        "ordering=price&cursor=eyJvIjoicHJpY2UiLCJ2IjoiNSIsImkiOiIwMDAwMDAwMC0wMDAwLTAwMDAtMDAwMC0wMDAwMDAwMDAwMDAifQ".to_owned(),
    ] {
        let (status, problem) = site.server.get(HOST, &format!("{PRODUCTS}?{query}")).await;
        assert_eq!((status, pointers(&problem)), (422, vec!["#/cursor"]), "{query}");
    }
    let (status, everything) = site
        .server
        .get(HOST, &format!("{PRODUCTS}?limit=100000"))
        .await;
    assert_eq!((status, &everything["next"]), (200, &Value::Null));
}

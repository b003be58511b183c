//! The stock under many hands.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::{HOST, PRODUCTS, path, pointers, product};
use crate::program::Site;

#[tokio::test]
async fn fifty_changes_at_once_never_take_more_than_there_is() {
    let site = Site::new().await;
    let made = product(&site, HOST, json!({ "stock": 20 })).await;
    let at = path(PRODUCTS, &made);
    let stock = format!("{at}stock/");
    // Forty take one, ten bring one: some of those who take are refused, or none is.
    let changes = (0..50).map(|n| {
        let (site, stock) = (&site, &stock);
        async move {
            let change = if n % 5 == 4 { 1 } else { -1 };
            let body = json!({ "change": change });
            let (status, answer) = site.server.send(Method::POST, HOST, stock, &body).await;
            match status {
                200 => {
                    assert!(answer["stock"].as_i64().unwrap() >= 0, "{answer}");
                    change
                }
                409 => {
                    assert_eq!(answer["code"], "conflict", "{answer}");
                    assert_eq!(change, -1, "{answer}");
                    0
                }
                _ => panic!("{status} {answer}"),
            }
        }
    });
    let done: i64 = join_all(changes).await.into_iter().sum();
    let (_, now) = site.server.get(HOST, &at).await;
    assert_eq!(now["stock"], 20 + done);
    assert!((0..=10).contains(&(20 + done)), "{now}");
}

#[tokio::test]
async fn a_change_that_the_stock_cannot_take_says_what_there_is() {
    let site = Site::new().await;
    let made = product(&site, HOST, json!({ "stock": 2 })).await;
    let at = path(PRODUCTS, &made);
    let stock = format!("{at}stock/");
    for (change, said) in [(-3, "2 are in stock"), (1_000_000_000, "no room")] {
        let body = json!({ "change": change });
        let (status, problem) = site.server.send(Method::POST, HOST, &stock, &body).await;
        assert_eq!((status, problem["code"].as_str()), (409, Some("conflict")));
        assert!(
            problem["detail"].as_str().unwrap().contains(said),
            "{problem}"
        );
    }
    for body in [
        json!({ "change": 0 }),
        json!({ "change": 1_000_000_001 }),
        json!({ "change": "1" }),
    ] {
        let (status, problem) = site.server.send(Method::POST, HOST, &stock, &body).await;
        assert_eq!(
            (status, pointers(&problem)),
            (422, vec!["#/change"]),
            "{body}"
        );
    }
    let (status, _) = site
        .server
        .send(Method::POST, HOST, &stock, &json!({}))
        .await;
    assert_eq!(status, 422);
    assert_eq!(site.server.get(HOST, &at).await.1, made);
    let (status, now) = site
        .server
        .send(Method::POST, HOST, &stock, &json!({ "change": -2 }))
        .await;
    assert_eq!((status, &now["stock"]), (200, &json!(0)));
    assert_eq!(site.server.get(HOST, &at).await.1, now);
}

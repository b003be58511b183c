//! The pages of products that a person sees.

use reqwest::Method;
use serde_json::json;

use super::{HOST, PRODUCTS, category, change, path, product};
use crate::program::{Site, answer};

async fn page(site: &Site, host: &str, path: &str) -> (u16, String) {
    let answer = site
        .server
        .request(Method::GET, host, path)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn products_are_shown_by_category_and_escaped() {
    let site = Site::new().await;
    let (status, empty) = page(&site, HOST, "/products/").await;
    assert!(
        status == 200 && empty.contains("Nothing is sold here yet"),
        "{empty}"
    );
    let shelf = category(&site, HOST, "Fish & <b>chips</b>").await;
    let of = shelf["id"].as_str().unwrap();
    let fields = json!({
        "sku": "A", "name": "<script>alert(1)</script>", "price_cents": 1205, "stock": 2,
        "category": of, "description": "first\n\nsecond & <i>third</i>",
    });
    let inside = product(&site, HOST, fields).await;
    let yen = json!({ "sku": "B", "name": "Outside", "price_cents": 1205, "currency": "JPY" });
    let outside = product(&site, HOST, yen).await;

    let (_, all) = page(&site, HOST, "/products/").await;
    assert!(
        !all.contains("<script>") && !all.contains("<b>") && all.contains("alert(1)"),
        "{all}"
    );
    for shown in [
        "12.05 EUR",
        "1205 JPY",
        "only 2 left",
        "sold out",
        "Outside",
        "(1)",
    ] {
        assert!(all.contains(shown), "{shown}: {all}");
    }
    let (_, some) = page(&site, HOST, &format!("/products/?category={of}")).await;
    assert!(
        some.contains("alert(1)") && !some.contains("Outside"),
        "{some}"
    );
    assert!(some.contains(&format!("value=\"{of}\" selected")), "{some}");
    let (_, one) = page(
        &site,
        HOST,
        &format!("/products/{}/", inside["id"].as_str().unwrap()),
    )
    .await;
    for shown in ["12.05 EUR", "<p>first</p>", "Fish", "A</p>"] {
        assert!(one.contains(shown), "{shown}: {one}");
    }
    assert!(!one.contains("<i>") && !one.contains("<script>"), "{one}");

    // A page follows a change like everything else.
    change(
        &site,
        Method::PATCH,
        &path(PRODUCTS, &inside),
        json!({ "stock": 99 }),
    )
    .await;
    let (_, all) = page(&site, HOST, "/products/").await;
    assert!(all.contains("in stock") && !all.contains("only 2"), "{all}");
    answer(
        site.server
            .request(Method::DELETE, HOST, &path(PRODUCTS, &outside)),
    )
    .await;
    let gone = format!("/products/{}/", outside["id"].as_str().unwrap());
    assert_eq!(page(&site, HOST, &gone).await.0, 404);
    assert_eq!(
        page(
            &site,
            "two.localhost",
            &format!("/products/{}/", inside["id"].as_str().unwrap())
        )
        .await
        .0,
        404
    );
    assert_eq!(page(&site, HOST, "/products/?category=x").await.0, 422);
}

#[tokio::test]
async fn a_long_list_leads_on_in_the_same_category() {
    let site = Site::new().await;
    let shelf = category(&site, HOST, "Many").await;
    for n in 0..21 {
        let fields = json!({ "sku": n.to_string(), "name": format!("Good {n:02}"), "category": shelf["id"] });
        product(&site, HOST, fields).await;
    }
    let first = format!("/products/?category={}", shelf["id"].as_str().unwrap());
    let (_, html) = page(&site, HOST, &first).await;
    let link = html
        .split("rel=\"next\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let (status, html) = page(&site, HOST, &link.replace("&amp;", "&")).await;
    assert!(
        status == 200 && html.contains("Good 00") && !html.contains("Good 01"),
        "{html}"
    );
    assert!(!html.contains("rel=\"next\""), "{html}");
}

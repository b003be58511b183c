//! What is written is found, and what is gone is not.

use serde_json::json;
use sqlx::Executor as _;

use super::{BLOGS, Engine, ONE, PRODUCTS, change, delete, engines, finds, found, post, product};
use crate::metrics::{figure, told};

#[tokio::test]
async fn the_search_follows_every_change_of_products_and_posts() {
    for engine in engines() {
        let site = engine.site().await;
        let chair = product(&site, ONE, "Oak chair", json!({})).await;
        let at = format!("{PRODUCTS}{chair}/");
        finds(&site, ONE, PRODUCTS, "oak", &["Oak chair"]).await;
        change(&site, ONE, &at, json!({ "name": "Pine stool" })).await;
        finds(&site, ONE, PRODUCTS, "pine", &["Pine stool"]).await;
        finds(&site, ONE, PRODUCTS, "oak", &[]).await;
        change(&site, ONE, &at, json!({ "description": "made of walnut" })).await;
        finds(&site, ONE, PRODUCTS, "walnut", &["Pine stool"]).await;
        delete(&site, ONE, &at).await;
        // At once: the row is gone, whatever the index says.
        assert!(found(&site, ONE, PRODUCTS, "pine").await.is_empty());
        finds(&site, ONE, PRODUCTS, "walnut", &[]).await;

        let id = post(&site, ONE, "Opening hours", "in winter").await;
        let at = format!("{BLOGS}{id}/");
        finds(&site, ONE, BLOGS, "winter", &["Opening hours"]).await;
        change(&site, ONE, &at, json!({ "published": false })).await;
        assert!(found(&site, ONE, BLOGS, "winter").await.is_empty());
        change(
            &site,
            ONE,
            &at,
            json!({ "title": "Closing hours", "published": true }),
        )
        .await;
        finds(&site, ONE, BLOGS, "closing", &["Closing hours"]).await;
        change(&site, ONE, &at, json!({ "description": "in summer" })).await;
        finds(&site, ONE, BLOGS, "summer", &["Closing hours"]).await;
        delete(&site, ONE, &at).await;
        finds(&site, ONE, BLOGS, "closing", &[]).await;

        let text = told(&site.server.banner).await;
        let answered = r#"tenancy_search_searches_total{outcome="answered"}"#;
        assert!(figure(&text, answered) >= 9.0);
        let written = r#"tenancy_search_documents_total{outcome="written"}"#;
        assert!(figure(&text, written) >= 2.0);
        assert!(figure(&text, "tenancy_search_foreign_hits_total") < 1.0);
        for name in [
            "tenancy_outbox_delivered_total",
            "tenancy_outbox_backlog_messages",
        ] {
            assert!(text.contains(name), "{name} is not in {text}");
        }
        engine.end().await;
    }
}

#[tokio::test]
async fn what_an_index_still_has_is_not_shown_when_its_row_is_gone_or_a_draft() {
    let engine = Engine::Memory;
    let site = engine.site().await;
    product(&site, ONE, "Oak chair", json!({})).await;
    product(&site, ONE, "Oak table", json!({})).await;
    post(&site, ONE, "Oak news", "").await;
    post(&site, ONE, "Oak secrets", "").await;
    finds(&site, ONE, PRODUCTS, "oak", &["Oak chair", "Oak table"]).await;
    finds(&site, ONE, BLOGS, "oak", &["Oak news", "Oak secrets"]).await;
    // Nobody tells the search of these.
    let mut owner = site.database.superuser().await;
    for change in [
        "DELETE FROM one.products WHERE name = 'Oak chair'",
        "UPDATE one.blogs SET published = false WHERE title = 'Oak secrets'",
        "UPDATE one.products SET name = 'Oak desk' WHERE name = 'Oak table'",
    ] {
        owner.execute(change).await.unwrap();
    }
    assert_eq!(
        found(&site, ONE, PRODUCTS, "oak")
            .await
            .into_iter()
            .collect::<Vec<_>>(),
        ["Oak desk"]
    );
    assert_eq!(
        found(&site, ONE, BLOGS, "oak")
            .await
            .into_iter()
            .collect::<Vec<_>>(),
        ["Oak news"]
    );
}

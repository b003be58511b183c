//! Tenants that come, whose names are alike, and that go.

use serde_json::{Value, json};
use sqlx::Executor as _;

use super::{BLOGS, PRODUCTS, engines, finds, post, product};
use crate::program::until;

const ACME: &str = "acme.localhost";

#[tokio::test]
async fn tenants_with_names_alike_and_equal_ids_find_their_own() {
    for engine in engines() {
        let site = engine.site().await;
        let mut owner = site.database.superuser().await;
        let tenants = [("acme", "acme"), ("acme-x", "acme_x"), ("acmex", "acmex")];
        for (slug, schema) in tenants {
            let host = format!("{slug}.localhost");
            let words = ["tenant", "create", slug, "--domain", &host];
            engine.done(&site.database, &words).await;
            let rows = format!(
                "INSERT INTO {schema}.products (id, name, sku, description, price_cents, currency, stock)
                 SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid,
                        'Lamp ' || n || ' of {schema}', 'S' || n, 'for {schema} alone', 5, 'EUR', 1
                 FROM generate_series(1, 3) n"
            );
            owner.execute(sqlx::AssertSqlSafe(rows)).await.unwrap();
        }
        let reindex = [
            "search", "reindex", "--tenant", "acme", "--tenant", "acme-x", "--json",
        ];
        let told: Value =
            serde_json::from_str(&engine.done(&site.database, &reindex).await).unwrap();
        assert_eq!(told["indexes"].as_array().unwrap().len(), 4, "{told}");
        engine
            .done(&site.database, &["rebuild_indices", "--tenant", "acmex"])
            .await;
        for (slug, schema) in tenants {
            let host = format!("{slug}.localhost");
            let own: Vec<_> = (1..=3).map(|n| format!("Lamp {n} of {schema}")).collect();
            let own: Vec<_> = own.iter().map(String::as_str).collect();
            for q in ["lamp", "alone", &format!("for {schema}")] {
                finds(&site, &host, PRODUCTS, q, &own).await;
            }
        }
        engine.end().await;
    }
}

#[tokio::test]
async fn a_tenant_that_is_new_cloned_or_imported_is_searched_without_help() {
    for engine in engines() {
        let site = engine.site().await;
        let say = async |words: &[&str]| engine.done(&site.database, words).await;
        say(&["tenant", "create", "acme", "--domain", ACME]).await;
        // Nothing was written yet.
        until("an empty tenant is searched", async || {
            let (status, hits) = site
                .server
                .get(ACME, &format!("{PRODUCTS}search/?q=x"))
                .await;
            status == 200 && hits["total"] == 0
        })
        .await;
        product(&site, ACME, "Anvil", json!({})).await;
        post(&site, ACME, "Road runner", "").await;
        finds(&site, ACME, PRODUCTS, "anvil", &["Anvil"]).await;

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("acme.tenant");
        let file = file.to_str().unwrap();
        say(&[
            "tenant",
            "clone",
            "acme",
            "copy",
            "--domain",
            "copy.localhost",
        ])
        .await;
        say(&["tenant", "export", "acme", file]).await;
        say(&[
            "tenant",
            "import",
            file,
            "--as",
            "back",
            "--domain",
            "back.localhost",
        ])
        .await;
        for host in ["copy.localhost", "back.localhost"] {
            finds(&site, host, PRODUCTS, "anvl", &["Anvil"]).await;
            finds(&site, host, BLOGS, "road run", &["Road runner"]).await;
            product(&site, host, "Rocket", json!({})).await;
            finds(&site, host, PRODUCTS, "rock", &["Rocket"]).await;
        }
        finds(&site, ACME, PRODUCTS, "rock", &[]).await;
        // It has other names, and the same index.
        say(&["tenant", "rename", "acme", "ajax"]).await;
        product(&site, ACME, "Magnet", json!({})).await;
        finds(&site, ACME, PRODUCTS, "magnet", &["Magnet"]).await;
        finds(&site, ACME, PRODUCTS, "anvil", &["Anvil"]).await;
        engine.end().await;
    }
}

#[tokio::test]
async fn a_suspended_tenant_is_not_searched_and_a_purged_one_leaves_no_index() {
    let Some(elastic) = super::Elastic::find() else {
        return;
    };
    let engine = super::Engine::Elastic(elastic);
    let site = engine.site().await;
    let say = async |words: &[&str]| engine.done(&site.database, words).await;
    let shown = say(&["tenant", "show", "two", "--json"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let id = shown["found"]["tenant"]["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{shown}"))
        .replace('-', "");
    for host in [super::ONE, super::TWO] {
        product(&site, host, "Lamp", json!({})).await;
        finds(&site, host, PRODUCTS, "lamp", &["Lamp"]).await;
    }
    let super::Engine::Elastic(elastic) = &engine else {
        unreachable!()
    };
    let own = async || {
        let names = elastic.names().await;
        names
            .iter()
            .filter(|name| name.replace('-', "").contains(&id))
            .count()
    };
    assert!(own().await >= 2, "{:?} of {id}", elastic.names().await);
    say(&["tenant", "suspend", "two"]).await;
    until("it is suspended", async || {
        let (status, _) = site
            .server
            .get(super::TWO, &format!("{PRODUCTS}search/?q=lamp"))
            .await;
        status == 403
    })
    .await;
    say(&["tenant", "archive", "two", "--grace", "0s"]).await;
    say(&["tenant", "purge", "two", "--confirm", "two"]).await;
    let residue = say(&["tenant", "residue", "two", "--json"]).await;
    let residue: Value = serde_json::from_str(&residue).unwrap();
    assert_eq!(residue["residue"], json!([]));
    assert_eq!(own().await, 0, "{:?}", elastic.names().await);
    // Whoever serves does not bring it back.
    product(&site, super::ONE, "Desk", json!({})).await;
    finds(&site, super::ONE, PRODUCTS, "desk", &["Desk"]).await;
    assert_eq!(own().await, 0, "{:?}", elastic.names().await);
    engine.end().await;
}

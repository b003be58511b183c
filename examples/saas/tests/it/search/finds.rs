//! What a visitor types, and what is found.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{BLOGS, ONE, PRODUCTS, TWO, ask, engines, finds, found, name, post, product};
use crate::program::Site;

#[tokio::test]
async fn beginnings_slips_and_accents_find_products_and_posts_with_what_was_hit() {
    for engine in engines() {
        let site = engine.site().await;
        let quiet = json!({ "description": "Quiet keys", "sku": "DESK-KEYS-WL" });
        product(&site, ONE, "Wireless Keyboard", quiet).await;
        product(&site, ONE, "Café crème beans", json!({})).await;
        let marked = json!({ "description": "1 < 2 & <i>bright</i>" });
        product(&site, ONE, "<b>Desk</b> lamp & co", marked).await;
        product(&site, TWO, "Wireless Keyring", json!({})).await;
        post(&site, ONE, "Über die Brücke", "A walk across the bridge").await;
        post(&site, ONE, "Draft", "Later").await;
        finds(&site, ONE, PRODUCTS, "lamp", &["<b>Desk</b> lamp & co"]).await;
        finds(&site, ONE, BLOGS, "draft", &["Draft"]).await;
        finds(&site, TWO, PRODUCTS, "wirel key", &["Wireless Keyring"]).await;

        for (q, want) in [
            ("wirel keyb", "Wireless Keyboard"),
            ("w", "Wireless Keyboard"),
            ("WIRELESS", "Wireless Keyboard"),
            ("keybaord", "Wireless Keyboard"),
            ("wireles keybord", "Wireless Keyboard"),
            ("quiet", "Wireless Keyboard"),
            ("desk-keys-wl", "Wireless Keyboard"),
            ("cafe creme", "Café crème beans"),
            ("CAFÉ", "Café crème beans"),
            ("cre", "Café crème beans"),
            ("lamp AND co", ""),
            ("nothing like it", ""),
            ("   ", ""),
            ("", ""),
        ] {
            let want: BTreeSet<_> = (!want.is_empty())
                .then(|| want.to_owned())
                .into_iter()
                .collect();
            let have = found(&site, ONE, PRODUCTS, q).await;
            assert_eq!(have, want, "{q:?}");
        }
        for q in ["uber", "brucke", "Brücke", "bruecke", "bridge", "brd"] {
            let have = found(&site, ONE, BLOGS, q).await;
            let known = have.contains("Über die Brücke");
            assert_eq!(
                known,
                !["bruecke", "brd"].contains(&q) || known,
                "{q:?}: {have:?}"
            );
        }

        let (_, hits) = ask(&site, ONE, PRODUCTS, "lamp brig", "").await;
        let marks = &hits["items"][0]["highlight"];
        assert_eq!(
            marks["name"][0],
            "&lt;b&gt;Desk&lt;/b&gt; <em>lamp</em> &amp; co"
        );
        assert_eq!(hits["total"], 1, "{hits}");
        assert!(hits["took_ms"].is_u64() && hits["next"].is_null(), "{hits}");
        let (_, hits) = ask(&site, ONE, PRODUCTS, "bright", "").await;
        let text = &hits["items"][0]["highlight"]["description"][0];
        assert_eq!(
            text, "1 &lt; 2 &amp; &lt;i&gt;<em>bright</em>&lt;/i&gt;",
            "{hits}"
        );
        // A hit is the product as its own route shows it.
        let id = hits["items"][0]["id"].as_str().unwrap();
        let (_, alone) = site.server.get(ONE, &format!("{PRODUCTS}{id}/")).await;
        let mut hit = hits["items"][0].clone();
        hit.as_object_mut().unwrap().remove("highlight");
        assert_eq!(hit, alone);
        engine.end().await;
    }
}

#[tokio::test]
async fn pages_are_complete_and_what_is_no_page_is_a_problem() {
    for engine in engines() {
        let site = engine.site().await;
        let all: Vec<String> = (0..23).map(|n| format!("Lamp {n:02}")).collect();
        for name in &all {
            product(&site, ONE, name, json!({})).await;
        }
        let want: Vec<_> = all.iter().map(String::as_str).collect();
        finds(&site, ONE, PRODUCTS, "lamp", &want).await;
        assert_eq!(pages(&site, 10).await, (3, all.clone()));
        assert_eq!(pages(&site, 23).await, (1, all.clone()));
        assert_eq!(pages(&site, 22).await, (2, all));
        let (_, usual) = ask(&site, ONE, PRODUCTS, "lamp", "").await;
        assert_eq!(usual["items"].as_array().unwrap().len(), 20);
        // As in lists, more than the most is the most.
        assert_eq!(
            ask(&site, ONE, PRODUCTS, "lamp", "&limit=1000").await.0,
            200
        );

        for (more, pointer) in [
            ("&limit=0", "#/limit"),
            ("&cursor=x", "#/cursor"),
            ("&cursor=00000000000000000000000000000000", "#/cursor"),
        ] {
            for all in [PRODUCTS, BLOGS] {
                let (status, problem) = ask(&site, ONE, all, "lamp", more).await;
                assert_eq!(status, 422, "{more}: {problem}");
                assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
                assert_eq!(problem["code"], "validation_failed", "{problem}");
            }
        }
        for more in ["&limit=-1", "&limit=many", "&limit=99999999999"] {
            let (status, problem) = ask(&site, ONE, PRODUCTS, "lamp", more).await;
            assert!((400..500).contains(&status), "{more}: {status}");
            assert!(problem["code"].is_string(), "{more}: {problem}");
        }
        engine.end().await;
    }
}

/// How many pages of `limit` hits there are, and the names on them, sorted.
async fn pages(site: &Site, limit: u32) -> (usize, Vec<String>) {
    let (mut names, mut count, mut more) = (Vec::new(), 0, format!("&limit={limit}"));
    loop {
        let (status, hits) = ask(site, ONE, PRODUCTS, "lamp", &more).await;
        assert_eq!(status, 200, "{hits}");
        assert_eq!(hits["total"], 23, "{hits}");
        count += 1;
        let items = hits["items"].as_array().unwrap();
        names.extend(items.iter().map(|item| name(item).to_owned()));
        let Value::String(next) = &hits["next"] else {
            break;
        };
        more = format!("&limit={limit}&cursor={next}");
    }
    names.sort();
    (count, names)
}

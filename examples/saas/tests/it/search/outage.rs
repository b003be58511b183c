//! Elasticsearch goes and comes back while tenants write and search.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::json;

use super::elastic::Elastic;
use super::proxy::Proxy;
use super::{BLOGS, Engine, ONE, PRODUCTS, TWO, encoded, finds, post, product};
use crate::metrics::{figure, told};
use crate::program::{Site, on, run, saas, stderr, stdout, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_searches_fail_and_nothing_is_lost() {
    let Some(elastic) = Elastic::find() else {
        return;
    };
    let proxy = Proxy::before(&elastic.url).await;
    let site = Site::with(|command| {
        elastic.set_behind(command, &proxy.url);
        command.env("METRICS_LISTEN", "127.0.0.1:0");
    })
    .await;
    let engine = Engine::Elastic(elastic);
    let kept = post(&site, ONE, "Kept", "").await;
    finds(&site, ONE, BLOGS, "kept", &["Kept"]).await;

    let (stop, asked, away) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let clients = [ONE, TWO].map(|host| {
        let (site, stop, asked, away) = (&site, &stop, &asked, &away);
        async move {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                let id = product(site, host, &format!("Lamp {n}"), json!({})).await;
                let at = format!("{PRODUCTS}{id}/");
                if n % 2 == 0 {
                    super::change(site, host, &at, json!({ "name": format!("Desk {n}") })).await;
                } else if n % 5 == 0 {
                    super::delete(site, host, &at).await;
                }
                post(site, host, &format!("Story {n}"), "").await;
                for all in [PRODUCTS, BLOGS] {
                    assert_eq!(site.server.get(host, all).await.0, 200);
                    let path = format!("{all}search/?q={}", encoded("lamp"));
                    let request = site.server.request(Method::GET, host, &path);
                    let answer = request.send().await.unwrap();
                    match answer.status().as_u16() {
                        200 => {}
                        503 => {
                            assert!(answer.headers().contains_key("retry-after"));
                            away.fetch_add(1, Ordering::Relaxed);
                        }
                        other => panic!("{other}: {}", answer.text().await.unwrap()),
                    }
                }
                asked.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let more = async |what: &str| {
        let now = asked.load(Ordering::Relaxed);
        until(what, async || asked.load(Ordering::Relaxed) > now + 8).await;
    };
    let outages = async {
        for round in 0..2 {
            more("requests while it is there").await;
            proxy.close();
            more("requests while it is away").await;
            if round == 0 {
                // A tenant is made all the same.
                let mut command = on(&site.database, saas());
                if let Engine::Elastic(elastic) = &engine {
                    elastic.set_behind(&mut command, &proxy.url);
                }
                let words = ["tenant", "create", "three", "--domain", "three.localhost"];
                let made = run(command.args(words)).await;
                assert!(made.status.success(), "{}", stderr(&made));
                product(&site, "three.localhost", "Rocket", json!({})).await;
            }
            proxy.open();
        }
        more("requests once it is back").await;
        stop.store(true, Ordering::Relaxed);
    };
    join(join_all(clients), outages).await;
    assert!(
        away.into_inner() > 0 && proxy.cut() > 0,
        "it was never missed"
    );
    finds(&site, "three.localhost", PRODUCTS, "rocket", &["Rocket"]).await;
    super::change(
        &site,
        ONE,
        &format!("{BLOGS}{kept}/"),
        json!({ "title": "Changed" }),
    )
    .await;
    finds(&site, ONE, BLOGS, "changed", &["Changed"]).await;
    until("the indexes are as the rows are", async || {
        let checked = engine
            .say(&site.database, &["search", "check", "--all"])
            .await;
        checked.status.success() && stdout(&checked).lines().count() == 6
    })
    .await;
    let text = told(&site.server.banner).await;
    let failed = figure(&text, r#"tenancy_search_searches_total{outcome="failed"}"#);
    assert!(
        failed >= 1.0 && figure(&text, "tenancy_search_undelivered_total") >= 1.0,
        "{text}"
    );
    engine.end().await;
}

//! Whose the remembered answers are.

use reqwest::Method;
use serde_json::json;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{HOST, PRODUCTS, path, product};
use crate::program::{Server, Site, on, run, saas, stderr, until};
use crate::redis::Redis;

const TENANTS: [(&str, &str); 3] = [("acme", "acme"), ("acme-x", "acme_x"), ("acmex", "acmex")];

#[tokio::test]
async fn equal_ids_of_tenants_with_similar_names_never_mix() {
    let redis = Redis::start();
    let url = redis.url();
    for with_redis in [false, true] {
        let site = Site::with(|command| {
            if with_redis {
                command.env("REDIS_URL", &url);
            }
        })
        .await;
        let mut owner = site.database.superuser().await;
        let ids: [Uuid; 4] = std::array::from_fn(|n| Uuid::from_u128(n as u128));
        for (slug, schema) in TENANTS {
            let domain = format!("--domain={slug}.localhost");
            let schema_name = format!("--schema_name={schema}");
            let made = run(on(&site.database, saas()).args([
                "create_tenant",
                &schema_name,
                &domain,
                "--name=Acme",
            ]))
            .await;
            assert!(made.status.success(), "{}", stderr(&made));
            for id in ids {
                // The schema is one of three fixed words.
                sqlx::query(AssertSqlSafe(format!(
                    "insert into {schema}.products (id, name, sku, price_cents, currency)
                     values ($1, $2, $1::text, 1, 'EUR')"
                )))
                .bind(id)
                .bind(format!("of {slug}"))
                .execute(&mut owner)
                .await
                .unwrap();
            }
        }
        until("all are served", async || {
            site.server.get("acmex.localhost", PRODUCTS).await.0 == 200
        })
        .await;
        for round in 0..20 {
            for (slug, _) in TENANTS {
                let (host, own) = (format!("{slug}.localhost"), format!("of {slug}"));
                let id = ids[round % ids.len()];
                let at = format!("{PRODUCTS}{id}/");
                let (status, one) = site.server.get(&host, &at).await;
                assert_eq!((status, one["name"].as_str()), (200, Some(&*own)));
                let (_, list) = site.server.get(&host, PRODUCTS).await;
                let items = list["items"].as_array().unwrap();
                assert!(
                    items.len() == 4 && items.iter().all(|item| item["name"] == own),
                    "{list}"
                );
                // What one changes, the others do not see and do not lose.
                let body = json!({ "price_cents": round });
                let (status, _) = site.server.send(Method::PATCH, &host, &at, &body).await;
                assert_eq!(status, 200);
            }
        }
    }
}

#[tokio::test]
async fn an_entry_that_somebody_put_into_redis_is_not_served() {
    let redis = Redis::start();
    let url = redis.url();
    let site = Site::with(|command| {
        command
            .env("REDIS_URL", &url)
            .env("METRICS_LISTEN", "127.0.0.1:0");
    })
    .await;
    let own = product(&site, HOST, json!({ "name": "Own" })).await;
    let at = path(PRODUCTS, &own);
    assert_eq!(site.server.get(HOST, &at).await.1, own);
    let id = own["id"].as_str().unwrap();
    let mut owner = site.database.superuser().await;
    sqlx::query(
        "insert into two.products (id, name, sku, price_cents, currency)
         values ($1::uuid, 'Other', 'O', 1, 'EUR')",
    )
    .bind(id)
    .execute(&mut owner)
    .await
    .unwrap();
    let [one, two]: [String; 2] =
        sqlx::query_scalar::<_, Uuid>("select id from tenancy.tenants order by slug")
            .fetch_all(&mut owner)
            .await
            .unwrap()
            .into_iter()
            .map(|id| id.simple().to_string())
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
    let keys: Vec<String> = redis.ask("KEYS", &[b"*"]).unwrap();
    let mut copied = 0;
    for key in keys
        .iter()
        .filter(|key| key.contains(&one) && key.contains(id) && !key.contains(":x:"))
    {
        let entry: Option<Vec<u8>> = redis.ask("GET", &[key.as_bytes()]);
        let Some(entry) = entry else { continue };
        // As it is, with the other's id in it, and as what is no entry at all.
        let text = String::from_utf8_lossy(&entry).replace(&one, &two);
        for poison in [&entry, text.as_bytes(), b"\xff{".as_slice()] {
            let place = key.replace(&one, &two);
            let _: Option<String> = redis.ask("SET", &[place.as_bytes(), poison]);
            let (status, served) = site.server.get("two.localhost", &at).await;
            assert_eq!((status, served["name"].as_str()), (200, Some("Other")));
            let body = json!({ "name": "Other" });
            let (status, _) = site
                .server
                .send(Method::PATCH, "two.localhost", &at, &body)
                .await;
            assert_eq!(status, 200);
            copied += 1;
        }
    }
    assert_eq!(copied, 3, "there is nothing to copy among {keys:?}");
    let figures = figures(&site.server).await;
    assert!(
        figures.contains("tenancy_cache_rejected_total{why=\"foreign\"} "),
        "{figures}"
    );
    assert!(
        !figures.contains("tenancy_cache_rejected_total{why=\"foreign\"} 0\n"),
        "{figures}"
    );
    assert!(
        !figures.contains("tenancy_cache_reads_total{answer=\"miss\"} 0\n"),
        "{figures}"
    );
}

#[tokio::test]
async fn a_purged_tenant_leaves_nothing_in_redis_and_the_others_keep_theirs() {
    let redis = Redis::start();
    let url = redis.url();
    let site = Site::with(|command| {
        command.env("REDIS_URL", &url);
    })
    .await;
    for host in [HOST, "two.localhost"] {
        let made = product(&site, host, json!({})).await;
        for path in [&*path(PRODUCTS, &made), PRODUCTS] {
            assert_eq!(site.server.get(host, path).await.0, 200);
        }
    }
    let mut owner = site.database.superuser().await;
    let ids: Vec<Uuid> = sqlx::query_scalar("select id from tenancy.tenants order by slug")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    let keys = |id: &Uuid| -> usize {
        let id = id.simple().to_string();
        let keys: Vec<String> = redis.ask("KEYS", &[b"*"]).unwrap();
        keys.iter().filter(|key| key.contains(&id)).count()
    };
    let [one, two] = [keys(&ids[0]), keys(&ids[1])];
    assert!(one >= 3 && two >= 3, "{one} {two}");
    for words in [
        ["archive", "one"].as_slice(),
        &["purge", "one", "--confirm", "one"],
    ] {
        let mut command = on(&site.database, saas());
        let done = run(command.arg("tenant").args(words).env("REDIS_URL", &url)).await;
        assert!(done.status.success(), "{}", stderr(&done));
    }
    assert_eq!((keys(&ids[0]), keys(&ids[1])), (0, two));
}

#[tokio::test]
async fn answers_say_nothing_of_the_cache_outside_the_demo() {
    let site = Site::new().await;
    assert!(
        site.server
            .banner
            .contains("cache in memory of this process"),
        "{}",
        site.server.banner
    );
    for _ in 0..2 {
        let answer = site
            .server
            .request(Method::GET, HOST, PRODUCTS)
            .send()
            .await
            .unwrap();
        assert!(answer.status() == 200 && !answer.headers().contains_key("x-cache"));
    }
}

/// The page of the figures.
pub(super) async fn figures(server: &Server) -> String {
    let address = server.banner.split("metrics at ").nth(1).unwrap().trim();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client
        .get(address)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

//! Whatever is wrong with a host or a schema is an error, and never somebody else's rows.

mod kit;
mod queue;
mod shelf;

use reqwest::Method;
use serde_json::json;
use sqlx::Executor;

use crate::program::{Site, until};

#[tokio::test]
async fn hosts_that_are_nobodys_get_a_problem() {
    let site = Site::new().await;
    for (host, path, status, code) in [
        ("three.localhost", "/api/blogs/", 404, "tenant_not_found"),
        ("a.one.localhost", "/api/blogs/", 404, "tenant_not_found"),
        ("127.0.0.1", "/api/blogs/", 404, "tenant_not_found"),
        ("one.localhost", "/nowhere", 404, "not_found"),
        ("localhost", "/api/blogs/", 404, "not_found"),
        ("one_two.localhost", "/", 400, "invalid_host"),
    ] {
        let (got, problem) = site.server.get(host, path).await;
        assert_eq!(
            (got, problem["code"].as_str()),
            (status, Some(code)),
            "{host}{path}"
        );
        for field in [
            "type",
            "title",
            "status",
            "detail",
            "instance",
            "request_id",
        ] {
            assert!(
                !problem[field].is_null(),
                "{host}{path} has no {field}: {problem}"
            );
        }
    }
    let mixed = site.server.get("ONE.LocalHost.", "/api/blogs/").await;
    assert_eq!(mixed.0, 200, "{}", mixed.1);
}

#[tokio::test]
async fn a_dropped_table_is_an_error_for_that_tenant_alone() {
    let site = Site::new().await;
    let id = site.post("two.localhost", "Untouched").await;
    let mut owner = site.database.superuser().await;
    // Rows that a path through `public` would find.
    owner
        .execute("create table public.blogs (like one.blogs including all)")
        .await
        .unwrap();
    owner
        .execute("insert into public.blogs (id, title) values (gen_random_uuid(), 'poison')")
        .await
        .unwrap();
    owner
        .execute("grant all on all tables in schema public to public")
        .await
        .unwrap();
    owner
        .execute("grant usage on schema public to public")
        .await
        .unwrap();
    owner.execute("drop table one.blogs").await.unwrap();
    fails_alone(&site, &id).await;
    let poison: i64 = sqlx::query_scalar("select count(*) from public.blogs")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(poison, 1, "a write went to public");
}

#[tokio::test]
async fn a_renamed_schema_is_an_error_for_that_tenant_alone() {
    let site = Site::new().await;
    let id = site.post("two.localhost", "Untouched").await;
    site.post("one.localhost", "Away").await;
    let mut owner = site.database.superuser().await;
    owner
        .execute("alter schema one rename to elsewhere")
        .await
        .unwrap();
    fails_alone(&site, &id).await;
}

async fn fails_alone(site: &Site, id_of_two: &str) {
    for _ in 0..20 {
        let (status, problem) = site.server.get("one.localhost", "/api/blogs/").await;
        assert!(
            status >= 500 && problem["code"].is_string(),
            "{status} {problem}"
        );
        assert!(
            !problem.to_string().contains("blogs\""),
            "the schema shows: {problem}"
        );
        let body = json!({ "title": "Lost" });
        let (status, _) = site
            .server
            .send(Method::POST, "one.localhost", "/api/blogs/", &body)
            .await;
        assert!(status >= 500, "{status}");
        let path = format!("/api/blogs/{id_of_two}/");
        let (status, blog) = site.server.get("two.localhost", &path).await;
        assert_eq!((status, blog["title"].as_str()), (200, Some("Untouched")));
    }
}

#[tokio::test]
async fn repeated_requests_ask_for_their_tenant_once() {
    let site = Site::new().await;
    // News of a tenant say that the server listens, and what it forgets when it begins to listen
    // is forgotten by then.
    site.add_tenant("three").await;
    until("news of the third tenant came", async || {
        site.server.get("three.localhost", "/api/blogs/").await.0 == 200
    })
    .await;
    let (status, _) = site.server.get("one.localhost", "/api/blogs/").await;
    assert_eq!(status, 200);
    // From here on, asking the database who the tenant is would fail.
    let mut owner = site.database.superuser().await;
    owner
        .execute("revoke all on all tables in schema tenancy from public, tenancy_app")
        .await
        .unwrap();
    let (unknown, _) = site.server.get("two.localhost", "/api/blogs/").await;
    assert!(
        unknown >= 500,
        "the revocation has no effect, so this test proves nothing"
    );
    for _ in 0..50 {
        let (status, _) = site.server.get("one.localhost", "/api/blogs/").await;
        assert_eq!(status, 200);
    }
}

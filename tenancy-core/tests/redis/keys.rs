//! Keys belong to one tenant, and a purge takes those and no others.

use std::sync::Arc;

use tenancy_core::cache::Namespace;
use tenancy_core::testing::{cache_contract, context};
use tenancy_core::{CacheResource, Caches, Prefix, TenantResource};

use crate::server::Server;

const POSTS: Namespace = Namespace::new("posts");

#[tokio::test]
async fn redis_keeps_the_contract() {
    let server = Server::shared();
    cache_contract(|| Arc::new(server.cache())).await;
}

#[tokio::test]
async fn a_node_of_a_cluster_keeps_the_contract() {
    let server = Server::one_node_of_a_cluster();
    cache_contract(|| Arc::new(server.cache())).await;

    let refused = server
        .try_raw::<Vec<Option<String>>>("MGET", &[b"a", b"b"])
        .unwrap_err();
    assert_eq!(refused.code(), Some("CROSSSLOT"), "it would notice");
}

#[tokio::test]
async fn a_purge_takes_the_longest_key_too() {
    let server = Server::shared();
    let caches = Caches::new(server.cache()).prefix(server.prefix.clone());
    let (acme, resource) = (context("acme"), CacheResource::new(caches.clone()));
    let cache = caches.of(&acme);
    for length in 900..1024 {
        let key = POSTS.key(vec![b'x'; length]);
        cache.put(&key, &1).await;
        cache.delete(&key).await;
    }
    let figures = caches.figures();
    assert!(figures.refused > 0 && figures.fills > 0, "{figures:?}");
    assert!(resource.residue(acme.tenant()).await.unwrap().len() > 1);
    resource.purge(acme.tenant()).await.unwrap();
    let pattern = format!("{}:*", server.prefix);
    let left: Vec<String> = server.do_raw("KEYS", &[pattern.as_bytes()]);
    assert_eq!(left, [""; 0]);
}

#[tokio::test]
async fn every_key_of_a_tenant_is_in_one_slot_and_ends() {
    let server = Server::shared();
    let caches = Caches::new(server.cache()).prefix(server.prefix.clone());
    let acme = context("acme");
    let cache = caches.of(&acme);
    for key in ["1", "", "a b", "{x}", "*", "\n"] {
        cache
            .put_tagged(&POSTS.key(key), &[POSTS.tag("{y}")], key)
            .await;
        cache.delete(&POSTS.key("1")).await;
        cache.invalidate_tag(&POSTS.tag("{y}")).await;
    }
    let stem = format!("{}:c:{{{}}}:", server.prefix, acme.id().as_uuid().simple());
    let keys: Vec<String> = server.do_raw("KEYS", &[format!("{}:*", server.prefix).as_bytes()]);
    assert!(keys.len() >= 7, "{keys:?}");
    for key in keys {
        let name = key.strip_prefix(&stem).expect(&key);
        assert!(!name.contains(['{', '}', '*', '\n', ' ']), "{key}");
        let left: i64 = server.do_raw("PTTL", &[key.as_bytes()]);
        assert!(left > 0, "{key} never ends");
    }
}

#[tokio::test]
async fn a_purge_takes_every_key_of_one_tenant_and_none_of_others() {
    let server = Server::shared();
    let caches = Caches::new(server.cache()).prefix(server.prefix.clone());
    let longer = Prefix::parse(&format!("{}x", server.prefix)).unwrap();
    let neighbour = Caches::new(server.cache()).prefix(longer);
    let (acme, other) = (context("acme"), context("acme-x"));
    for number in 0..2_500 {
        caches
            .of(&acme)
            .put(&POSTS.key(number.to_string()), &number)
            .await;
    }
    caches.of(&other).put(&POSTS.key("1"), &1).await;
    neighbour.of(&acme).put(&POSTS.key("1"), &2).await;
    // Looks like a key of the tenant, but is none that we make.
    let id = acme.id().as_uuid().simple().to_string();
    let strange = format!("{}:c:{{{id}}}:d:posts:%zz", server.prefix);
    server.do_raw::<String>("SET", &[strange.as_bytes(), b"x"]);

    let resource = CacheResource::new(caches.clone());
    let left = resource.residue(acme.tenant()).await.unwrap();
    assert_eq!(left.len(), 2_501, "the entries and the history");
    resource.purge(acme.tenant()).await.unwrap();
    assert!(resource.residue(acme.tenant()).await.unwrap().is_empty());
    assert_eq!(caches.of(&acme).get::<i32>(&POSTS.key("1")).await, None);
    assert_eq!(caches.of(&other).get(&POSTS.key("1")).await, Some(1));
    assert_eq!(neighbour.of(&acme).get(&POSTS.key("1")).await, Some(2));
    let strange: Option<String> = server.do_raw("GET", &[strange.as_bytes()]);
    assert_eq!(strange.as_deref(), Some("x"));
}

#[tokio::test]
async fn a_clear_takes_one_tenant_and_leaves_ten_thousand_keys_of_another() {
    let server = Server::shared();
    let caches = Caches::new(server.cache()).prefix(server.prefix.clone());
    let (acme, other) = (context("acme"), context("acme-x"));
    let keys: Vec<_> = (0..10_000).map(|n: u32| POSTS.key(n.to_string())).collect();
    for batch in keys.chunks(500) {
        let cache = caches.of(&other);
        futures_util::future::join_all(batch.iter().map(|key| cache.put(key, &1))).await;
    }
    caches.of(&acme).put(&keys[0], &1).await;
    caches.of(&acme).invalidate_all().await;
    assert_eq!(caches.of(&acme).get::<i32>(&keys[0]).await, None);
    for batch in keys.chunks(500) {
        let cache = caches.of(&other);
        let there = futures_util::future::join_all(batch.iter().map(|key| cache.get::<i32>(key)));
        assert!(there.await.into_iter().all(|value| value == Some(1)));
    }
}

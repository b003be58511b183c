//! Whatever somebody writes into Redis by hand is never served, and breaks nothing for long.

use tenancy_core::cache::Namespace;
use tenancy_core::testing::context;
use tenancy_core::{Caches, TenantContext};

use crate::server::Server;

const POSTS: Namespace = Namespace::new("posts");

fn raw_key(server: &Server, of: &TenantContext, name: &str) -> String {
    format!(
        "{}:c:{{{}}}:{name}",
        server.prefix,
        of.id().as_uuid().simple()
    )
}

struct Desk {
    server: Server,
    caches: Caches,
    acme: TenantContext,
    other: TenantContext,
}

impl Desk {
    /// Two tenants with an entry `1` and an entry `2` each.
    async fn new() -> Self {
        Self::at(Server::shared()).await
    }

    async fn at(server: Server) -> Self {
        let caches = Caches::new(server.cache()).prefix(server.prefix.clone());
        let desk = Self {
            server,
            caches,
            acme: context("acme"),
            other: context("acme-x"),
        };
        for tenant in [&desk.acme, &desk.other] {
            for key in ["1", "2"] {
                let value = format!("{key} of {}", tenant.slug());
                desk.caches.of(tenant).put(&POSTS.key(key), &value).await;
            }
        }
        desk
    }

    fn entry(&self, of: &TenantContext, key: &str) -> Vec<u8> {
        let key = raw_key(&self.server, of, &format!("d:posts:{key}"));
        self.server.do_raw("GET", &[key.as_bytes()])
    }

    fn poison(&self, entry: &[u8]) {
        let key = raw_key(&self.server, &self.acme, "d:posts:1");
        self.server
            .do_raw::<String>("SET", &[key.as_bytes(), entry]);
    }

    async fn got(&self) -> Option<String> {
        self.caches.of(&self.acme).get(&POSTS.key("1")).await
    }

    /// What is at 1 is not served, and a load replaces it.
    async fn expect_healed(&self, what: &str) {
        assert_eq!(self.got().await, None, "{what}");
        let cache = self.caches.of(&self.acme);
        let load = || async { Ok::<_, ()>("new".to_owned()) };
        assert_eq!(
            cache.get_or_load(&POSTS.key("1"), load).await.unwrap(),
            "new"
        );
        assert_eq!(self.got().await.as_deref(), Some("new"), "after {what}");
    }
}

#[tokio::test]
async fn an_entry_of_another_tenant_key_or_installation_is_a_miss() {
    let desk = Desk::new().await;
    desk.poison(&desk.entry(&desk.other, "1"));
    desk.expect_healed("another tenant's entry").await;
    desk.poison(&desk.entry(&desk.acme, "2"));
    desk.expect_healed("the entry of another key").await;
    let own = String::from_utf8(desk.entry(&desk.acme, "1")).unwrap();
    desk.poison(
        own.replace(desk.server.prefix.as_str(), "elsewhere")
            .as_bytes(),
    );
    desk.expect_healed("another installation's entry").await;
    assert_eq!(desk.caches.figures().foreign, 6);
    assert_eq!(desk.caches.figures().errors, 0);
}

#[tokio::test]
async fn another_tenants_entry_is_a_miss_even_when_its_history_is_copied() {
    let desk = Desk::new().await;
    let history = raw_key(&desk.server, &desk.other, "h");
    let name: String = desk.server.do_raw("HGET", &[history.as_bytes(), b"e"]);
    let history = raw_key(&desk.server, &desk.acme, "h");
    desk.server
        .do_raw::<i32>("HSET", &[history.as_bytes(), b"e", name.as_bytes()]);
    desk.poison(&desk.entry(&desk.other, "1"));
    desk.expect_healed("another tenant's entry").await;
    assert_eq!(desk.caches.figures().foreign, 2);
}

#[tokio::test]
async fn an_entry_from_before_an_invalidation_is_a_miss() {
    let desk = Desk::new().await;
    let cache = desk.caches.of(&desk.acme);
    let tag = POSTS.tag("news");
    cache
        .put_tagged(&POSTS.key("1"), std::slice::from_ref(&tag), "old")
        .await;
    let tagged = desk.entry(&desk.acme, "1");
    cache.invalidate_tag(&tag).await;
    desk.poison(&tagged);
    desk.expect_healed("an entry from before its tag was invalidated")
        .await;

    let old = desk.entry(&desk.acme, "1");
    cache.invalidate_all().await;
    desk.poison(&old);
    desk.expect_healed("an entry from before everything was invalidated")
        .await;

    // An invalidation that is yet to come.
    let name = desk.entry(&desk.acme, "1");
    let future = String::from_utf8(name)
        .unwrap()
        .replacen(" 2\n", " 99\n", 1);
    desk.poison(future.as_bytes());
    desk.expect_healed("an entry of the future").await;
}

#[tokio::test]
async fn garbage_is_a_miss() {
    let desk = Desk::new().await;
    let whole = desk.entry(&desk.acme, "1");
    for length in 0..whole.len() {
        desk.poison(&whole[..length]);
        assert_eq!(desk.got().await, None, "cut off after {length} bytes");
    }
    let mut longer = whole.clone();
    longer.extend_from_slice(b"}");
    for garbage in [
        &longer[..],
        b"\xff\xfe\n\n",
        b"\n\n\n\n",
        b"\n",
        b"x",
        b",,,\ntenancy1  \n1",
    ] {
        desk.poison(garbage);
        desk.expect_healed("garbage").await;
    }
    let key = raw_key(&desk.server, &desk.acme, "d:posts:1");
    desk.server.do_raw::<i32>("DEL", &[key.as_bytes()]);
    desk.server
        .do_raw::<i32>("LPUSH", &[key.as_bytes(), b"no text"]);
    desk.expect_healed("a list").await;
    assert_eq!(desk.caches.figures().errors, 0);
}

#[tokio::test]
async fn a_broken_history_is_begun_anew() {
    let desk = Desk::new().await;
    let history = raw_key(&desk.server, &desk.acme, "h");
    let history = history.as_bytes();
    let fields: [(&[u8], &[u8]); 6] = [
        (b"e", b"x"),
        (b"e", &[b'F'; 32]),
        (b"n", b"many"),
        (b"n", b"inf"),
        (b"n", b"-1"),
        (b"a", b"1e300"),
    ];
    for (field, value) in fields {
        desk.server.do_raw::<i32>("HSET", &[history, field, value]);
        desk.expect_healed("a broken history").await;
        desk.caches.of(&desk.acme).delete(&POSTS.key("1")).await;
        desk.expect_healed("a delete").await;
    }
    desk.server.do_raw::<String>("SET", &[history, b"no hash"]);
    desk.expect_healed("a history that is a text").await;
    // A place that was invalidated in a future that never was.
    let tombstone = raw_key(&desk.server, &desk.acme, "x:d:posts:1");
    desk.server
        .do_raw::<String>("SET", &[tombstone.as_bytes(), b"99999999"]);
    desk.server.do_raw::<i32>(
        "DEL",
        &[raw_key(&desk.server, &desk.acme, "d:posts:1").as_bytes()],
    );
    desk.expect_healed("a broken tombstone").await;
    assert_eq!(desk.caches.figures().errors, 0);
}

#[tokio::test]
async fn a_server_that_forgets_its_scripts_or_a_history_serves_nothing_old() {
    let desk = Desk::at(Server::own(&[])).await;
    desk.server.do_raw::<String>("SCRIPT", &[b"FLUSH"]);
    assert!(desk.got().await.is_some());
    let history = raw_key(&desk.server, &desk.acme, "h");
    desk.server.do_raw::<i32>("DEL", &[history.as_bytes()]);
    desk.expect_healed("an evicted history").await;
    assert!(
        desk.caches
            .of(&desk.other)
            .get::<String>(&POSTS.key("1"))
            .await
            .is_some()
    );
}

#[tokio::test]
async fn a_full_server_still_takes_invalidations() {
    let server = Server::own(&["--maxmemory-policy", "noeviction"]);
    let caches = Caches::new(server.cache()).prefix(server.prefix.clone());
    let cache = caches.of(&context("acme"));
    let tag = POSTS.tag("t");
    for key in ["1", "2", "3"] {
        cache
            .put_tagged(&POSTS.key(key), std::slice::from_ref(&tag), "old")
            .await;
    }
    server.do_raw::<String>("CONFIG", &[b"SET", b"maxmemory", b"1"]);
    cache.put(&POSTS.key("4"), "new").await;
    assert_eq!(caches.figures().errors, 1, "there is no room");
    cache.delete(&POSTS.key("1")).await;
    assert_eq!(cache.get::<String>(&POSTS.key("1")).await, None);
    assert!(cache.get::<String>(&POSTS.key("2")).await.is_some());
    cache.invalidate_tag(&tag).await;
    assert_eq!(cache.get::<String>(&POSTS.key("2")).await, None);
    cache.invalidate_all().await;
    assert_eq!(caches.figures().errors, 1);
    assert_eq!(caches.figures().owed, 0);
}

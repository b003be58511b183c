//! The layer in front of a service: what arrives, what is answered, and what cannot be forged.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tenancy_core::{
    ExactDomain, Maintenance, MemoryStore, PathPrefix, PeerAddr, Resolution, Resolved, Resolver,
    Status, TenantContext, TenantLayer, TrustedProxies,
};
use time::OffsetDateTime;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{domain, request, tenant, two_tenants};

fn resolver() -> Resolver {
    let (store, _, _) = two_tenants();
    let suspended = tenant("gone")
        .with_status(Status::Suspended)
        .with_primary_domain(domain("gone.test"));
    store.insert(suspended).unwrap();
    Resolver::new(store)
        .strategy(PathPrefix::new("/t/").unwrap())
        .strategy(ExactDomain)
        .public_host(domain("localhost"))
        .trust(TrustedProxies::parse(["10.0.0.1"]).unwrap())
}

/// Says what arrived: the context's slug, what the resolution was, and the URI.
async fn say(request: Request<()>) -> Result<Response<String>, Infallible> {
    let context = request.extensions().get::<TenantContext>();
    let context = context.map_or("-", |context| context.slug().as_str());
    let resolved = match request.extensions().get::<Resolved>() {
        None => "unresolved".to_owned(),
        Some(Resolved(Ok(Resolution::Public))) => "public".to_owned(),
        Some(Resolved(Ok(Resolution::Tenant(context)))) => context.slug().to_string(),
        Some(Resolved(Ok(other))) => panic!("{other:?}"),
        Some(Resolved(Err(error))) => format!("{:?}", error.kind()),
    };
    Ok(Response::new(format!(
        "{context} {resolved} {}",
        request.uri()
    )))
}

async fn send(layer: &TenantLayer, request: Request<()>) -> Response<String> {
    layer.layer(service_fn(say)).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_tenants_request_arrives_with_its_context() {
    let layer = TenantLayer::new(resolver());
    let response = send(&layer, request("/x", &[("host", "acme.test")])).await;
    assert_eq!(response.body(), "acme acme /x");
    let response = send(&layer, request("/x", &[("host", "localhost:8000")])).await;
    assert_eq!(response.body(), "- public /x");
    let response = send(&layer, request("/t/globex/x?q=1", &[("host", "acme.test")])).await;
    assert_eq!(response.body(), "globex globex /x?q=1");
}

#[tokio::test]
async fn failures_are_answered_as_problems() {
    let layer = TenantLayer::new(resolver());
    for (host, status, code) in [
        ("nobody.test", StatusCode::NOT_FOUND, "tenant_not_found"),
        ("gone.test", StatusCode::FORBIDDEN, "tenant_suspended"),
        ("a b", StatusCode::BAD_REQUEST, "invalid_host"),
    ] {
        let response = send(&layer, request("/some/path?secret", &[("host", host)])).await;
        assert_eq!(response.status(), status, "{host}");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let problem: serde_json::Value = serde_json::from_str(response.body()).unwrap();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["instance"], "/some/path");
        assert_eq!(problem["status"], status.as_u16());
    }
    let response = send(&layer, request("/", &[("host", "nobody.test")])).await;
    assert!(!response.body().contains("nobody"), "{}", response.body());
}

#[tokio::test]
async fn failures_pass_with_their_error_and_without_a_context() {
    let layer = TenantLayer::new(Arc::new(resolver())).pass_failures();
    let response = send(&layer, request("/x", &[("host", "nobody.test")])).await;
    assert_eq!(response.body(), "- NotFound /x");
    let response = send(&layer, request("/x", &[("host", "gone.test")])).await;
    assert_eq!(response.body(), "- NotActive(Suspended) /x");
    let response = send(&layer, request("/x", &[])).await;
    assert_eq!(response.body(), "- InvalidHost /x");
}

#[tokio::test]
async fn nobody_smuggles_a_tenant_in() {
    let layer = TenantLayer::new(resolver()).pass_failures();
    let (_, acme, _) = two_tenants();
    let forged = TenantContext::new(acme.into(), "forged").unwrap();
    for (host, expected) in [
        ("localhost", "- public /"),
        ("nobody.test", "- NotFound /"),
        ("a b", "- InvalidHost /"),
        ("globex.test", "globex globex /"),
    ] {
        let mut request = request("/", &[("host", host)]);
        request.extensions_mut().insert(forged.clone());
        let resolution = Resolved(Ok(Resolution::Tenant(forged.clone())));
        request.extensions_mut().insert(resolution);
        assert_eq!(send(&layer, request).await.body(), expected);
    }
}

#[tokio::test]
async fn the_peer_decides_whether_a_forwarded_host_counts() {
    let layer = TenantLayer::new(resolver());
    for (peer, expected) in [
        (None, "acme acme /"),
        (Some("10.0.0.2:1"), "acme acme /"),
        (Some("10.0.0.1:1"), "globex globex /"),
    ] {
        let headers = [("host", "acme.test"), ("x-forwarded-host", "globex.test")];
        let mut request = request("/", &headers);
        if let Some(peer) = peer {
            let address: SocketAddr = peer.parse().unwrap();
            request.extensions_mut().insert(PeerAddr(address));
        }
        assert_eq!(send(&layer, request).await.body(), expected);
    }
}

/// Must be called on the very clone that was polled ready, as services with a limit must.
struct Strict {
    ready: bool,
    calls: Arc<AtomicUsize>,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        let calls = Arc::clone(&self.calls);
        Self {
            ready: false,
            calls,
        }
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<String>;
    type Error = &'static str;
    type Future = std::future::Ready<Result<Response<String>, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(self.ready, "called without having been polled ready");
        self.ready = false;
        self.calls.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Err("the service's own error"))
    }
}

#[tokio::test]
async fn the_ready_service_is_called_and_its_error_comes_through() {
    let calls = Arc::new(AtomicUsize::new(0));
    let strict = Strict {
        ready: false,
        calls: Arc::clone(&calls),
    };
    let mut service = TenantLayer::new(resolver()).layer(strict);
    for round in 1..=3 {
        let request = request("/", &[("host", "acme.test")]);
        let outcome = service.ready().await.unwrap().call(request).await;
        assert_eq!(outcome.unwrap_err(), "the service's own error");
        assert_eq!(calls.load(Ordering::SeqCst), round);
    }
    let refused = service
        .ready()
        .await
        .unwrap()
        .call(request("/", &[]))
        .await
        .unwrap();
    assert_eq!(refused.status(), 400);
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn any_body_that_comes_from_text_will_do() {
    let inner = service_fn(async |request: Request<Vec<u8>>| {
        assert_eq!(request.body(), b"in");
        Ok::<_, Infallible>(Response::new(Vec::<u8>::new()))
    });
    let resolver = Resolver::new(MemoryStore::new()).strategy(ExactDomain);
    let service = TenantLayer::new(resolver).layer(inner);
    let request = Request::get("/")
        .header("host", "a.test")
        .body(b"in".to_vec())
        .unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.status(), 404);
    assert!(!response.body().is_empty());
}

async fn answer(layer: &TenantLayer, host: &str) -> (Response<String>, serde_json::Value) {
    let response = send(layer, request("/", &[("host", host)])).await;
    let problem = serde_json::from_str(response.body()).unwrap();
    (response, problem)
}

#[tokio::test]
async fn a_tenant_in_maintenance_says_what_its_operator_wrote_and_when_to_come_back() {
    let now = OffsetDateTime::now_utc();
    let said = Maintenance::new().message("we are \"moving\" <house>");
    for (maintenance, detail, after) in [
        (Maintenance::new(), "Tenant in maintenance", 30..=30),
        (said.clone(), "we are \"moving\" <house>", 30..=30),
        (
            said.until(now + Duration::from_mins(10)),
            "we are \"moving\" <house>",
            590..=600,
        ),
        (
            Maintenance::new().until(now - Duration::from_mins(10)),
            "Tenant in maintenance",
            1..=1,
        ),
        // What nobody checked is not shown.
        (
            Maintenance::new().message("a\nb"),
            "Tenant in maintenance",
            30..=30,
        ),
        (
            Maintenance::new().message("x".repeat(501)),
            "Tenant in maintenance",
            30..=30,
        ),
    ] {
        let (store, acme, _) = two_tenants();
        let acme = acme.with_maintenance(maintenance);
        let text = serde_json::to_string(&acme).unwrap();
        assert!(text.contains("\"maintenance\":{"), "{text}");
        store.replace(acme.clone()).unwrap();
        let layer = TenantLayer::new(Resolver::new(store).strategy(ExactDomain));
        let (response, problem) = answer(&layer, "acme.test").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem["code"], "tenant_maintenance");
        assert_eq!(problem["detail"], detail);
        let retry: u64 = response.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(after.contains(&retry), "{retry}");
        // Back in use it says nothing of it.
        let back = serde_json::to_string(&acme.with_status(Status::Active)).unwrap();
        assert!(!back.contains("\"maintenance\":{"), "{back}");
    }
}

#[tokio::test]
async fn a_tenant_whose_tables_are_too_old_answers_so_for_itself_alone() {
    let (store, acme, globex) = two_tenants();
    let store = Arc::new(store);
    store.replace(acme.with_migration(7)).unwrap();
    store.replace(globex.clone().with_migration(6)).unwrap();
    let layer = TenantLayer::new(
        Resolver::new(store.clone())
            .strategy(ExactDomain)
            .requires_migration(7),
    );
    let response = send(&layer, request("/", &[("host", "acme.test")])).await;
    assert_eq!(response.body(), "acme acme /");
    let (response, problem) = answer(&layer, "globex.test").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(problem["code"], "tenant_migrating");
    assert_eq!(problem["detail"], "Tenant being upgraded");
    assert!(response.headers().contains_key("retry-after"));
    let passing = layer.clone().pass_failures();
    let passed = send(&passing, request("/", &[("host", "globex.test")])).await;
    assert_eq!(passed.body(), "- Migrating /");

    store.replace(globex.with_migration(8)).unwrap();
    let response = send(&layer, request("/", &[("host", "globex.test")])).await;
    assert_eq!(response.body(), "globex globex /");
}

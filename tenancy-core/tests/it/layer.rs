//! The layer in front of a service: what arrives, what is answered, and what cannot be forged.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use tenancy_core::{
    ExactDomain, MemoryStore, PathPrefix, PeerAddr, Resolution, Resolved, Resolver, Status,
    TenantContext, TenantLayer, TrustedProxies,
};
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

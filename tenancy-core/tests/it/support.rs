//! Tenants and requests for tests.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use tenancy_core::{
    Domain, Error, MemoryStore, Resolution, Resolver, SchemaName, Slug, Status, Tenant, TenantId,
};

/// Lets `scripts/sabotage` break what it chose, before the test touches that.
pub(crate) fn sabotage() {
    #[cfg(sabotage)]
    tenancy_core::testing::sabotage();
}

pub(crate) fn domain(text: &str) -> Domain {
    sabotage();
    Domain::parse(text).unwrap()
}

pub(crate) fn tenant(slug: &str) -> Tenant {
    sabotage();
    let slug = Slug::parse(slug).unwrap();
    let schema = SchemaName::from_slug(&slug).unwrap();
    Tenant::new(TenantId::generate(), slug, schema).with_status(Status::Active)
}

/// `acme` with domain `acme.test`, `globex` with `globex.test`, both active.
pub(crate) fn two_tenants() -> (MemoryStore, Tenant, Tenant) {
    let store = MemoryStore::new();
    let acme = tenant("acme").with_primary_domain(domain("acme.test"));
    let globex = tenant("globex").with_primary_domain(domain("globex.test"));
    store.insert(acme.clone()).unwrap();
    store.insert(globex.clone()).unwrap();
    (store, acme, globex)
}

/// A request for `uri` with the `headers` given.
pub(crate) fn request(uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = uri.parse::<Uri>().unwrap();
    *request.headers_mut() = header_map(headers);
    request
}

pub(crate) fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    sabotage();
    headers
        .iter()
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        })
        .collect()
}

/// Resolves a request; gives the tenant's slug, or `None` for a public host.
pub(crate) async fn resolve(
    resolver: &Resolver,
    uri: &str,
    headers: &[(&str, &str)],
) -> Result<Option<String>, Error> {
    let request = request(uri, headers);
    let resolution = resolver
        .resolve(&Method::GET, request.uri(), request.headers(), None)
        .await?;
    match resolution {
        Resolution::Tenant(context) => Ok(Some(context.slug().to_string())),
        Resolution::Public => Ok(None),
        other => panic!("{other:?}"),
    }
}

//! The host and port a visitor used, for links that lead back the same way.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use tenancy_core::{Host, PeerAddr, Resolver, TrustedProxies};

use crate::ApiError;

/// The host and port of the request's own address.
///
/// The host is the one that the resolver of [`Routes`](crate::Routes) sees: what a proxy that it
/// trusts has forwarded replaces the request's own, together with the port, or with none where the
/// proxy names none. Outside of `Routes` no proxy is trusted.
///
/// It says where links should lead and nothing about who the tenant is.
#[derive(Debug, Clone)]
pub struct Authority {
    host: Host,
    port: Option<u16>,
}

/// The resolver whose view of the host counts, as a request extension.
#[derive(Debug, Clone)]
pub(crate) struct ResolvedBy(pub(crate) Arc<Resolver>);

impl Authority {
    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, when the address named one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

impl<S: Sync> FromRequestParts<S> for Authority {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let nobody = TrustedProxies::none();
        let resolver = parts.extensions.get::<ResolvedBy>();
        let proxies = resolver.map_or(&nobody, |ResolvedBy(resolver)| resolver.proxies());
        let peer = parts.extensions.get::<PeerAddr>().map(|peer| peer.0.ip());
        let (host, port) = Host::with_port_from_head(&parts.uri, &parts.headers, peer, proxies)?;
        Ok(Self { host, port })
    }
}

//! The host and port a visitor used, for links that lead back the same way.

use axum::extract::FromRequestParts;
use http::request::Parts;
use tenancy_core::{Host, PeerAddr, ProblemCode, TrustedProxies};

use crate::ApiError;

/// The host and port of the request's own address.
///
/// It says where links should lead and nothing about who the tenant is.
#[derive(Debug, Clone)]
pub struct Authority {
    host: Host,
    port: Option<u16>,
}

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
        let peer = parts.extensions.get::<PeerAddr>().map(|peer| peer.0.ip());
        // Which source counts is decided in one place; only the port is read here.
        let host = Host::from_head(&parts.uri, &parts.headers, peer, &TrustedProxies::none())?;
        let port = match parts.uri.authority() {
            Some(authority) => authority.port_u16(),
            None => parts
                .headers
                .get(http::header::HOST)
                .and_then(|value| value.to_str().ok())
                .map(Host::parse_authority)
                .transpose()
                .map_err(|_| ApiError::from(ProblemCode::InvalidHost))?
                .and_then(|(_, port)| port),
        };
        Ok(Self { host, port })
    }
}

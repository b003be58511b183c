//! The host and port a visitor used, for links that lead back the same way.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Uri, header};
use tenancy_core::{Error, Host, PeerAddr, Resolver, TrustedProxies};

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
        // Which source counts, and that it is well-formed, is decided in one place; only the port
        // is read here.
        let host = Host::from_head(&parts.uri, &parts.headers, peer, proxies)?;
        let trusted = peer.is_some_and(|peer| proxies.contains(peer));
        let forwarded = trusted.then(|| forwarded(&parts.headers)).flatten();
        let port = match forwarded {
            Some(text) => Host::parse_authority(&text)?.1,
            None => own_port(&parts.uri, &parts.headers)?,
        };
        Ok(Self { host, port })
    }
}

fn own_port(uri: &Uri, headers: &HeaderMap) -> Result<Option<u16>, Error> {
    if let Some(authority) = uri.authority() {
        return Ok(authority.port_u16());
    }
    let host = text(headers, &header::HOST);
    let parsed = host.map(Host::parse_authority).transpose()?;
    Ok(parsed.and_then(|(_, port)| port))
}

/// The host and port that a proxy forwarded, if it named any.
fn forwarded(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::FORWARDED)
        .iter()
        .find_map(|value| host_parameter(value.to_str().ok()?))
        .or_else(|| text(headers, &HeaderName::from_static("x-forwarded-host")).map(str::to_owned))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The `host` of a well-formed `Forwarded` header, of which there is one at most.
fn host_parameter(forwarded: &str) -> Option<String> {
    let (mut pair, mut quoted) = (String::new(), false);
    let mut pairs = Vec::new();
    let mut characters = forwarded.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '\\' if quoted => pair.extend(characters.next()),
            ';' | ',' if !quoted => pairs.push(std::mem::take(&mut pair)),
            other => pair.push(other),
        }
    }
    pairs.push(pair);
    pairs.iter().find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let is_host = name.trim_ascii().eq_ignore_ascii_case("host");
        is_host.then(|| value.trim_ascii().to_owned())
    })
}

//! The host a request asks for: one source, one canonical form, or an error.

mod forwarded;
mod proxies;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri, header};

pub use self::proxies::TrustedProxies;

use crate::domain::Domain;
use crate::error::{Error, ErrorKind};

/// What a request calls its server: a name in canonical form, or an IP address.
///
/// Only a name can belong to a tenant; an address is what health probes and scanners use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A host name.
    Name(Domain),
    /// An IP address; an IPv4 address mapped into IPv6 is the IPv4 address.
    Ip(IpAddr),
}

/// The address at the other end of the connection, as a request extension.
///
/// A server loop sets it from the accepted socket. Without it no peer is a trusted proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerAddr(pub SocketAddr);

impl Host {
    /// Parses `host` or `host:port`, as the `Host` header has it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHost`] when it is empty, has user info, a port that is not 0 to 65535,
    /// an IPv6 address without brackets, or a name that [`Domain::parse`] refuses.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{Domain, ErrorKind, Host};
    ///
    /// let (host, port) = Host::parse_authority("Tenant1.localhost:8000")?;
    /// assert_eq!(host, Host::Name(Domain::parse("tenant1.localhost")?));
    /// assert_eq!(port, Some(8000));
    ///
    /// let error = Host::parse_authority("admin@tenant1.localhost").unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidHost);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn parse_authority(text: &str) -> Result<(Self, Option<u16>), Error> {
        let invalid = |reason: &str| invalid(text, reason);
        if text.is_empty() {
            return Err(missing());
        }
        if text.contains('@') {
            return Err(invalid("give the host without user info"));
        }
        if let Some(rest) = text.strip_prefix('[') {
            let Some((address, after)) = rest.split_once(']') else {
                return Err(invalid("close the bracket of the IPv6 address"));
            };
            let Ok(address) = address.parse::<Ipv6Addr>() else {
                return Err(invalid("only an IPv6 address stands in brackets"));
            };
            let port = match after.strip_prefix(':') {
                Some(port) => Some(parse_port(port).ok_or_else(|| invalid(PORT))?),
                None if after.is_empty() => None,
                None => return Err(invalid(PORT)),
            };
            return Ok((Self::Ip(IpAddr::V6(address).to_canonical()), port));
        }
        let (name, port) = match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(invalid("put an IPv6 address in brackets"));
            }
            Some((name, port)) => (name, Some(parse_port(port).ok_or_else(|| invalid(PORT))?)),
            None => (text, None),
        };
        if let Ok(address) = name.parse::<Ipv4Addr>() {
            return Ok((Self::Ip(IpAddr::V4(address)), port));
        }
        Ok((Self::Name(Domain::parse(name)?), port))
    }

    /// Finds the one host that a request names.
    ///
    /// The URI's authority (absolute form, or `:authority` of HTTP/2) and the `Host` header must
    /// agree where both are there. `Forwarded` and `X-Forwarded-Host` replace them when `peer` is
    /// one of `proxies`, and are as good as absent otherwise.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidHost`] when no host is named, several are, or the one is not a host.
    ///
    /// # Example
    ///
    /// ```
    /// use http::Request;
    /// use tenancy_core::{ErrorKind, Host, TrustedProxies};
    ///
    /// let none = TrustedProxies::none();
    /// let (head, ()) = Request::get("/").header("host", "a.example").body(()).unwrap().into_parts();
    /// let host = Host::from_head(&head.uri, &head.headers, None, &none)?;
    /// assert_eq!(host.to_string(), "a.example");
    ///
    /// let (head, ()) = Request::get("/").body(()).unwrap().into_parts();
    /// let error = Host::from_head(&head.uri, &head.headers, None, &none).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::InvalidHost);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn from_head(
        uri: &Uri,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        proxies: &TrustedProxies,
    ) -> Result<Self, Error> {
        Self::with_port_from_head(uri, headers, peer, proxies).map(|(host, _)| host)
    }

    /// Finds the host as [`Host::from_head`] does, with the port where its source names one.
    ///
    /// # Errors
    ///
    /// Those of [`Host::from_head`].
    pub fn with_port_from_head(
        uri: &Uri,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        proxies: &TrustedProxies,
    ) -> Result<(Self, Option<u16>), Error> {
        let own = own_authority(uri, headers)?;
        if (peer.is_some_and(|peer| proxies.contains(peer))
            || crate::sabotaged!("tenant.forwarded-by-anybody"))
            && let Some(forwarded) = forwarded::forwarded_authority(headers)?
        {
            return Ok(forwarded);
        }
        Ok(own)
    }

    /// The name, unless the host is an IP address.
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Name(domain) => Some(domain),
            Self::Ip(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(domain) => domain.fmt(f),
            Self::Ip(IpAddr::V4(address)) => address.fmt(f),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

const PORT: &str = "after the colon comes a port from 0 to 65535";

/// The host and port named by the request itself, whoever sent it.
fn own_authority(uri: &Uri, headers: &HeaderMap) -> Result<(Host, Option<u16>), Error> {
    let header = only_value(headers, &header::HOST)?;
    match (uri.authority().map(Authority::as_str), header) {
        (None, None) => Err(missing()),
        (Some(text), None) | (None, Some(text)) => Host::parse_authority(text),
        (Some(authority), Some(header)) => {
            let (host, port) = Host::parse_authority(authority)?;
            let (other, other_port) = Host::parse_authority(header)?;
            // One of the two may leave the scheme's own port away; two different ports are two
            // different origins.
            let differ = host != other || port.zip(other_port).is_some_and(|(a, b)| a != b);
            if differ && !crate::sabotaged!("tenant.two-hosts") {
                return Err(Error::new(
                    ErrorKind::InvalidHost,
                    format!(
                        "the request is for {authority:?} but its host header says {header:?}: \
                         send one of them, or the same in both"
                    ),
                ));
            }
            Ok((host, port))
        }
    }
}

/// The value of a header that may be there once.
fn only_value<'a>(
    headers: &'a HeaderMap,
    name: &header::HeaderName,
) -> Result<Option<&'a str>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() && !crate::sabotaged!("tenant.first-of-many") {
        return Err(Error::new(
            ErrorKind::InvalidHost,
            format!("the request has several {name} headers: send one"),
        ));
    }
    visible(value, name).map(Some)
}

fn visible<'a>(value: &'a HeaderValue, name: &header::HeaderName) -> Result<&'a str, Error> {
    value.to_str().map_err(|error| {
        Error::with_source(
            ErrorKind::InvalidHost,
            format!("the {name} header is not ASCII: write international names as xn-- labels"),
            error,
        )
    })
}

fn parse_port(text: &str) -> Option<u16> {
    let plain = !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn missing() -> Error {
    Error::new(
        ErrorKind::InvalidHost,
        "the request names no host: send a host header",
    )
}

fn invalid(text: &str, reason: &str) -> Error {
    Error::new(
        ErrorKind::InvalidHost,
        format!("host {text:?} is invalid: {reason}"),
    )
}

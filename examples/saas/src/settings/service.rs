//! Addresses and secrets, which are never printed whole.

use std::fmt;

use axum::http::Uri;
use axum::http::uri::Authority;

/// The address of another server; it may hold a password, so only the host is ever shown.
#[derive(Clone)]
pub(crate) struct ServiceUrl(Uri);

impl ServiceUrl {
    /// Takes an absolute address with one of `schemes`.
    pub(super) fn parse(text: &str, schemes: &[&str]) -> Result<Self, ()> {
        let uri: Uri = text.parse().map_err(drop)?;
        let known = uri.scheme_str().is_some_and(|s| schemes.contains(&s));
        if known && uri.authority().is_some_and(names_a_server) {
            Ok(Self(uri))
        } else {
            Err(())
        }
    }
}

impl ServiceUrl {
    /// The whole address, for whoever connects to it; never for anybody to read.
    pub(crate) fn expose(&self) -> String {
        self.0.to_string()
    }
}

/// Whether there is a host, and behind it nothing or a port; `:80`, `host:` and `host:x` parse too.
fn names_a_server(authority: &Authority) -> bool {
    let whole = authority.as_str();
    let address = whole.rsplit_once('@').map_or(whole, |(_, address)| address);
    let host = authority.host();
    match address.strip_prefix(host) {
        Some("") => !host.is_empty(),
        Some(_) => !host.is_empty() && authority.port_u16().is_some(),
        None => false,
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.host().unwrap_or_default())?;
        match self.0.port_u16() {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceUrl({self})")
    }
}

/// What the installation signs with, at least 32 bytes long.
#[derive(Clone)]
pub(crate) struct SecretKey(String);

/// As many bytes as the hash that will be keyed with it has.
const SHORTEST: usize = 32;

impl SecretKey {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() < SHORTEST {
            return Err(format!(
                "SECRET_KEY has {} characters: use {SHORTEST} or more, such as those that \
                 `openssl rand -base64 48` prints",
                text.len()
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({} bytes)", self.0.len())
    }
}

//! Whose word about the host counts.

use std::net::IpAddr;

use crate::error::{Error, ErrorKind};

/// The networks of the proxies in front of the service; nobody else's `Forwarded` counts.
///
/// Name only proxies that set or remove `Forwarded` and `X-Forwarded-Host` on every request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

impl TrustedProxies {
    /// Trusts nobody.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Parses networks such as `10.0.0.0/8` and single addresses such as `::1`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] when one is not an address, has a prefix longer than the
    /// address, or has bits behind its prefix.
    ///
    /// # Example
    ///
    /// ```
    /// use tenancy_core::{ErrorKind, TrustedProxies};
    ///
    /// let proxies = TrustedProxies::parse(["10.0.0.0/8", "::1"])?;
    /// assert!(proxies.contains("10.1.2.3".parse().unwrap()));
    /// assert!(!proxies.contains("11.1.2.3".parse().unwrap()));
    ///
    /// let error = TrustedProxies::parse(["10.0.0.1/8"]).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Configuration);
    /// # Ok::<(), tenancy_core::Error>(())
    /// ```
    pub fn parse<I>(networks: I) -> Result<Self, Error>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        networks
            .into_iter()
            .map(|text| Network::parse(text.as_ref()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether `peer` is one of them; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(peer))
    }
}

impl Network {
    fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason: &str| {
            Error::new(
                ErrorKind::Configuration,
                format!("trusted proxy {text:?} is invalid: {reason}"),
            )
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| invalid("give an address or a network such as 10.0.0.0/8"))?;
        let longest = width(address);
        let Some(prefix) = prefix else {
            let address = address.to_canonical();
            return Ok(Self {
                address,
                prefix: width(address),
            });
        };
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(invalid("after the slash comes a prefix length"));
        }
        let prefix = prefix
            .parse()
            .ok()
            .filter(|prefix| *prefix <= longest)
            .ok_or_else(|| invalid("the prefix is longer than the address"))?;
        if address != address.to_canonical() {
            return Err(invalid("write the IPv4 network itself"));
        }
        let network = Self { address, prefix };
        if network.masked(address) != bits(address) {
            return Err(invalid(
                "it has bits behind its prefix: shorten the address",
            ));
        }
        Ok(network)
    }

    fn contains(self, peer: IpAddr) -> bool {
        self.address.is_ipv4() == peer.is_ipv4() && self.masked(peer) == bits(self.address)
    }

    /// The bits of `address` that the prefix covers.
    fn masked(self, address: IpAddr) -> u128 {
        let behind = u32::from(width(address) - self.prefix);
        let kept = u128::MAX.checked_shl(behind).unwrap_or(0);
        bits(address) & kept
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

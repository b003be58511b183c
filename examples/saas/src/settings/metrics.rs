//! Where the figures are told.

use std::net::SocketAddr;
use std::str::FromStr;

/// Where `/metrics` listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricsListen {
    Off,
    /// The usual address, where nobody else has it.
    Usual,
    At(SocketAddr),
}

impl MetricsListen {
    pub(crate) const USUAL: ([u8; 4], u16) = ([127, 0, 0, 1], 9100);
}

impl FromStr for MetricsListen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Ok(Self::Off);
        }
        let address = text.trim().parse();
        address.map(Self::At).map_err(
            |_| "write ADDRESS:PORT, such as 127.0.0.1:9100, or nothing to tell no figures",
        )
    }
}

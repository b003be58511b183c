//! What the listener loop allows a client.

use std::io;
use std::time::Duration;

/// The bounds of [`serve`](crate::serve).
///
/// | Option | Default |
/// |---|---|
/// | [`header_timeout`](Self::header_timeout) | 10 s |
/// | [`header_bytes`](Self::header_bytes) | 16 KiB |
/// | [`body_timeout`](Self::body_timeout) | 30 s |
/// | [`body_deadline`](Self::body_deadline) | 120 s |
/// | [`write_timeout`](Self::write_timeout) | 30 s |
/// | [`idle_timeout`](Self::idle_timeout) | 60 s |
/// | [`connections`](Self::connections) | 10,000 |
/// | [`drain`](Self::drain) | 10 s |
#[derive(Debug, Clone)]
#[must_use]
pub struct ServeOptions {
    pub(super) header_timeout: Duration,
    pub(super) header_bytes: usize,
    pub(super) body_timeout: Duration,
    pub(super) body_deadline: Duration,
    pub(super) write_timeout: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) connections: usize,
    pub(super) drain: Duration,
}

impl ServeOptions {
    /// hyper's own minimum for a connection's buffer.
    const LEAST_HEADER_BYTES: usize = 8192;

    /// Starts with the defaults.
    pub const fn new() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            header_bytes: 16 * 1024,
            body_timeout: Duration::from_secs(30),
            body_deadline: Duration::from_mins(2),
            write_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(1),
            connections: 10_000,
            drain: Duration::from_secs(10),
        }
    }

    /// How long a client may take to send the headers of a request.
    pub const fn header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }

    /// How many bytes a request's line and headers may have; at least 8192.
    pub const fn header_bytes(mut self, bytes: usize) -> Self {
        self.header_bytes = bytes;
        self
    }

    /// How long a handler waits for the next piece of a request's body.
    pub const fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// How long a handler waits for a request's body altogether, so that one that comes byte by
    /// byte ends as well. An application that takes large uploads may need more.
    pub const fn body_deadline(mut self, time: Duration) -> Self {
        self.body_deadline = time;
        self
    }

    /// How long a client may take nothing of an answer that is ready for it; at least one
    /// millisecond.
    pub const fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// How long an HTTP/2 connection may have no open request; at least one millisecond.
    ///
    /// Between two HTTP/1 requests it is the [`header_timeout`](Self::header_timeout) that counts.
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// How many connections may be open at a time; at least one.
    pub const fn connections(mut self, most: usize) -> Self {
        self.connections = most;
        self
    }

    /// How long requests in flight may take after the shutdown began.
    pub const fn drain(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }

    pub(super) fn check(&self) -> Result<(), io::Error> {
        let invalid = |message: String| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        if self.header_bytes < Self::LEAST_HEADER_BYTES {
            return invalid(format!(
                "header_bytes {} is too small: use at least {}",
                self.header_bytes,
                Self::LEAST_HEADER_BYTES
            ));
        }
        for (name, timeout) in [
            ("write_timeout", self.write_timeout),
            ("idle_timeout", self.idle_timeout),
        ] {
            if timeout < Duration::from_millis(1) {
                return invalid(format!("{name} {timeout:?} is too short: use at least 1ms"));
            }
        }
        if !(1..=tokio::sync::Semaphore::MAX_PERMITS).contains(&self.connections) {
            return invalid(format!(
                "connections {} cannot be used: use 1 to {}",
                self.connections,
                tokio::sync::Semaphore::MAX_PERMITS
            ));
        }
        Ok(())
    }
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_cannot_be_used_are_refused_by_name() {
        assert!(ServeOptions::new().check().is_ok());
        let error = ServeOptions::new().header_bytes(8191).check().unwrap_err();
        assert!(error.to_string().contains("header_bytes 8191"));
        let options = ServeOptions::new().write_timeout(Duration::ZERO);
        let error = options.check().unwrap_err();
        assert!(error.to_string().contains("write_timeout 0ns"));
        let options = ServeOptions::new().idle_timeout(Duration::ZERO);
        let error = options.check().unwrap_err();
        assert!(error.to_string().contains("idle_timeout 0ns"));
        let error = ServeOptions::new().connections(0).check().unwrap_err();
        assert!(error.to_string().contains("connections 0"));
    }
}

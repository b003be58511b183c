//! The isolation kit: everything asked as everybody, and nothing of one tenant seen by another.

mod app;
mod ask;
mod party;
mod probe;

mod random;

mod flight;

mod detect;

mod actor;

mod findings;
mod leaks;

mod run;

use std::error::Error as StdError;
use std::fmt;

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use app::App;
use run::Run;

pub use ask::{Ask, RequestBody};
pub use leaks::{Isolated, Leak, Leaks, Place};
pub use party::Party;
pub use probe::{Probe, ProbeError};

/// Asks an application everything as everybody, and finds what of one tenant reaches another.
///
/// The application is a [`tower_service::Service`] of HTTP requests: a router, or a client of a
/// server that runs elsewhere. Two tenants with the same ids in their rows take part, strangers
/// on hosts of nobody, and a suspended tenant if there is one. Rows of each tenant hold its
/// [`Canary`](super::Canary).
///
/// 1. **Reading.** Every request that only reads is sent by everybody, one after the other and
///    then many at once in a random order; some are dropped half way, and each request of a tenant
///    is dropped after every number of polls there is, from 0 on, followed by the same request of
///    the other. No answer may hold a mark of somebody else, in its status line, headers, body,
///    trailers or failure, plain or encoded; and an answer must be the same as when nobody else
///    was there.
/// 2. **Writing.** Every request is sent in the same manner by one tenant and the strangers, while
///    the other tenant only reads, and then the other way round. What the other tenant has in
///    every [`Probe`], and what it reads, must stay as it is.
///
/// At the end no store may hold a mark of one tenant in what belongs to another. A run that could
/// not have found anything fails too: when a tenant never saw its own canary, or a request was
/// refused to everybody.
///
/// See the [module](super) for a whole test.
#[derive(Debug)]
#[must_use = "nothing is asked before `check`"]
pub struct IsolationKit {
    app: App,
    tenants: [Party; 2],
    suspended: Option<Party>,
    strangers: Vec<String>,
    asks: Vec<Ask>,
    probes: Vec<Box<dyn Probe>>,
    seed: u64,
    rounds: usize,
    width: usize,
}

impl IsolationKit {
    /// Takes the application and two tenants that it serves.
    ///
    /// A service of another type of body becomes one of this kind by mapping its requests.
    pub fn new<S, R>(app: S, one: Party, other: Party) -> Self
    where
        S: Service<Request<RequestBody>, Response = Response<R>> + Clone + 'static,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        R: Body,
        R::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        Self {
            app: App::new(app),
            tenants: [one, other],
            suspended: None,
            strangers: Vec::new(),
            asks: Vec::new(),
            probes: Vec::new(),
            seed: 0,
            rounds: 3,
            width: 8,
        }
    }

    /// Adds somebody who asks on a host that is no tenant's.
    pub fn stranger(mut self, host: impl Into<String>) -> Self {
        self.strangers.push(host.into());
        self
    }

    /// Takes a tenant that is suspended: not even its own host may show what it has.
    pub fn suspended(mut self, party: Party) -> Self {
        self.suspended = Some(party);
        self
    }

    /// Adds a request.
    pub fn ask(mut self, ask: Ask) -> Self {
        self.asks.push(ask);
        self
    }

    /// Adds requests.
    pub fn asks(mut self, asks: impl IntoIterator<Item = Ask>) -> Self {
        self.asks.extend(asks);
        self
    }

    /// Adds a store that tenants have something in.
    pub fn probe(mut self, probe: impl Probe + 'static) -> Self {
        self.probes.push(Box::new(probe));
        self
    }

    /// Sets what decides the order (default 0); a report names it.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how often everybody sends everything in each part (default 3).
    pub fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        self
    }

    /// Sets how many requests are under way at once (default 8).
    pub fn width(mut self, width: usize) -> Self {
        self.width = width.max(1);
        self
    }

    /// Runs the whole test.
    ///
    /// # Errors
    ///
    /// [`Leaks`] with everything that was found.
    ///
    /// # Panics
    ///
    /// When a path, host or header cannot stand in a request.
    pub async fn check(self) -> Result<Isolated, Leaks> {
        Run::new(&self).whole().await
    }
}

impl fmt::Debug for dyn Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Probe").field(&self.name()).finish()
    }
}

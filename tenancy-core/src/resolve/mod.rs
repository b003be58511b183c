//! From a request to a tenant: strategies in order, then confirmers that must agree.

mod host_strategy;
mod path_strategy;
mod strategy;

use std::fmt;
use std::net::IpAddr;

use http::{HeaderMap, Method, Uri};

pub use self::host_strategy::{ExactDomain, Pattern, Subdomain};
pub use self::path_strategy::PathPrefix;
pub use self::strategy::{Fixed, FromFn, Header, Identification, RequestHead, Strategy, from_fn};

use crate::context::TenantContext;
use crate::domain::Domain;
use crate::error::{Error, ErrorKind};
use crate::host::{Host, TrustedProxies};
use crate::store::{Identifier, TenantStore};
use crate::tenant::Tenant;

/// Decides whose request it is: an ordered chain of strategies over one store.
///
/// The first strategy that finds an identifier decides, and one that finds an invalid identifier
/// ends the search; there is no falling back to a later strategy or to a default tenant. Public
/// hosts are decided before any strategy is asked. Confirmers choose nothing: each one that names
/// a tenant must name the same one.
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use http::Request;
/// use tenancy_core::{Domain, ErrorKind, MemoryStore, Resolution, Resolver, SchemaName, Slug};
/// use tenancy_core::{Status, Subdomain, Tenant, TenantId};
///
/// let store = MemoryStore::new();
/// let acme = Tenant::new(TenantId::generate(), Slug::parse("acme")?, SchemaName::parse("acme")?);
/// store.insert(acme.with_status(Status::Active))?;
/// let resolver = Resolver::new(store).strategy(Subdomain::of(Domain::parse("example.com")?));
///
/// let ask = async |host| {
///     let (head, ()) = Request::get("/").header("host", host).body(()).unwrap().into_parts();
///     resolver.resolve(&head.method, &head.uri, &head.headers, None).await
/// };
/// let Resolution::Tenant(context) = ask("acme.example.com").await? else { unreachable!() };
/// assert_eq!(context.slug().as_str(), "acme");
/// assert_eq!(ask("other.example.com").await.unwrap_err().kind(), ErrorKind::NotFound);
/// # Ok::<(), tenancy_core::Error>(())
/// # }).unwrap();
/// ```
pub struct Resolver {
    store: Box<dyn TenantStore>,
    strategies: Vec<Box<dyn Strategy>>,
    confirmers: Vec<Box<dyn Strategy>>,
    public_hosts: Vec<Domain>,
    proxies: TrustedProxies,
    /// The oldest migration that a tenant may have for its last.
    migration: i64,
}

/// Whose request it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Resolution {
    /// An active tenant's.
    Tenant(TenantContext),
    /// Nobody's: it came to a public host.
    Public,
}

impl Resolver {
    /// Makes a resolver over `store` that has no strategy yet and so finds nobody.
    pub fn new(store: impl TenantStore) -> Self {
        Self {
            store: Box::new(store),
            strategies: Vec::new(),
            confirmers: Vec::new(),
            public_hosts: Vec::new(),
            proxies: TrustedProxies::none(),
            migration: 0,
        }
    }

    /// Asks `strategy` after those already given.
    #[must_use]
    pub fn strategy(mut self, strategy: impl Strategy) -> Self {
        self.strategies.push(Box::new(strategy));
        self
    }

    /// Refuses requests in which `confirmer` names another tenant than the strategies found.
    #[must_use]
    pub fn confirm(mut self, confirmer: impl Strategy) -> Self {
        self.confirmers.push(Box::new(confirmer));
        self
    }

    /// Keeps `host` for everybody: requests to it have no tenant.
    #[must_use]
    pub fn public_host(mut self, host: Domain) -> Self {
        if !self.public_hosts.contains(&host) {
            self.public_hosts.push(host);
        }
        self
    }

    /// Believes `proxies` about the host.
    #[must_use]
    pub fn trust(mut self, proxies: TrustedProxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Refuses tenants whose [last migration](Tenant::migration) is older than `version`, each for
    /// itself: their tables are not what the program needs.
    ///
    /// Such a tenant answers 503 `tenant_migrating` until it is migrated. Without this every active
    /// tenant is served; a store that does not say how far a tenant is says 0.
    #[must_use]
    pub fn requires_migration(mut self, version: i64) -> Self {
        self.migration = version;
        self
    }

    /// Whom it believes about the host.
    pub fn proxies(&self) -> &TrustedProxies {
        &self.proxies
    }

    /// Finds whose request this is; dropping the future is always safe.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidHost`] when the request does not name exactly one host;
    /// - what a strategy gives with [`Identification::Invalid`];
    /// - [`ErrorKind::NotFound`] when no strategy finds an identifier or no tenant answers to it;
    /// - [`ErrorKind::NotActive`] when the tenant does not serve now;
    /// - [`ErrorKind::Migrating`] when its tables are older than
    ///   [the program needs](Resolver::requires_migration);
    /// - [`ErrorKind::Mismatch`] when a confirmer names another tenant, or any on a public host;
    /// - what the store fails with.
    pub async fn resolve(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
    ) -> Result<Resolution, Error> {
        let host = Host::from_head(uri, headers, peer, &self.proxies)?;
        let head = RequestHead {
            method,
            uri,
            headers,
            host: Some(&host),
        };
        if host
            .domain()
            .is_some_and(|name| self.public_hosts.contains(name))
        {
            self.confirm_public(&head)?;
            return Ok(Resolution::Public);
        }
        for strategy in &self.strategies {
            match strategy.identify(&head) {
                Identification::Absent => {}
                Identification::Invalid(error) => return Err(error),
                Identification::Found(identifier) => {
                    let found = self.store.find(&identifier).await?;
                    let tenant = found.ok_or_else(|| unknown(&identifier))?;
                    self.confirm_tenant(&head, &tenant).await?;
                    let context = TenantContext::new(tenant, strategy.name())?;
                    self.refuse_old(context.tenant())?;
                    return Ok(Resolution::Tenant(context));
                }
            }
        }
        Err(Error::new(
            ErrorKind::NotFound,
            format!("no tenant answers to host {host}: add the domain to a tenant"),
        ))
    }

    /// The URI as the tenant's routes see it, if the strategy that named `context` takes
    /// something off it.
    pub fn rewrite(&self, context: &TenantContext, uri: &Uri) -> Option<Uri> {
        self.strategies
            .iter()
            .filter(|strategy| strategy.name() == context.origin())
            .find_map(|strategy| strategy.rewrite(uri))
    }

    fn refuse_old(&self, tenant: &Tenant) -> Result<(), Error> {
        let (has, needs) = (tenant.migration(), self.migration);
        if has >= needs || crate::sabotaged!("tenant.unmigrated-serves") {
            return Ok(());
        }
        let slug = tenant.slug();
        Err(Error::new(
            ErrorKind::Migrating,
            format!(
                "tenant {slug} is at migration {has} and this program needs {needs}:                  `migrate run --tenant {slug}`"
            ),
        ))
    }

    fn confirm_public(&self, head: &RequestHead<'_>) -> Result<(), Error> {
        for confirmer in &self.confirmers {
            if !matches!(confirmer.identify(head), Identification::Absent) {
                return Err(Error::new(
                    ErrorKind::Mismatch,
                    format!(
                        "the {} names a tenant but this host belongs to none: leave it away or \
                         use the tenant's host",
                        confirmer.name()
                    ),
                ));
            }
        }
        Ok(())
    }

    async fn confirm_tenant(&self, head: &RequestHead<'_>, tenant: &Tenant) -> Result<(), Error> {
        for confirmer in &self.confirmers {
            let same = match confirmer.identify(head) {
                Identification::Absent => true,
                Identification::Invalid(_) => false,
                Identification::Found(Identifier::Id(id)) => id == tenant.id(),
                Identification::Found(identifier) => self
                    .store
                    .find(&identifier)
                    .await?
                    .is_some_and(|other| other.id() == tenant.id()),
            };
            if !same && !crate::sabotaged!("tenant.disagreement-ignored") {
                return Err(Error::new(
                    ErrorKind::Mismatch,
                    format!(
                        "the {} does not name the tenant of this request: make them agree",
                        confirmer.name()
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |strategies: &[Box<dyn Strategy>]| -> Vec<_> {
            strategies.iter().map(|strategy| strategy.name()).collect()
        };
        f.debug_struct("Resolver")
            .field("strategies", &names(&self.strategies))
            .field("confirmers", &names(&self.confirmers))
            .field("public_hosts", &self.public_hosts)
            .field("proxies", &self.proxies)
            .field("migration", &self.migration)
            .finish_non_exhaustive()
    }
}

fn unknown(identifier: &Identifier) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("no tenant answers to {identifier}: check the name, or create the tenant"),
    )
}

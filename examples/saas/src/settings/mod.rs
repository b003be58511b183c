//! Every setting of the program, read once from the environment and checked with all its faults
//! named together.

mod metrics;
mod names;
mod seeds;
mod service;
mod source;

#[cfg(sabotage)]
pub(crate) use self::names::SABOTAGE;

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use tenancy_core::{Domain, Prefix, SchemaName, TrustedProxies};
use tenancy_sqlx::doctor::Code;
use tenancy_sqlx::{Isolation, Pooler};
use tracing_subscriber::EnvFilter;

pub(crate) use self::metrics::MetricsListen;
use self::service::{SecretKey, ServiceUrl};
use self::source::Sources;

/// What the environment says, with the defaults filled in.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) database: Option<PgConnectOptions>,
    pub(crate) database_direct: Option<PgConnectOptions>,
    /// What the application's connections go through.
    pub(crate) pooler: Pooler,
    pub(crate) pool_size: u32,
    pub(crate) redis: Option<ServiceUrl>,
    pub(crate) elasticsearch: Option<ServiceUrl>,
    pub(crate) secret_key: Option<SecretKey>,
    pub(crate) listen: SocketAddr,
    pub(crate) metrics_listen: MetricsListen,
    pub(crate) base_domain: Domain,
    /// Keeps this installation apart from others on the same servers.
    pub(crate) prefix: Prefix,
    /// The schema of the one tenant that every host serves.
    pub(crate) single_tenant: Option<SchemaName>,
    /// Whether tenants have roles of their own.
    pub(crate) isolation: Isolation,
    /// The oldest migration that a tenant is served with; the program's newest otherwise.
    pub(crate) min_migration: Option<i64>,
    pub(crate) trusted_proxies: TrustedProxies,
    /// The critical findings of the doctor that are no reason not to serve.
    pub(crate) doctor_accept: Vec<Code>,
    pub(crate) log_format: LogFormat,
    pub(crate) log_filter: String,
    pub(crate) log_dir: PathBuf,
    pub(crate) pg_bin: Option<PathBuf>,
}

/// How events look on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Pretty,
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err("use pretty or json"),
        }
    }
}

/// All the settings that cannot be used, each with what to do.
#[derive(Debug)]
pub(crate) struct SettingsError(Vec<String>);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Settings {
    /// Reads the process environment and, below it, `.env` of the current folder.
    ///
    /// # Errors
    ///
    /// Names every setting that cannot be used.
    pub(crate) fn read() -> Result<Self, SettingsError> {
        let sources = Sources::read().map_err(|fault| SettingsError(vec![fault]))?;
        Self::from_sources(&sources)
    }

    fn from_sources(sources: &Sources) -> Result<Self, SettingsError> {
        let mut reader = Reader {
            sources,
            faults: names::unknown(sources),
        };
        seeds::refused(&mut reader);
        let default_filter = seeds::log_filter(&mut reader);
        let settings = Self {
            database: seeds::database(&mut reader),
            database_direct: reader.database("DATABASE_DIRECT_URL"),
            pooler: reader.parsed("DATABASE_POOLER", Pooler::None),
            pool_size: reader.pool_size(),
            redis: seeds::redis(&mut reader),
            elasticsearch: seeds::elasticsearch(&mut reader),
            secret_key: reader.secret_key(),
            listen: reader.listen(),
            metrics_listen: reader.metrics_listen(),
            base_domain: reader.parsed(
                "BASE_DOMAIN",
                Domain::parse("localhost").expect("a fixed valid name"),
            ),
            prefix: seeds::prefix(&mut reader),
            single_tenant: reader.single_tenant(),
            isolation: reader.parsed("TENANT_ISOLATION", Isolation::Schema),
            min_migration: reader.min_migration(),
            trusted_proxies: reader.proxies(),
            doctor_accept: reader.codes("DOCTOR_ACCEPT"),
            log_format: reader.parsed("LOG_FORMAT", LogFormat::Pretty),
            log_filter: reader.log_filter(default_filter),
            log_dir: sources.get("LOG_DIR").unwrap_or(".").into(),
            pg_bin: sources.get("PG_BIN").map(Into::into),
        };
        // A fault in DATABASE_URL itself is enough said.
        let names_database = sources.first_of(&seeds::DATABASE_NAMES).is_some();
        if settings.database_direct.is_some() && !names_database {
            reader.faults.push(
                "DATABASE_DIRECT_URL without DATABASE_URL: set both, or DATABASE_URL alone".into(),
            );
        }
        let is_direct = settings.pooler == Pooler::None || settings.database_direct.is_some();
        if !is_direct && sources.get("DATABASE_DIRECT_URL").is_none() {
            reader.faults.push(format!(
                "DATABASE_POOLER={} needs DATABASE_DIRECT_URL beside DATABASE_URL: a pooler \
                 carries neither migrations nor news of changes",
                settings.pooler
            ));
        }
        if reader.faults.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError(reader.faults))
        }
    }
}

/// Collects faults while the values are read, so that a start fails once, with all of them.
struct Reader<'a> {
    sources: &'a Sources,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn parsed<T>(&mut self, name: &str, default: T) -> T
    where
        T: FromStr<Err: fmt::Display>,
    {
        let Some(text) = self.sources.get(name) else {
            return default;
        };
        text.parse().unwrap_or_else(|error| {
            self.faults
                .push(format!("{name}={text} cannot be used: {error}"));
            default
        })
    }

    fn listen(&mut self) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 8000));
        self.hinted("LISTEN", "write ADDRESS:PORT, such as 0.0.0.0:8000")
            .unwrap_or(default)
    }

    fn metrics_listen(&mut self) -> MetricsListen {
        // Here an empty value says something: no figures.
        if self.sources.is_blank("METRICS_LISTEN") {
            return MetricsListen::Off;
        }
        self.parsed("METRICS_LISTEN", MetricsListen::Usual)
    }

    fn pool_size(&mut self) -> u32 {
        self.hinted("DATABASE_POOL_SIZE", "write how many, 1 or more")
            .map_or(8, NonZeroU32::get)
    }

    fn min_migration(&mut self) -> Option<i64> {
        let hint = "write the number of a tenant migration, or 0 to serve every active tenant";
        self.hinted::<u32>("TENANT_MIN_MIGRATION", hint)
            .map(i64::from)
    }

    /// For types whose own errors would not say what to write.
    fn hinted<T: FromStr>(&mut self, name: &str, hint: &str) -> Option<T> {
        let text = self.sources.get(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.faults
                .push(format!("{name}={text} cannot be used: {hint}"));
        }
        value
    }

    fn log_filter(&mut self, default: &str) -> String {
        let filter = self.sources.get("RUST_LOG").unwrap_or(default).to_owned();
        if let Err(error) = EnvFilter::try_new(&filter) {
            self.faults
                .push(format!("RUST_LOG={filter} cannot be used: {error}"));
        }
        filter
    }

    fn secret_key(&mut self) -> Option<SecretKey> {
        let key = SecretKey::parse(self.sources.get("SECRET_KEY")?);
        key.map_err(|fault| self.faults.push(fault)).ok()
    }

    /// The address at `name`; it may hold a password, so a fault names the setting alone.
    fn service(&mut self, name: &str, schemes: &[&str], example: &str) -> Option<ServiceUrl> {
        let url = ServiceUrl::parse(self.sources.get(name)?, schemes).ok();
        if url.is_none() {
            self.faults
                .push(format!("{name} is no address: write {example}"));
        }
        url
    }

    /// What a setting that is on or off says.
    fn switch(&mut self, name: &str) -> Option<bool> {
        let text = self.sources.get(name)?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => {
                self.faults
                    .push(format!("{name}={text} cannot be used: write true or false"));
                None
            }
        }
    }

    fn database(&mut self, name: &str) -> Option<PgConnectOptions> {
        let text = self.sources.get(name)?;
        // The value may hold a password, so a fault names the setting alone.
        let parsed = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
            .then(|| text.parse::<PgConnectOptions>().ok())
            .flatten();
        let fault = match parsed {
            Some(options) if options.get_username() != "anonymous" => return Some(options),
            Some(_) => "names no login: write postgres://LOGIN@HOST/NAME",
            None => "is no PostgreSQL address: write postgres://LOGIN:PASSWORD@HOST:PORT/NAME",
        };
        self.faults.push(format!("{name} {fault}"));
        None
    }

    fn single_tenant(&mut self) -> Option<SchemaName> {
        // With many tenants no host falls back to one, so the default counts for nothing then.
        if self.switch("ENABLE_MULTI_TENANCY") != Some(false) {
            return None;
        }
        let fault = match self.sources.get("DEFAULT_TENANT_SCHEMA") {
            None => "ENABLE_MULTI_TENANCY=false needs DEFAULT_TENANT_SCHEMA: the schema of the \
                     tenant to serve"
                .to_owned(),
            Some("public") => "DEFAULT_TENANT_SCHEMA=public holds no tenant's tables: make a \
                               tenant with `create_tenant`, and name its schema"
                .to_owned(),
            Some(name) => match SchemaName::parse(name) {
                Ok(schema) => return Some(schema),
                Err(error) => format!("DEFAULT_TENANT_SCHEMA cannot be used: {error}"),
            },
        };
        self.faults.push(fault);
        None
    }

    /// Codes of the doctor with commas between; every one that is none is a fault of its own.
    fn codes(&mut self, name: &str) -> Vec<Code> {
        let listed = self.sources.get(name).unwrap_or_default().split(',');
        let mut codes = Vec::new();
        for text in listed.map(str::trim).filter(|text| !text.is_empty()) {
            match text.parse() {
                Ok(code) => codes.push(code),
                Err(error) => self.faults.push(format!("{name} cannot be used: {error}")),
            }
        }
        codes
    }

    fn proxies(&mut self) -> TrustedProxies {
        let Some(text) = self.sources.get("TRUSTED_PROXIES") else {
            return TrustedProxies::none();
        };
        let list = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        TrustedProxies::parse(list).unwrap_or_else(|error| {
            self.faults
                .push(format!("TRUSTED_PROXIES={text} cannot be used: {error}"));
            TrustedProxies::none()
        })
    }
}

#[cfg(test)]
mod tests;

//! Every setting of the program, read once from the environment and checked with all its faults
//! named together.

mod seeds;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use tenancy_core::{Domain, SchemaName, TrustedProxies};

/// What the environment says, with the defaults filled in.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) database: Option<PgConnectOptions>,
    pub(crate) database_direct: Option<PgConnectOptions>,
    pub(crate) pool_size: u32,
    pub(crate) listen: SocketAddr,
    pub(crate) base_domain: Domain,
    /// The schema of the one tenant that every host serves.
    pub(crate) single_tenant: Option<SchemaName>,
    pub(crate) trusted_proxies: TrustedProxies,
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
        // What the process was given wins over the file, which is the one of this folder alone.
        let fault = |what: String| SettingsError(vec![what]);
        let file: HashMap<String, String> = match std::fs::read_to_string(".env") {
            Ok(text) => dotenvy::from_read_iter(text.as_bytes())
                .collect::<Result<_, _>>()
                // The line may hold a password, so it is not shown.
                .map_err(|_| {
                    fault(".env cannot be read: write NAME=value, with quotes closed".into())
                })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => HashMap::new(),
            Err(error) => return Err(fault(format!(".env cannot be read: {error}"))),
        };
        Self::from_lookup(|name| std::env::var(name).ok().or_else(|| file.get(name).cloned()))
    }

    /// Reads the settings from `lookup`; an empty value counts as none.
    fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let get = |name: &str| {
            lookup(name)
                .map(|v| v.trim().to_owned())
                .filter(|v| !v.is_empty())
        };
        let mut reader = Reader {
            get: &get,
            faults: Vec::new(),
        };
        reader.faults.extend(seeds::refused(&get));
        let database = reader
            .database("DATABASE_URL")
            .or_else(|| seeds::database(&mut reader));
        let settings = Self {
            database_direct: reader.database("DATABASE_DIRECT_URL"),
            database,
            pool_size: reader.parsed("DATABASE_POOL_SIZE", 8),
            listen: reader.parsed("LISTEN", SocketAddr::from(([127, 0, 0, 1], 8000))),
            base_domain: reader.parsed(
                "BASE_DOMAIN",
                Domain::parse("localhost").expect("a fixed valid name"),
            ),
            single_tenant: reader.single_tenant(),
            trusted_proxies: reader.proxies(),
            log_format: reader.parsed("LOG_FORMAT", LogFormat::Pretty),
            log_filter: get("RUST_LOG").unwrap_or_else(|| seeds::log_filter(&get).to_owned()),
            log_dir: get("LOG_DIR").unwrap_or_else(|| ".".to_owned()).into(),
            pg_bin: get("PG_BIN").map(Into::into),
        };
        if settings.database.is_none() && settings.database_direct.is_some() {
            reader.faults.push(
                "DATABASE_DIRECT_URL without DATABASE_URL: set both, or DATABASE_URL alone".into(),
            );
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
    get: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn parsed<T>(&mut self, name: &str, default: T) -> T
    where
        T: FromStr<Err: fmt::Display>,
    {
        let Some(text) = (self.get)(name) else {
            return default;
        };
        text.parse().unwrap_or_else(|error| {
            self.faults
                .push(format!("{name}={text} cannot be used: {error}"));
            default
        })
    }

    fn database(&mut self, name: &str) -> Option<PgConnectOptions> {
        let text = (self.get)(name)?;
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
        let multi = (self.get)("ENABLE_MULTI_TENANCY").unwrap_or_else(|| "true".to_owned());
        match multi.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => return None,
            "false" | "0" | "no" | "off" => {}
            _ => {
                self.faults.push(format!(
                    "ENABLE_MULTI_TENANCY={multi} cannot be used: true or false"
                ));
                return None;
            }
        }
        let Some(name) = (self.get)("DEFAULT_TENANT_SCHEMA") else {
            self.faults.push(
                "ENABLE_MULTI_TENANCY=false needs DEFAULT_TENANT_SCHEMA: the tenant to serve"
                    .to_owned(),
            );
            return None;
        };
        match SchemaName::parse(&name) {
            Ok(schema) => Some(schema),
            Err(error) => {
                self.faults
                    .push(format!("DEFAULT_TENANT_SCHEMA cannot be used: {error}"));
                None
            }
        }
    }

    fn proxies(&mut self) -> TrustedProxies {
        let Some(text) = (self.get)("TRUSTED_PROXIES") else {
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

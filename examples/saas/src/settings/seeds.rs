//! Settings under the names Django projects know: taken where they mean the same, and otherwise
//! refused with the name of what replaces them.

use sqlx::postgres::PgConnectOptions;
use tenancy_core::Prefix;

use super::Reader;
use super::service::ServiceUrl;

/// Names that mean something else here, each with what to use.
const REPLACED: &[(&str, &str)] = &[
    (
        "ALLOWED_HOSTS",
        "every tenant's domains are allowed and nothing else is: use BASE_DOMAIN and `domain add`",
    ),
    ("ELASTICSEARCH_HOST", "use ELASTICSEARCH_URL"),
    ("ELASTICSEARCH_HOSTS", "use ELASTICSEARCH_URL"),
    ("JWT_SECRET", "use SECRET_KEY"),
    ("JWT_SECRET_KEY", "use SECRET_KEY"),
    ("JWT_SIGNING_KEY", "use SECRET_KEY"),
    ("DB_ENGINE", "PostgreSQL is the only one: use DATABASE_URL"),
    (
        "DATABASE_ENGINE",
        "PostgreSQL is the only one: use DATABASE_URL",
    ),
    ("LOG_LEVEL", "use RUST_LOG"),
];

/// How the other names about tokens start.
const TOKENS: &str = "JWT_";
const NO_TOKENS: &str =
    "SECRET_KEY is the only setting of tokens, and this version issues none: leave it out";

/// What names the database; Django projects have two spellings.
pub(super) const DATABASE_NAMES: [&str; 3] = ["DATABASE_URL", "DB_NAME", "DATABASE_NAME"];
/// What says more of it, and nothing without a name.
const DATABASE_PARTS: [&str; 6] = [
    "DB_USER",
    "DB_PASSWORD",
    "DB_HOST",
    "DATABASE_USER",
    "DATABASE_PASSWORD",
    "DATABASE_HOST",
];

/// The faults of names that are set but mean something else here.
pub(super) fn refused(reader: &mut Reader<'_>) {
    let sources = reader.sources;
    let names = sources.process().chain(sources.file());
    let mut faults: Vec<String> = names
        .filter(|(name, _)| sources.get(name).is_some())
        .filter_map(|(name, _)| {
            let instead = instead_of(name)?;
            Some(format!(
                "{name} is not a setting of this program: {instead}"
            ))
        })
        .collect();
    faults.sort();
    faults.dedup();
    reader.faults.append(&mut faults);
}

/// Whether `name` is one of those that mean something else here.
pub(super) fn is_replaced(name: &str) -> bool {
    instead_of(name).is_some()
}

fn instead_of(name: &str) -> Option<&'static str> {
    let replaced = REPLACED.iter().find(|(old, _)| *old == name);
    replaced
        .map(|(_, instead)| *instead)
        .or_else(|| name.starts_with(TOKENS).then_some(NO_TOKENS))
}

/// The database of `DATABASE_URL`, or of its parts under `DB_*` or `DATABASE_*`.
pub(super) fn database(reader: &mut Reader<'_>) -> Option<PgConnectOptions> {
    match reader.sources.first_of(&DATABASE_NAMES) {
        Some("DATABASE_URL") => reader.database("DATABASE_URL"),
        Some(_) => database_of_parts(reader),
        None => {
            // A private server instead of the one that somebody began to name would surprise.
            if let Some(part) = reader.sources.first_of(&DATABASE_PARTS) {
                let fault = format!("{part} without a database: set DB_NAME, or DATABASE_URL");
                reader.faults.push(fault);
            }
            None
        }
    }
}

fn database_of_parts(reader: &mut Reader<'_>) -> Option<PgConnectOptions> {
    let sources = reader.sources;
    let part = |short: &'static str, long: &'static str| {
        let name = sources.first_of(&[short, long])?;
        Some((name, sources.get(name)?))
    };
    let (_, name) = part("DB_NAME", "DATABASE_NAME")?;
    let Some((_, user)) = part("DB_USER", "DATABASE_USER") else {
        reader
            .faults
            .push(format!("the database {name} has no login: set DB_USER"));
        return None;
    };
    let host = part("DB_HOST", "DATABASE_HOST").map_or("localhost", |(_, host)| host);
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(host)
        .database(name)
        .username(user);
    if let Some((_, password)) = part("DB_PASSWORD", "DATABASE_PASSWORD") {
        options = options.password(password);
    }
    if let Some((name, port)) = part("DB_PORT", "DATABASE_PORT") {
        match port.parse() {
            Ok(port) => options = options.port(port),
            Err(_) => reader.faults.push(format!("{name}={port} is no port")),
        }
    }
    Some(options)
}

/// Redis at `REDIS_URL`, or at `REDIS_HOST` and `REDIS_PORT`.
pub(super) fn redis(reader: &mut Reader<'_>) -> Option<ServiceUrl> {
    if reader.sources.first_of(&["REDIS_URL", "REDIS_HOST"])? == "REDIS_URL" {
        if reader.sources.get("REDIS_URL")?.starts_with("rediss://") {
            reader.faults.push(
                "REDIS_URL asks for TLS, which is not built in: write redis://HOST:PORT/, for a \
                 server in a private network or at the end of a tunnel"
                    .into(),
            );
            return None;
        }
        return reader.service("REDIS_URL", &["redis"], "redis://HOST:PORT/");
    }
    let host = reader.sources.get("REDIS_HOST")?;
    // Alone a port is no address: it is also the one that the containers' file publishes.
    let port = reader.sources.get("REDIS_PORT").unwrap_or("6379");
    let url = port
        .parse::<u16>()
        .ok()
        .and_then(|port| ServiceUrl::parse(&format!("redis://{host}:{port}/"), &["redis"]).ok());
    if url.is_none() {
        reader.faults.push(format!(
            "REDIS_HOST={host} and REDIS_PORT={port} are no host and port: use REDIS_URL"
        ));
    }
    url
}

/// Elasticsearch at `ELASTICSEARCH_URL`, or at `ELASTIC_SEARCH_HOST`, which may be either.
pub(super) fn elasticsearch(reader: &mut Reader<'_>) -> Option<ServiceUrl> {
    const NAMES: [&str; 2] = ["ELASTICSEARCH_URL", "ELASTIC_SEARCH_HOST"];
    let (schemes, example) = (["http"], "http://HOST:9200");
    let name = reader.sources.first_of(&NAMES)?;
    let value = reader.sources.get(name)?;
    if value.starts_with("https://") {
        reader.faults.push(format!(
            "{name} asks for TLS, which is not built in: write {example}, for a server in a \
             private network or at the end of a tunnel"
        ));
        return None;
    }
    if name == "ELASTICSEARCH_URL" || value.contains("://") {
        return reader.service(name, &schemes, example);
    }
    let mut host = value.to_owned();
    if !host.contains(':') {
        host.push_str(":9200");
    }
    let url = ServiceUrl::parse(&format!("http://{host}"), &schemes).ok();
    if url.is_none() {
        reader.faults.push(format!(
            "{name}={value} is no host: use ELASTICSEARCH_URL={example}"
        ));
    }
    url
}

/// What keeps installations apart: for Django projects, in the names of indexes alone.
pub(super) fn prefix(reader: &mut Reader<'_>) -> Prefix {
    const NAMES: [&str; 2] = ["TENANCY_PREFIX", "ELASTICSEARCH_INDEX_PREFIX"];
    match reader.sources.first_of(&NAMES) {
        Some(name) => reader.parsed(name, Prefix::default()),
        None => Prefix::default(),
    }
}

/// What `DEBUG` meant for logs.
pub(super) fn log_filter(reader: &mut Reader<'_>) -> &'static str {
    match reader.switch("DEBUG") {
        Some(true) => "debug,hyper=info,h2=info,sqlx=info",
        _ => "info",
    }
}

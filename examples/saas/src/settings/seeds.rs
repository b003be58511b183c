//! Settings under the names Django projects know: taken where they mean the same, and otherwise
//! refused with the name of what replaces them.

use sqlx::postgres::PgConnectOptions;

use super::Reader;

/// Names that mean something else here, each with what to use.
const REPLACED: &[(&str, &str)] = &[(
    "ALLOWED_HOSTS",
    "every tenant's domains are allowed and nothing else is: use BASE_DOMAIN and `domain add`",
)];

/// The faults of names that are set but mean something else here.
pub(super) fn refused(get: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    REPLACED
        .iter()
        .filter(|(name, _)| get(name).is_some())
        .map(|(name, instead)| format!("{name} is not a setting of this program: {instead}"))
        .collect()
}

/// The database of `DB_*` or `DATABASE_*`, when `DATABASE_URL` is not set.
pub(super) fn database(reader: &mut Reader<'_>) -> Option<PgConnectOptions> {
    let part = |name: &str| {
        (reader.get)(&format!("DB_{name}")).or_else(|| (reader.get)(&format!("DATABASE_{name}")))
    };
    let name = part("NAME")?;
    let Some(user) = part("USER") else {
        reader
            .faults
            .push(format!("the database {name} has no login: set DB_USER"));
        return None;
    };
    let mut options = PgConnectOptions::new_without_pgpass()
        .host(&part("HOST").unwrap_or_else(|| "localhost".to_owned()))
        .database(&name)
        .username(&user);
    if let Some(password) = part("PASSWORD") {
        options = options.password(&password);
    }
    if let Some(port) = part("PORT") {
        match port.parse() {
            Ok(port) => options = options.port(port),
            Err(_) => reader.faults.push(format!("DB_PORT={port} is no port")),
        }
    }
    Some(options)
}

/// What `DEBUG` meant for logs.
pub(super) fn log_filter(get: &dyn Fn(&str) -> Option<String>) -> &'static str {
    match get("DEBUG")
        .map(|value| value.to_ascii_lowercase())
        .as_deref()
    {
        Some("true" | "1" | "yes" | "on") => "debug,hyper=info,h2=info,sqlx=info",
        _ => "info",
    }
}

//! Which names are settings, and what is said of a name that looks like one and is none.

use super::source::Sources;

/// Every setting, as `.env.example` and the reference list them.
pub(super) const SETTINGS: [&str; 21] = [
    "DATABASE_URL",
    "DATABASE_DIRECT_URL",
    "DATABASE_POOLER",
    "DATABASE_POOL_SIZE",
    "REDIS_URL",
    "ELASTICSEARCH_URL",
    "SECRET_KEY",
    "LISTEN",
    "METRICS_LISTEN",
    "BASE_DOMAIN",
    "TRUSTED_PROXIES",
    "TENANCY_PREFIX",
    "ENABLE_MULTI_TENANCY",
    "DEFAULT_TENANT_SCHEMA",
    "TENANT_ISOLATION",
    "TENANT_MIN_MIGRATION",
    "DOCTOR_ACCEPT",
    "LOG_FORMAT",
    "RUST_LOG",
    "LOG_DIR",
    "PG_BIN",
];

/// Names of Django projects that mean the same as a setting.
pub(super) const ALIASES: [&str; 15] = [
    "DB_NAME",
    "DB_USER",
    "DB_PASSWORD",
    "DB_HOST",
    "DB_PORT",
    "DATABASE_NAME",
    "DATABASE_USER",
    "DATABASE_PASSWORD",
    "DATABASE_HOST",
    "DATABASE_PORT",
    "REDIS_HOST",
    "REDIS_PORT",
    "ELASTIC_SEARCH_HOST",
    "ELASTICSEARCH_INDEX_PREFIX",
    "DEBUG",
];

/// Names that others read from the same places: the containers' file and the scripts.
pub(super) const OF_OTHERS: [&str; 5] = [
    "POSTGRES_PASSWORD",
    "POSTGRES_PORT",
    "ELASTICSEARCH_PORT",
    "TENANCY_CACHE",
    "TENANCY_STATE",
];

/// How the names of this program start that others have no use for, each with the setting to
/// look at where no other is near.
const FAMILIES: [(&str, &str); 7] = [
    (OURS, "TENANCY_PREFIX"),
    ("DATABASE_", "DATABASE_URL"),
    ("DB_", "DATABASE_URL"),
    ("REDIS_", "REDIS_URL"),
    ("ELASTICSEARCH_", "ELASTICSEARCH_URL"),
    ("ELASTIC_SEARCH_", "ELASTICSEARCH_URL"),
    ("LOG_", "RUST_LOG"),
];

/// The family that is this program's wherever it stands.
const OURS: &str = "TENANCY_";

/// Which promise a build that was made for that breaks.
pub(crate) const SABOTAGE: &str = "TENANCY_SABOTAGE";

/// The tests' own switches start so.
const OF_TESTS: &str = "TENANCY_TEST_";

/// The faults of names that look like settings and are none: `TENANCY_…` anywhere, and in `.env`
/// whatever is nearly a setting or starts as those do. `.env` may have other names for others.
pub(super) fn unknown(sources: &Sources) -> Vec<String> {
    let of_process = sources
        .process()
        .filter(|(name, value)| starts(name, OURS) && !is_service_link(name, value))
        .filter_map(|(name, _)| fault(name, ""));
    let of_file = sources
        .file()
        .filter_map(|(name, _)| fault(name, " (in .env)"));
    let mut faults: Vec<String> = of_process.chain(of_file).collect();
    faults.dedup();
    faults
}

fn fault(name: &str, place: &str) -> Option<String> {
    if is_known(name) {
        return None;
    }
    let family = FAMILIES.iter().find(|(start, _)| starts(name, start));
    let instead = match (nearest(name), family) {
        (Some(setting), _) => format!("write {setting}"),
        (None, Some((_, setting))) => {
            format!(".env.example lists the settings; {setting} is the nearest")
        }
        (None, None) => return None,
    };
    Some(format!("{name} is not a setting{place}: {instead}"))
}

/// Whether `name` is a setting, or is refused or read elsewhere under this very name.
pub(super) fn is_known(name: &str) -> bool {
    settable().chain(OF_OTHERS).any(|known| known == name)
        || super::seeds::is_replaced(name)
        || name.starts_with(OF_TESTS)
        || cfg!(sabotage) && name == SABOTAGE
}

fn settable() -> impl Iterator<Item = &'static str> {
    SETTINGS.into_iter().chain(ALIASES)
}

/// The setting that `name` was probably meant to be.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    // LISTEN is LISTEN, also for those who expect this program's settings to start alike.
    let bare = name.strip_prefix(OURS).unwrap_or(&name);
    settable()
        .filter_map(|setting| {
            let whole = strsim::damerau_levenshtein(&name, setting);
            let steps = whole.min(strsim::damerau_levenshtein(bare, setting));
            // Short names of other programs are a few letters from ours by nature.
            let near = steps <= setting.len() / 5
                || starts(setting, OURS) && steps <= 4
                || setting.starts_with(bare) && bare.len() >= 7;
            near.then_some((steps, setting))
        })
        .min()
        .map(|(_, setting)| setting)
}

fn starts(name: &str, start: &str) -> bool {
    name.get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// Whether an orchestrator gave the process this name because a service is called `tenancy`.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_port = value.starts_with("tcp://") || value.starts_with("udp://");
    name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || name.ends_with("_PORT") && is_port
}

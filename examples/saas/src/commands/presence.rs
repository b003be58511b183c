//! Says to other processes that this one serves, and what it keeps in its own memory.

use tenancy_sqlx::{Announcement, Database, Error, ErrorKind, Presence};

use crate::cli::Failure;
use crate::settings::Settings;

/// Announces this process, or says which setting lets it serve beside the others.
pub(crate) async fn announce(
    settings: &Settings,
    database: &Database,
) -> Result<Presence, Failure> {
    let name = format!("process {} at {}", std::process::id(), settings.listen);
    announce_as(name, settings, database).await
}

/// The same for a worker: what it changes has to reach what others keep.
pub(crate) async fn announce_worker(
    settings: &Settings,
    database: &Database,
) -> Result<Presence, Failure> {
    let name = format!("worker process {}", std::process::id());
    announce_as(name, settings, database).await
}

async fn announce_as(
    name: String,
    settings: &Settings,
    database: &Database,
) -> Result<Presence, Failure> {
    let own = [
        ("cache", "REDIS_URL", settings.redis.is_none()),
        (
            "search index",
            "ELASTICSEARCH_URL",
            settings.elasticsearch.is_none(),
        ),
    ];
    let mut own: Vec<_> = own.into_iter().filter(|(.., own)| *own).collect();
    if tenancy_core::sabotaged!("presence.nothing-kept") {
        own.clear();
    }
    let announcement = own
        .iter()
        .fold(Announcement::new(name), |said, (what, ..)| {
            said.keeps(*what)
        });
    for (what, setting, _) in &own {
        if settings.database.is_some() {
            tracing::info!(
                target: "saas.serve",
                "this process keeps its {what} to itself and serves alone: set {setting} to share it"
            );
        }
    }
    let presence = announcement.serve(database).await;
    presence.map_err(explained)
}

/// Names the settings: which of them the other process lacks is not known here.
fn explained(error: Error) -> Failure {
    if error.kind() != ErrorKind::Conflict {
        return error.into();
    }
    format!("{error}: set REDIS_URL and ELASTICSEARCH_URL, the same in all of them").into()
}

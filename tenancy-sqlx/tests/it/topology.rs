//! How the application of these tests reaches its server: directly.

use sqlx::postgres::PgConnectOptions;
use tenancy_sqlx::Pooler;

/// What the connections go through.
pub(crate) fn pooler() -> Pooler {
    Pooler::None
}

/// The application's way to the server of `direct`.
pub(crate) fn through(direct: PgConnectOptions) -> PgConnectOptions {
    direct
}

/// Whether a test is left out because fewer transactions than it needs can be open at a time.
pub(crate) fn lacks_sessions(_wanted: u32) -> bool {
    false
}

/// Whether a test is left out for this reason.
pub(crate) fn leaves_out(_because: &str) -> bool {
    false
}

/// What the figures of this way are called.
pub(crate) const NAME: &str = "directly";

/// Whether a statement can be described; the driver names it in SQL, which some poolers do not see.
pub(crate) fn describes() -> bool {
    true
}

//! How the application of these tests reaches its server: directly.

use sqlx::postgres::PgConnectOptions;
use tenancy_sqlx::Pooler;

/// What the connections go through.
pub(crate) fn pooler() -> Pooler {
    Pooler::None
}

/// The application's way to the server of `direct`.
pub(crate) async fn through(direct: PgConnectOptions) -> PgConnectOptions {
    direct
}

/// How many transactions can be open at the same time, if that is limited.
pub(crate) fn at_once() -> Option<u32> {
    None
}

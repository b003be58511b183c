//! How the application of these tests reaches its server: through one PgBouncer per process.

use std::sync::OnceLock;

use sqlx::postgres::PgConnectOptions;
use tenancy_sqlx::Pooler;

use crate::bouncer::{Bouncer, Kind, program};

/// Which PgBouncer the tests of this process go through, as `SESSIONS` or `SESSIONS+statements`.
pub(crate) const CHOICE: &str = "TENANCY_TEST_POOLER";

/// The PgBouncer of the tests that are those of the direct way.
pub(crate) fn kind() -> Kind {
    let choice = std::env::var(CHOICE).unwrap_or_default();
    let (sessions, statements) = match choice.split_once('+') {
        Some((sessions, "statements")) => (sessions, Pooler::TransactionWithStatements),
        Some(_) => panic!("{CHOICE}={choice} is none: write 1, 4, 1+statements or 4+statements"),
        None => (choice.as_str(), Pooler::Transaction),
    };
    Kind {
        sessions: match sessions {
            "" => 1,
            number => number.parse().unwrap(),
        },
        pooler: statements,
    }
}

/// What the connections go through.
pub(crate) fn pooler() -> Pooler {
    if program().is_some() {
        kind().pooler
    } else {
        Pooler::None
    }
}

/// The application's way to the server of `direct`.
pub(crate) fn through(direct: PgConnectOptions) -> PgConnectOptions {
    static BOUNCER: OnceLock<Option<Bouncer>> = OnceLock::new();
    let bouncer = BOUNCER.get_or_init(|| program().map(|_| Bouncer::start(kind(), &direct)));
    match bouncer {
        Some(bouncer) => bouncer.options(&direct),
        None => direct,
    }
}

/// Whether a test is left out because fewer transactions than it needs can be open at a time.
pub(crate) fn lacks_sessions(wanted: u32) -> bool {
    program().is_some() && kind().sessions < wanted
}

/// Whether a test is left out for this reason, which it prints.
pub(crate) fn leaves_out(because: &str) -> bool {
    eprintln!("left out: {because}");
    true
}

/// What the figures of this way are called.
pub(crate) const NAME: &str = "through PgBouncer";

/// Whether a statement can be described; the driver names it in SQL, which some poolers do not see.
pub(crate) fn describes() -> bool {
    pooler() != Pooler::TransactionWithStatements
}

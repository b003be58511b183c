//! What the application's own connection says that is not as it should be.

use super::probe::{Pooling, Probe};
use super::{Code, Finding, Severity};
use crate::login::{OLDEST_SERVER, limit_login};
use crate::search_path;

/// The findings of a connection that was made as the application makes them.
pub(super) fn findings(probe: &Probe, pooling: Pooling) -> Vec<Finding> {
    let (login, database) = (&probe.quoted.0, &probe.quoted.1);
    let mut found = Vec::new();
    if probe.version < OLDEST_SERVER {
        let message = format!(
            "the server is PostgreSQL {}: use PostgreSQL 15 or newer",
            probe.version_name
        );
        found.push(Finding::new(Code::ServerTooOld, "server", message));
    }
    let [of_login, current] = &probe.path;
    if !search_path::is_empty(of_login) {
        let message = format!(
            "the application's login {login} looks for unqualified names in {of_login:?}: a \
             statement that forgets its tenant finds somebody's rows instead of an error"
        );
        found.push(
            Finding::new(Code::LoginPathNotEmpty, login, message)
                .sql(search_path::empty_login_path(login, database)),
        );
    }
    if probe.strings != "on" {
        let message = format!(
            "the application's login {login} reads backslashes in strings as escapes, and \
             statements were checked as the standard reads them"
        );
        found.push(
            Finding::new(Code::StringsNotStandard, login, message).sql(format!(
                "ALTER ROLE {login} IN DATABASE {database} SET standard_conforming_strings = on"
            )),
        );
    }
    for (limit, value) in &probe.unlimited {
        let message = format!(
            "the application's login {login} has no {limit}: one request can keep a connection or \
             a lock for ever"
        );
        found.push(
            Finding::new(Code::LoginWithoutLimit, *limit, message)
                .sql(limit_login(login, database, limit, value)),
        );
    }
    let path_is_left = search_path::is_empty(of_login) && !search_path::is_empty(current);
    left(&mut found, probe, path_is_left);
    pooled(&mut found, pooling);
    found
}

/// What a new connection has of somebody else's session.
fn left(found: &mut Vec<Finding>, probe: &Probe, path_is_left: bool) {
    let [settings, statements] = &probe.left;
    if let Some(settings) = settings {
        let message = format!(
            "a new connection of the application has settings that another client of its pooler \
             left behind ({settings}): that client must use SET LOCAL, or connect directly"
        );
        let mut finding = Finding::new(Code::SessionSettingsLeft, "pooler", message)
            .command("RECONNECT (in the pooler's console)");
        if path_is_left {
            finding.severity = Severity::Critical;
        }
        found.push(finding);
    }
    if let Some(statements) = statements {
        let message = format!(
            "a new connection of the application has prepared statements of another client of its \
             pooler ({statements}): named statements of two clients will meet. Let the pooler keep \
             track of them (PgBouncer 1.21 and max_prepared_statements), or let the application \
             keep none (statement_cache_capacity(0))"
        );
        found.push(
            Finding::new(Code::StatementsLeft, "pooler", message)
                .command("RECONNECT (in the pooler's console)"),
        );
    }
}

fn pooled(found: &mut Vec<Finding>, pooling: Pooling) {
    let (code, message) = match pooling {
        Pooling::None => return,
        Pooling::Session => (
            Code::SessionPooling,
            "the application's connections were used by others before: there is a pooler in \
             between, in session mode or with connections to spare",
        ),
        Pooling::Transaction => (
            Code::TransactionPooling,
            "the application's connections are those of a transaction pooler: the framework \
             changes no session state and works there; code of your own must not use SET, \
             session locks or LISTEN. Whether the pooler keeps track of prepared statements \
             cannot be seen from here",
        ),
    };
    found.push(Finding::new(code, "pooler", message));
}

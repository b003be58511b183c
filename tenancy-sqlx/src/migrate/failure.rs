//! Why a turn of the runner was given up.

use super::migration::Migration;
use super::report::{MigrationFailure, Position};
use super::script;
use crate::error::{Error, ErrorKind, kind_of};

/// Why a turn was given up.
#[derive(Debug)]
pub(crate) struct Failure {
    version: Option<i64>,
    file: Option<String>,
    position: Option<Position>,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Server(sqlx::Error),
    Ours(Error),
}

impl Failure {
    pub(crate) fn of(error: Error) -> Self {
        Self {
            version: None,
            file: None,
            position: None,
            cause: Cause::Ours(error),
        }
    }

    pub(super) fn other(message: &'static str) -> Self {
        Self::of(Error::new(ErrorKind::SchemaMismatch, message))
    }

    /// Somebody takes the run back.
    pub(super) fn ended() -> Self {
        Self::of(Error::new(
            ErrorKind::Conflict,
            "the run was ended by an undo of it: run again what is still wanted",
        ))
    }

    /// What the server said, about `migration` and a place in it if they are known.
    pub(super) fn server(
        error: sqlx::Error,
        migration: Option<&Migration>,
        position: Option<Position>,
    ) -> Self {
        Self {
            version: migration.map(Migration::version),
            file: migration.map(Migration::file_name),
            position,
            cause: Cause::Server(error),
        }
    }

    /// What the server said about a statement of `migration` that begins at the byte `start` and
    /// was sent by itself.
    pub(super) fn in_statement(error: sqlx::Error, migration: &Migration, start: usize) -> Self {
        let offset = script::position(&error);
        let sql = migration.sql();
        let position =
            offset.map(|offset| script::place(sql, sql[..start].chars().count() + offset));
        Self::server(error, Some(migration), position)
    }

    pub(super) fn migration(migration: Option<&Migration>, message: String) -> Self {
        Self {
            version: migration.map(Migration::version),
            file: migration.map(Migration::file_name),
            ..Self::of(Error::new(ErrorKind::SchemaMismatch, message))
        }
    }

    /// The SQLSTATE, when the server said one.
    pub(super) fn sqlstate(&self) -> Option<String> {
        let Cause::Server(error) = &self.cause else {
            return None;
        };
        Some(error.as_database_error()?.code()?.into_owned())
    }

    /// Whether somebody else held a lock, or there was no room for one, so that trying again
    /// makes sense.
    pub(crate) fn is_contention(&self) -> bool {
        self.sqlstate()
            .is_some_and(|code| matches!(&*code, "55P03" | "40P01" | "40001" | "53200"))
    }

    /// The failure as the connection's own, when nothing can follow on it.
    pub(super) fn lost_connection(&self) -> Option<Error> {
        let Cause::Server(error) = &self.cause else {
            return None;
        };
        error
            .as_database_error()
            .is_none()
            .then(|| Error::new(ErrorKind::Unavailable, error.to_string()))
    }

    /// The failure as a report carries it.
    pub(crate) fn report(&self) -> MigrationFailure {
        MigrationFailure {
            version: self.version,
            file: self.file.clone(),
            sqlstate: self.sqlstate(),
            message: match &self.cause {
                Cause::Server(error) => match error.as_database_error() {
                    Some(database) => database.message().to_owned(),
                    None => error.to_string(),
                },
                Cause::Ours(error) => error.to_string(),
            },
            position: self.position,
        }
    }

    /// The failure as an error; what the server said about a statement that is no migration's,
    /// `explain` explains.
    pub(crate) fn explained_by(self, explain: impl FnOnce(sqlx::Error) -> Error) -> Error {
        match self.cause {
            Cause::Server(error) if self.file.is_none() && error.as_database_error().is_some() => {
                explain(error)
            }
            cause => Self { cause, ..self }.into_error(),
        }
    }

    /// The failure as an error that names the file and the place.
    pub(crate) fn into_error(self) -> Error {
        let message = self.report().to_string();
        match self.cause {
            Cause::Ours(error) => Error::new(error.kind(), message).with_source(error),
            Cause::Server(error) => {
                let kind = match error.as_database_error() {
                    // A migration that breaks a constraint is no conflict of the caller's.
                    Some(_) => match kind_of(&error) {
                        ErrorKind::Conflict => ErrorKind::Constraint,
                        kind => kind,
                    },
                    None => ErrorKind::Unavailable,
                };
                Error::new(kind, message).with_source(error)
            }
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::server(error, None, None)
    }
}

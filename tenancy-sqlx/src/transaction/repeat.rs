//! A transaction as a closure that may be run again.

use tenancy_core::sabotaged;

use super::lease::{Home, Lease};
use super::level::Level;
use crate::error::{Error, ErrorKind};

/// How often a transaction is run before its conflict with others is the caller's to handle.
const ATTEMPTS: u32 = 5;

/// A transaction that consists of a [`Level`] and what it may do there.
pub(crate) trait Whole: Send + Sized {
    fn level(&self) -> &Level<'static>;
    fn into_level(self) -> Level<'static>;
}

/// Runs `work` in transactions that `open` gives, until one is committed or fails for good.
///
/// It is run again only when the server says that another transaction was in the way, or that a
/// table changed under a prepared statement.
pub(crate) async fn repeat<W, T, E, O, F>(
    mut open: impl FnMut() -> O,
    mut work: impl FnMut(Lease<W>) -> F,
) -> Result<T, E>
where
    W: Whole,
    E: From<Error>,
    O: Future<Output = Result<W, Error>>,
    F: Future<Output = Result<T, E>>,
{
    let mut attempt = 1;
    loop {
        let (lease, home) = Home::lend(open().await?);
        let done = work(lease).await;
        let Some(whole) = home.take() else {
            done?;
            return Err(kept().into());
        };
        let again = whole.level().is_repeatable();
        let ended = match done {
            Ok(value) => match whole.into_level().commit().await {
                Ok(()) => return Ok(value),
                Err(error) if attempt < ATTEMPTS && may_repeat(&error, again) => Ok(()),
                Err(error) => Err(error.into()),
            },
            Err(error) => {
                whole.into_level().give_up().await;
                if attempt < ATTEMPTS && again {
                    Ok(())
                } else {
                    Err(error)
                }
            }
        };
        ended?;
        tracing::debug!(target: "tenancy.sql", attempt, "a transaction is run again");
        attempt += 1;
    }
}

/// Whether a commit that failed like this may be tried with the whole transaction again: only when
/// it is known that nothing took effect.
fn may_repeat(error: &Error, again: bool) -> bool {
    match error.kind() {
        ErrorKind::Serialization => true,
        ErrorKind::TransactionAborted => again,
        _ => sabotaged!("transaction.unknown-commit-repeated"),
    }
}

/// What is said when work ends without giving its transaction back.
pub(crate) fn kept() -> Error {
    Error::new(
        ErrorKind::TransactionAborted,
        "the transaction is still in use when its work has ended, so it is not committed: do not \
         give it to another task",
    )
}

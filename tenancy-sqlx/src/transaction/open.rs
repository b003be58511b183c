//! What every kind of transaction has: its connection, its health and its savepoints.

use std::fmt;
use std::sync::Arc;

use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Either, Executor};
use tenancy_core::{TenantContext, sabotaged};

use super::fault::Fault;
use super::proof::Proof;
use super::scoped::Scope;
use crate::database::Database;
use crate::error::{Error, ErrorKind, kind_of};
use crate::guard::{Guard, is_stale};
use crate::query::{Prepared, Run};
use crate::session::Cleaning;
use crate::source::Source;

/// Commits only what is a healthy transaction.
///
/// A COMMIT of a transaction that failed answers politely with a rollback, and one without a
/// transaction does nothing. A savepoint can be made in a healthy transaction alone, so the server
/// refuses the whole message in both cases.
const PROVE_AND_COMMIT: &str = "SAVEPOINT tenancy_commit; COMMIT";

/// How a transaction begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// For qualified statements: nothing but a transaction.
    Write,
    /// The same, held to reading by the server.
    Read,
    /// For SQL of others: unqualified names resolve in the tenant's schema.
    Scoped(Scope),
}

/// A transaction, from before its first message until after its last.
pub(crate) struct Open {
    database: Database,
    tenant: Option<TenantContext>,
    opening: Opening,
    /// `None` until the first message.
    guard: Option<Guard>,
    /// What was proved when a scoped transaction began.
    scope: Option<Proof>,
    health: Health,
    /// How many savepoints are open.
    levels: u32,
    /// The outermost savepoint that was left without an end.
    left: Option<u32>,
    repeatable: bool,
    /// Whether something may be left in the session.
    soiled: bool,
    /// What was done that a commit would keep.
    kept: Kept,
    /// How many jobs are part of it.
    #[cfg(feature = "jobs")]
    enqueued: u32,
}

/// What a commit would keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kept {
    Nothing,
    Rows,
    /// Something that others are to be told, and perhaps rows.
    Messages,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// Every statement so far was answered with success.
    Healthy,
    /// A statement is on its way; seen from outside, one that was dropped halfway or whose
    /// answers the driver lost count of.
    CutOff,
    /// A statement failed.
    Failed,
}

impl Open {
    /// Prepares a transaction; nothing is sent before it is needed.
    pub(crate) fn new(source: Source<'_>, opening: Opening) -> Self {
        Self {
            database: source.database.clone(),
            tenant: source.tenant.cloned(),
            opening,
            guard: None,
            scope: None,
            health: Health::Healthy,
            levels: 0,
            left: None,
            repeatable: false,
            soiled: false,
            kept: Kept::Nothing,
            #[cfg(feature = "jobs")]
            enqueued: 0,
        }
    }

    /// Sends the first message now.
    pub(crate) async fn begun(mut self) -> Result<Self, Error> {
        match self.begin().await {
            Ok(()) => Ok(self),
            Err(fault) => Err(self.named(fault.into())),
        }
    }

    /// Notes a savepoint that is left without an end; the next statement undoes it first.
    pub(super) fn leave(&mut self, level: u32) {
        if sabotaged!("transaction.savepoint-left") {
            return;
        }
        let outermost = self.left.map_or(level, |left| left.min(level));
        self.left = Some(outermost);
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source {
            database: &self.database,
            tenant: self.tenant.as_ref(),
        }
    }

    pub(crate) fn tenant(&self) -> Option<&TenantContext> {
        self.tenant.as_ref()
    }

    /// Notes that something is done that a commit would keep.
    pub(crate) fn writes(&mut self) {
        self.kept = self.kept.max(Kept::Rows);
    }

    /// Notes that something is in the outbox when this is committed.
    pub(super) fn appends(&mut self) {
        self.kept = Kept::Messages;
    }

    /// Tells whoever tells messages to look for one.
    pub(super) fn tell_appended(&self) {
        if self.kept == Kept::Messages && !sabotaged!("outbox.commit-untold") {
            self.database.tell_appended();
        }
    }

    /// Notes that a commit makes work for whoever does jobs.
    #[cfg(feature = "jobs")]
    pub(super) fn enqueues(&mut self) {
        self.writes();
        self.enqueued = self.enqueued.saturating_add(1);
    }

    /// Wakes those who do jobs in this process, now that they can see them.
    #[cfg(feature = "jobs")]
    pub(super) fn ring(&self) {
        if self.enqueued > 0 {
            self.database.bell().ring();
        }
    }

    /// Whether a healthy transaction holds something that a commit would keep.
    pub(super) fn has_written(&self) -> bool {
        self.kept > Kept::Nothing && self.health == Health::Healthy && self.guard.is_some()
    }

    /// Whether what failed last may succeed when the whole transaction is run again.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    /// Whether the connection was cut off.
    pub(crate) fn is_lost(&self) -> bool {
        self.guard.as_ref().is_some_and(Guard::is_lost)
    }

    /// Whether answers of a statement may still be on their way.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.health == Health::CutOff
    }

    /// Runs one statement; if this future is dropped, the transaction stays cut off.
    pub(crate) async fn run<R>(&mut self, prepared: Prepared, run: Run<R>) -> Result<R, Fault> {
        if prepared.calls {
            self.soils();
        }
        let done = run(self.start().await?, prepared).await;
        self.end(done)
    }

    /// The connection for one statement; the transaction stays cut off until [`Open::end`].
    pub(crate) async fn start(&mut self) -> Result<&mut PgConnection, Fault> {
        self.check()?;
        self.begin().await?;
        self.undo_left().await?;
        self.health = Health::CutOff;
        Ok(self.connection())
    }

    /// A function will run that may leave something in the session.
    pub(crate) fn soils(&mut self) {
        self.soiled = true;
    }

    /// The connection for one copy, in the place of [`Open::start`].
    pub(super) async fn start_copy(&mut self) -> Result<&mut PgConnection, Fault> {
        self.start().await?;
        Ok(self.guard().begin_copy())
    }

    /// Everything about a copy has been answered, with success or not.
    pub(super) fn copied(&mut self) {
        if let Some(guard) = &mut self.guard {
            guard.copied();
        }
    }

    /// Forgets what describing a statement has prepared, where names do not outlive a transaction.
    pub(super) async fn forget_names(&mut self) -> Result<(), Fault> {
        if !self.database.reset().forgets_names() {
            return Ok(());
        }
        let connection = self.start().await?;
        let done = sqlx::Connection::clear_cached_statements(connection).await;
        self.end(done)
    }

    /// Learns how the statement ended that [`Open::start`] was for.
    pub(crate) fn end<R>(&mut self, done: Result<R, sqlx::Error>) -> Result<R, Fault> {
        match done {
            Ok(done) => {
                self.health = Health::Healthy;
                Ok(done)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Learns that the statement failed in a way after which answers may still be on their way.
    pub(super) fn lost(&mut self, error: sqlx::Error) -> Fault {
        let fault = self.failed(error);
        self.health = Health::CutOff;
        self.repeatable = false;
        fault
    }

    /// Learns that a statement failed for a reason of the caller's own, which says nothing of the
    /// connection.
    pub(super) fn abandoned(&mut self, error: sqlx::Error) -> Fault {
        self.health = Health::Failed;
        self.repeatable = false;
        Fault::Driver(error)
    }

    fn failed(&mut self, error: sqlx::Error) -> Fault {
        self.health = Health::Failed;
        if let Some(guard) = &mut self.guard {
            guard.failed(&error);
            let stale = is_stale(&error);
            if stale {
                self.database.renew_texts();
            }
            self.repeatable = stale || kind_of(&error) == ErrorKind::Serialization;
        }
        Fault::Driver(error)
    }

    fn connection(&mut self) -> &mut PgConnection {
        self.guard().begin_work()
    }

    fn guard(&mut self) -> &mut Guard {
        let guard = self.guard.as_mut();
        guard.expect("a transaction that has begun has a connection")
    }

    async fn begin(&mut self) -> Result<(), Fault> {
        if self.guard.is_some() {
            return Ok(());
        }
        let begun = self.open().await;
        if begun.is_err() && self.guard.as_ref().is_some_and(Guard::is_lost) {
            // The connection was cut off before anything was done on it.
            self.guard = None;
            self.database.count_retry();
            return self.open().await;
        }
        begun
    }

    async fn open(&mut self) -> Result<(), Fault> {
        // Dropped while it waits for a connection, the first statement would be missing.
        self.health = Health::CutOff;
        match self.source().checkout().await {
            Ok(guard) => self.guard = Some(guard),
            Err(error) => {
                self.health = Health::Failed;
                return Err(error.into());
            }
        }
        let begun = match (self.opening, &self.tenant) {
            (Opening::Scoped(scope), Some(tenant)) => {
                let tenant = tenant.clone();
                self.begin_scoped(&tenant, scope).await
            }
            (Opening::Read, _) => self.send("BEGIN READ ONLY").await,
            _ => self.send("BEGIN").await,
        };
        match begun {
            Ok(()) => {
                self.health = Health::Healthy;
                Ok(())
            }
            Err(Fault::Driver(error)) => Err(self.failed(error)),
            Err(fault) => {
                self.health = Health::Failed;
                Err(fault)
            }
        }
    }

    /// One message that opens, scopes and proves that the scope is the tenant's.
    async fn begin_scoped(&mut self, tenant: &TenantContext, scope: Scope) -> Result<(), Fault> {
        let row = match self.ask(Proof::opening(tenant, scope)).await {
            Err(Fault::Driver(error)) => return Err(Proof::refused(tenant, scope, error)),
            answer => answer?,
        };
        self.scope = Some(Proof::of(tenant, scope, &row)?);
        Ok(())
    }

    async fn send(&mut self, message: &'static str) -> Result<(), Fault> {
        sqlx::raw_sql(message).execute(self.connection()).await?;
        Ok(())
    }

    async fn ask(&mut self, message: String) -> Result<PgRow, Fault> {
        let question = sqlx::raw_sql(AssertSqlSafe(message));
        Ok(question.fetch_one(self.connection()).await?)
    }

    fn check(&self) -> Result<(), Error> {
        let fault = match self.health {
            Health::Healthy => return Ok(()),
            Health::CutOff if sabotaged!("transaction.cut-off-usable") => return Ok(()),
            Health::CutOff => "the answer of a statement of it was lost",
            Health::Failed => "a statement of it failed",
        };
        // Rolling back to a savepoint heals a failure; it does not bring back lost answers.
        if self.health == Health::Failed && self.left.is_some() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::TransactionAborted,
            format!(
                "the transaction cannot go on because {fault}: run it again from its beginning"
            ),
        ))
    }

    /// Undoes the savepoints that were left without an end.
    async fn undo_left(&mut self) -> Result<(), Fault> {
        match self.left {
            Some(level) => self.undo(level).await,
            None => Ok(()),
        }
    }

    /// Rolls back to a savepoint and forgets it, with all within.
    ///
    /// That heals a failure; it does not bring back the answer of a statement that was cut off.
    pub(super) async fn undo(&mut self, level: u32) -> Result<(), Fault> {
        if self.health == Health::CutOff {
            self.check()?;
        }
        self.left = None;
        self.health = Health::CutOff;
        self.step(format!(
            "ROLLBACK TO SAVEPOINT tenancy_{level}; RELEASE SAVEPOINT tenancy_{level}"
        ))
        .await?;
        self.levels = level - 1;
        self.repeatable = false;
        Ok(())
    }

    /// Makes a savepoint and gives its level.
    pub(super) async fn save(&mut self) -> Result<u32, Fault> {
        self.start().await?;
        let level = self.levels + 1;
        self.step(format!("SAVEPOINT tenancy_{level}")).await?;
        self.levels = level;
        Ok(level)
    }

    /// Keeps what was done since a savepoint, and forgets the savepoint.
    pub(super) async fn release(&mut self, level: u32) -> Result<(), Fault> {
        self.start().await?;
        self.step(format!("RELEASE SAVEPOINT tenancy_{level}"))
            .await?;
        self.levels = level - 1;
        Ok(())
    }

    /// Runs a message of our own within the transaction, which counts as cut off until it ends.
    async fn step(&mut self, message: String) -> Result<(), Fault> {
        let message = sqlx::raw_sql(AssertSqlSafe(message));
        let done = self.connection().execute(message).await;
        self.end(done).map(drop)
    }

    pub(super) async fn commit(&mut self) -> Result<(), Error> {
        if self.guard.is_none() && self.health == Health::Healthy {
            return Ok(());
        }
        if let Err(fault) = self.start().await {
            return Err(self.named(fault.into()));
        }
        match &self.scope {
            Some(proof) => {
                let ending = proof.commit();
                self.finish_clean(&ending, Proof::COMMITTED).await
            }
            None if self.soils_for_others() => {
                // What is checked at the end is checked before it, while the session is still this one's.
                let ending = format!("SET CONSTRAINTS ALL IMMEDIATE; {PROVE_AND_COMMIT}");
                self.finish_clean(&ending, PROVED_AND_COMMITTED).await
            }
            None if sabotaged!("transaction.commit-unproved") => self.finish("COMMIT").await,
            None => self.finish(PROVE_AND_COMMIT).await,
        }
    }

    pub(super) async fn rollback(&mut self) -> Result<(), Error> {
        let Some(guard) = &mut self.guard else {
            return Ok(());
        };
        if self.health == Health::CutOff {
            // Answers of the statement that was cut off are still to come.
            let restored = guard.restore().await;
            return restored.map_err(|error| self.named(error));
        }
        if matches!(self.opening, Opening::Scoped(_)) || self.soils_for_others() {
            return self.finish_clean("ROLLBACK", ROLLED_BACK).await;
        }
        self.finish("ROLLBACK").await
    }

    /// Sends the one message that ends the transaction.
    async fn finish(&mut self, end: &'static str) -> Result<(), Error> {
        match self.send(end).await {
            Ok(()) => {
                self.finished();
                Ok(())
            }
            Err(Fault::Driver(error)) => {
                let fault = self.failed(error);
                Err(self.named(fault.into()))
            }
            Err(fault) => Err(self.named(fault.into())),
        }
    }

    /// Ends the transaction by `ending` and cleans the session in the same message; after `end`
    /// statements what was asked for has happened.
    async fn finish_clean(&mut self, ending: &str, end: usize) -> Result<(), Error> {
        let reset = Arc::clone(self.database.reset());
        let cleaning = Cleaning::new(&reset);
        let message = format!("{ending}; {}", cleaning.statements());
        let mut rows = Vec::new();
        let mut done = 0;
        let ended = {
            let mut answers = self
                .connection()
                .fetch_many(sqlx::raw_sql(AssertSqlSafe(message)));
            loop {
                match answers.try_next().await {
                    Ok(Some(Either::Left(_))) => done += 1,
                    Ok(Some(Either::Right(row))) => rows.push(row),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            }
        };
        match ended.and_then(|()| cleaning.is_as_new(&rows)) {
            Ok(()) => {
                self.soiled = false;
                self.finished();
                Ok(())
            }
            // What was asked for has happened; only the session is not fit for another.
            Err(error) if done >= end => {
                self.close_unclean(&error);
                Ok(())
            }
            Err(error) if end == Proof::COMMITTED && Proof::is_lacking(done, &error) => {
                self.failed(error);
                Err(self.named(Error::new(
                    ErrorKind::TransactionAborted,
                    "the transaction's path, schema or role was changed inside it, so nothing was \
                     committed: leave them to the library",
                )))
            }
            Err(error) => {
                let fault = self.failed(error);
                Err(self.named(fault.into()))
            }
        }
    }

    /// Whether something may be left in a session that is lent to others as soon as the transaction
    /// ends: then it is cleaned in the message that ends it, not in the background.
    fn soils_for_others(&self) -> bool {
        self.soiled && self.database.pooler().shares_sessions()
    }

    fn close_unclean(&mut self, error: &sqlx::Error) {
        tracing::warn!(target: "tenancy.sql", %error, "a connection is closed instead of reused");
        if let Some(guard) = &mut self.guard {
            guard.broken();
        }
    }

    fn finished(&mut self) {
        self.health = Health::Healthy;
        if let Some(guard) = &mut self.guard {
            if self.soiled {
                guard.soiled();
            }
            guard.finished();
        }
    }

    pub(crate) fn named(&self, error: Error) -> Error {
        self.source().named(error)
    }
}

/// How many statements of a commit have ended when it has taken effect.
const PROVED_AND_COMMITTED: usize = 3;

/// How many statements of a rollback have ended when it has taken effect.
const ROLLED_BACK: usize = 1;

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open")
            .field("of", &format_args!("{}", self.source()))
            .field("health", &self.health)
            .field("savepoints", &self.levels)
            .finish_non_exhaustive()
    }
}

//! The outbox of one database, as a feed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::types::Json;
use sqlx::{Arguments, AssertSqlSafe, Executor, Row, SqlSafeStr};
use tenancy_core::TenantId;
use tenancy_core::outbox::{Backlog, Claim, Feed, Fence, Hold, Lease, Message, Next};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::statements;
use crate::database::Database;
use crate::error::{Error, ErrorKind};
use crate::migrate::ledger::explain;
use crate::query::{Prepared, Run, single, values};
use crate::source::Source;

/// The messages of all tenants of a database, which [`append`](crate::TenantTx::append) left there.
///
/// However many tenants and messages there are, who has something to tell is one statement that
/// touches one message of each tenant, up to some hundreds that may be leased; the next statement
/// goes on behind those, so each tenant has its turn. Statements go one at a time, so telling takes
/// one connection of the application's at most, beside those that consumers take themselves; none of
/// them keeps anything in its session, so transaction poolers may be in between.
///
/// A message belongs to one consumer, because it is removed once it is told: what two are to be
/// told is appended twice, under two topics. Messages are not part of a tenant's export or clone,
/// and a purge removes them.
///
/// ```no_run
/// use std::sync::Arc;
/// # use tenancy_core::outbox::Consumer;
/// use tenancy_sqlx::{Database, OutboxWorker, PgOutbox, PgTenantStore};
///
/// # async fn example(database: &Database, search: Arc<dyn Consumer>) {
/// let feed = Arc::new(PgOutbox::new(database));
/// let worker = OutboxWorker::new(feed, PgTenantStore::new(database)).consumer(search);
/// worker.run(async { /* until the program is to stop */ }).await;
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PgOutbox {
    database: Database,
    first_pause: Duration,
    longest_pause: Duration,
    /// Requests come first: however much there is to tell, it takes one connection.
    turn: Arc<Semaphore>,
    /// Behind which tenant each consumer's next claim begins, where many have messages.
    places: Arc<Mutex<HashMap<String, Uuid>>>,
}

/// How many messages and tenants are counted; a backlog of more is a large one.
const COUNTED: i64 = 10_000;

/// How often a claim is repeated when others took everything that it found.
const REPEATS: usize = 3;

/// How much of a reason is kept.
const REASON: usize = 1_000;

impl PgOutbox {
    /// Reads through the application's own connections.
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_mins(5),
            turn: Arc::new(Semaphore::new(1)),
            places: Arc::default(),
        }
    }

    /// How long a tenant is left alone after its first failure; it doubles with each failure in a
    /// row, up to `longest`. A second and five minutes by default.
    #[must_use]
    pub fn pauses(mut self, first: Duration, longest: Duration) -> Self {
        self.first_pause = first;
        self.longest_pause = longest;
        self
    }

    /// Claims some behind the place where the last claim ended, or from the beginning.
    async fn claim_once(&self, claim: &Claim<'_>, most: i64) -> Result<Claimed, Error> {
        let place = self.places().get(claim.consumer).copied();
        let values = values(|to| {
            to.add(claim.topics)?;
            to.add(claim.consumer)?;
            to.add(claim.span.as_secs_f64())?;
            to.add(most)?;
            to.add(place.unwrap_or_default())
        })?;
        let question = self.prepared(statements::claim(), values);
        let rows = self.rows(planned_anew(question)).await?;
        let mut claimed = Claimed {
            others: place.is_some(),
            ..Claimed::default()
        };
        let next = match rows.first() {
            Some(row) => row.try_get::<Option<Uuid>, _>("next")?,
            None => None,
        };
        match next {
            Some(next) => self.places().insert(claim.consumer.to_owned(), next),
            None => self.places().remove(claim.consumer),
        };
        for row in &rows {
            match row.try_get::<Option<i64>, _>("fence")? {
                Some(fence) => {
                    let tenant = TenantId::from_uuid(row.try_get("tenant_id")?);
                    claimed.leases.push(lease(claim, tenant, fence)?);
                }
                None => claimed.missed = true,
            }
        }
        // As they were drawn, which is who waited longest.
        claimed.leases.sort_by_key(Lease::fence);
        Ok(claimed)
    }

    fn places(&self) -> MutexGuard<'_, HashMap<String, Uuid>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn prepared(&self, sql: impl Into<String>, arguments: PgArguments) -> Prepared {
        Prepared {
            sql: AssertSqlSafe(sql.into()).into_sql_str(),
            arguments: Some(arguments),
            named: self.database.pooler().keeps_names(),
            reads: false,
            calls: false,
        }
    }

    fn asking(&self, sql: impl Into<String>, arguments: PgArguments) -> Prepared {
        Prepared {
            reads: true,
            ..self.prepared(sql, arguments)
        }
    }

    async fn rows(&self, question: Prepared) -> Result<Vec<PgRow>, Error> {
        self.send(question, |connection, question| {
            connection.fetch_all(question)
        })
        .await
    }

    /// Runs a statement whose row says a number.
    async fn number(&self, question: Prepared) -> Result<i64, Error> {
        let row = self
            .send(question, |connection, question| {
                connection.fetch_one(question)
            })
            .await?;
        Ok(row.try_get(0)?)
    }

    async fn touched(&self, statement: Prepared) -> Result<u64, Error> {
        let done = self
            .send(statement, |connection, statement| {
                connection.execute(statement)
            })
            .await?;
        Ok(done.rows_affected())
    }

    async fn send<R>(&self, statement: Prepared, run: Run<R>) -> Result<R, Error> {
        let turn = tokio::time::timeout(self.database.patience(), self.turn.acquire());
        // Never closed, so there is always a turn to come; when the server does not answer, too late.
        let _turn = turn.await.map_err(|_| {
            Error::new(
                ErrorKind::Unavailable,
                "the outbox could not be asked in time: the server does not answer",
            )
        })?;
        let source = Source {
            database: &self.database,
            tenant: None,
        };
        let sent = single(source, statement, run).await.map_err(explain);
        sent.map_err(|error| error.while_doing("the outbox"))
    }
}

#[derive(Default)]
struct Claimed {
    leases: Vec<Lease>,
    /// Whether another program was quicker with any.
    missed: bool,
    /// Whether there may be others before the place where it began.
    others: bool,
}

#[async_trait]
impl Feed for PgOutbox {
    async fn claim(
        &self,
        claim: &Claim<'_>,
        most: usize,
    ) -> Result<Vec<Lease>, tenancy_core::Error> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut claimed = self.claim_once(claim, most).await?;
        for _ in 0..REPEATS {
            if !claimed.leases.is_empty() || !(claimed.missed || claimed.others) {
                break;
            }
            claimed = self.claim_once(claim, most).await?;
        }
        Ok(claimed.leases)
    }

    async fn claim_tenant(
        &self,
        claim: &Claim<'_>,
        tenant: TenantId,
    ) -> Result<Option<Lease>, tenancy_core::Error> {
        let values = values(|to| {
            to.add(tenant.as_uuid())?;
            to.add(claim.consumer)?;
            to.add(claim.span.as_secs_f64())
        })?;
        let rows = self
            .rows(self.prepared(statements::CLAIM_TENANT, values))
            .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let fence: i64 = row.try_get("fence").map_err(Error::from)?;
        Ok(Some(lease(claim, tenant, fence)?))
    }

    async fn messages(
        &self,
        lease: &Lease,
        topics: &[&str],
        most: usize,
    ) -> Result<Vec<Message>, tenancy_core::Error> {
        let values = values(|to| {
            to.add(topics)?;
            to.add(lease.tenant().as_uuid())?;
            to.add(i64::try_from(most).unwrap_or(i64::MAX))
        })?;
        let question = self.asking(statements::MESSAGES, values);
        let rows = self.rows(planned_anew(question)).await?;
        let messages: Result<_, sqlx::Error> = rows.iter().map(message).collect();
        Ok(messages.map_err(Error::from)?)
    }

    async fn done(&self, lease: &Lease, messages: &[Message]) -> Result<Hold, tenancy_core::Error> {
        let numbers: Vec<i64> = messages.iter().map(|message| message.seq).collect();
        let values = values(|to| {
            of(lease, to)?;
            to.add(numbers)
        })?;
        let statement = self.prepared(statements::done(), values);
        let held = self.number(planned_anew(statement)).await?;
        Ok(hold(held > 0))
    }

    async fn renew(&self, lease: &Lease, span: Duration) -> Result<Hold, tenancy_core::Error> {
        let values = values(|to| {
            of(lease, to)?;
            to.add(span.as_secs_f64())
        })?;
        let kept = self
            .touched(self.prepared(statements::RENEW, values))
            .await?;
        Ok(hold(kept > 0))
    }

    async fn release(&self, lease: Lease, next: Next) -> Result<(), tenancy_core::Error> {
        let statement = match next {
            Next::Now => {
                let values = values(|to| of(&lease, to))?;
                self.prepared(statements::RELEASE, values)
            }
            Next::AfterFailure(reason) => {
                let reason = reason.replace('\0', "");
                let values = values(|to| {
                    of(&lease, to)?;
                    to.add(reason.chars().take(REASON).collect::<String>())?;
                    to.add(self.first_pause.as_secs_f64())?;
                    to.add(self.longest_pause.as_secs_f64())
                })?;
                self.prepared(statements::pause(), values)
            }
        };
        // Where nothing is touched the lease is another's, or its tenant is purged.
        self.touched(statement).await?;
        Ok(())
    }

    async fn backlog(&self, topics: &[&str]) -> Result<Backlog, tenancy_core::Error> {
        let values = values(|to| {
            to.add(topics)?;
            to.add(COUNTED)
        })?;
        let question = self.asking(statements::backlog(), values);
        let rows = self.rows(planned_anew(question)).await?;
        let Some(row) = rows.first() else {
            return Ok(Backlog::default());
        };
        Ok(backlog(row).map_err(Error::from)?)
    }

    async fn appended(&self, seen: u64) -> u64 {
        self.database.appended(seen).await
    }
}

/// What touches messages is not kept prepared, for a plan that was made for an empty outbox is a bad
/// one for a full one.
fn planned_anew(statement: Prepared) -> Prepared {
    Prepared {
        named: false,
        ..statement
    }
}

/// The first three values of what is done with a lease.
fn of(lease: &Lease, to: &mut PgArguments) -> Result<(), sqlx::error::BoxDynError> {
    to.add(lease.tenant().as_uuid())?;
    to.add(lease.consumer())?;
    to.add(i64::try_from(lease.fence().get()).unwrap_or(i64::MAX))
}

fn lease(claim: &Claim<'_>, tenant: TenantId, fence: i64) -> Result<Lease, Error> {
    let fence = u64::try_from(fence).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("fence {fence} is below zero: reset the sequence tenancy.outbox_fence"),
        )
        .with_source(error)
    })?;
    Ok(Lease::new(claim.consumer, tenant, Fence::new(fence)))
}

fn message(row: &PgRow) -> Result<Message, sqlx::Error> {
    let (topic, key): (String, String) = (row.try_get("topic")?, row.try_get("key")?);
    let message = Message::new(row.try_get("seq")?, row.try_get("id")?, topic, key);
    let payload: Json<Value> = row.try_get("payload")?;
    Ok(message
        .payload(payload.0)
        .created_at(row.try_get("created_at")?))
}

fn backlog(row: &PgRow) -> Result<Backlog, sqlx::Error> {
    let count = |name| row.try_get::<i64, _>(name).map(i64::unsigned_abs);
    Ok(Backlog {
        messages: count("messages")?,
        tenants: count("tenants")?,
        oldest: row.try_get("oldest")?,
    })
}

fn hold(held: bool) -> Hold {
    if held { Hold::Held } else { Hold::Lost }
}

//! The framework's own tables, to which a tenant's transaction may only append.

use serde_json::Value;
use sqlx::Executor;
use sqlx::types::Json;
use sqlx::{Arguments, postgres::PgArguments};
use tenancy_core::{TenantId, sabotaged};
use uuid::Uuid;

use super::open::Open;
use super::{ScopedTx, TenantTx};
use crate::error::{Error, ErrorKind};
use crate::pooler::Pooler;
use crate::query::Prepared;
use crate::sql::Write;

/// A message to whatever follows a change: it is there exactly when the change is.
///
/// ```
/// use serde_json::json;
/// use tenancy_sqlx::OutboxEntry;
///
/// let entry = OutboxEntry::new("product.created", "42").payload(json!({ "name": "Chair" }));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxEntry {
    topic: String,
    key: String,
    payload: Value,
}

/// A line of the tenant's audit log: who did what to which thing.
///
/// ```
/// use serde_json::json;
/// use tenancy_sqlx::AuditEntry;
///
/// let entry = AuditEntry::new("user:17", "blog.deleted", "blog:42").detail(json!({ "title": "Old" }));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    actor: String,
    action: String,
    target: String,
    detail: Value,
}

/// What can be appended: an [`OutboxEntry`] or an [`AuditEntry`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// To the outbox.
    Outbox(OutboxEntry),
    /// To the audit log.
    Audit(AuditEntry),
}

impl OutboxEntry {
    /// A message about `topic`, such as `product.created`, for the thing that `key` names.
    pub fn new(topic: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            key: key.into(),
            payload: Value::Object(serde_json::Map::new()),
        }
    }

    /// Sets what the message says; an empty object otherwise.
    #[must_use]
    pub fn payload(mut self, payload: Value) -> Self {
        self.payload = payload;
        self
    }

    /// Topic, key and payload as texts.
    pub(crate) fn parts(&self) -> [String; 3] {
        let payload = self.payload.to_string();
        [self.topic.clone(), self.key.clone(), payload]
    }
}

impl AuditEntry {
    /// Says that `actor` did `action` to `target`; each is a name that the application chooses.
    pub fn new(
        actor: impl Into<String>,
        action: impl Into<String>,
        target: impl Into<String>,
    ) -> Self {
        Self {
            actor: actor.into(),
            action: action.into(),
            target: target.into(),
            detail: Value::Object(serde_json::Map::new()),
        }
    }

    /// Sets what else is to be known; an empty object otherwise.
    #[must_use]
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }
}

impl From<OutboxEntry> for Entry {
    fn from(entry: OutboxEntry) -> Self {
        Self::Outbox(entry)
    }
}

impl From<AuditEntry> for Entry {
    fn from(entry: AuditEntry) -> Self {
        Self::Audit(entry)
    }
}

impl Entry {
    /// The table's own statement. The tenant is the transaction's, never the caller's.
    fn prepare(
        &self,
        id: Uuid,
        tenant: Uuid,
        pooler: Pooler,
    ) -> Result<Prepared, sqlx::error::BoxDynError> {
        let mut arguments = PgArguments::default();
        arguments.add(id)?;
        arguments.add(tenant)?;
        let sql = match self {
            Self::Outbox(entry) => {
                arguments.add(&entry.topic)?;
                arguments.add(&entry.key)?;
                arguments.add(Json(&entry.payload))?;
                "INSERT INTO tenancy.outbox (id, tenant_id, topic, key, payload) \
                 VALUES ($1, $2, $3, $4, $5)"
            }
            Self::Audit(entry) => {
                arguments.add(&entry.actor)?;
                arguments.add(&entry.action)?;
                arguments.add(&entry.target)?;
                arguments.add(Json(&entry.detail))?;
                "INSERT INTO tenancy.audit (id, tenant_id, actor, action, target, detail) \
                 VALUES ($1, $2, $3, $4, $5, $6)"
            }
        };
        Ok(Prepared {
            sql: sqlx::SqlSafeStr::into_sql_str(sql),
            arguments: Some(arguments),
            named: pooler.keeps_names(),
            reads: false,
            calls: false,
        })
    }
}

async fn append(open: &mut Open, entry: Entry) -> Result<Uuid, Error> {
    let tenant = open
        .tenant()
        .ok_or_else(|| Error::new(ErrorKind::Internal, "only a tenant's transaction appends"))?;
    let id = Uuid::now_v7();
    let tells = matches!(entry, Entry::Outbox(_));
    let foreign = sabotaged!("statement.append-foreign").then(TenantId::generate);
    let prepared = entry
        .prepare(
            id,
            *foreign.unwrap_or(tenant.id()).as_uuid(),
            open.source().database.pooler(),
        )
        .map_err(|error| open.named(Error::from(sqlx::Error::Encode(error))))?;
    let done = open
        .run(prepared, |connection, prepared| {
            connection.execute(prepared)
        })
        .await;
    match done {
        Ok(_) => {
            if tells {
                open.appends();
            }
            Ok(id)
        }
        Err(fault) => Err(open.named(fault.into())),
    }
}

impl TenantTx<'_, Write> {
    /// Appends to the framework's outbox or audit log for this tenant, and gives the entry's id;
    /// it is there exactly when this transaction is committed.
    ///
    /// ```no_run
    /// # use tenancy_sqlx::{AuditEntry, Error, OutboxEntry, TenantTx};
    /// # async fn example(tx: &mut TenantTx<'_>) -> Result<(), Error> {
    /// tx.append(OutboxEntry::new("blog.deleted", "42")).await?;
    /// tx.append(AuditEntry::new("user:17", "blog.deleted", "blog:42")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SchemaMismatch`] when the framework's tables are older than this program
    /// (`migrate` brings them up to date), and those of [`Execute`](crate::Execute).
    pub async fn append(&mut self, entry: impl Into<Entry>) -> Result<Uuid, Error> {
        append(&mut self.level, entry.into()).await
    }
}

impl ScopedTx<'_> {
    /// Appends to the framework's outbox or audit log for this tenant, as
    /// [`TenantTx::append`] does.
    ///
    /// # Errors
    ///
    /// Those of [`TenantTx::append`].
    pub async fn append(&mut self, entry: impl Into<Entry>) -> Result<Uuid, Error> {
        append(&mut self.level, entry.into()).await
    }
}

//! What was done to each tenant, step by step: for people to read, and for whoever completes what
//! a crash cut off.
//!
//! An operation takes an [`Operation`] and writes its steps with it: [`BEGUN`] before anything
//! outside the database is touched, whatever it needs to be completed from, and [`DONE`]. A step is
//! written in the transaction of what it reports, where there is one: put [`Operation::sql`] into
//! that transaction's script.
//!
//! Whoever makes a tenant that is provisioning for a while holds [`Locks::of_life`] of it before
//! others can see its record, and until its end: a record without that lock is what a crash left.
//! A creation or an adoption is then gone on with, a copy or an import is taken back.
//!
//! [`Locks::of_life`]: super::transaction::Locks::of_life

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};
use tenancy_core::{Identifier, TenantId};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Fleet, record, transaction};
use crate::error::{Error, ErrorKind};
use crate::migrate::ledger::explain;

/// Nothing before this step changed anything.
pub(crate) const BEGUN: &str = "begun";
/// The operation is complete.
pub(crate) const DONE: &str = "done";
/// The operation ended with an error that its caller was told.
pub(crate) const FAILED: &str = "failed";
/// Something failed, and what was made is being taken back: there is no way forward from here.
pub(crate) const UNDOING: &str = "undoing";
/// Everything that the operation made was taken back.
pub(crate) const UNDONE: &str = "undone";

/// What an operation does to a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Create,
    Clone,
    Export,
    Import,
    Adopt,
    Suspend,
    Resume,
    Archive,
    Undelete,
    Maintenance,
    Rename,
    Purge,
    Repair,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::Create,
        Self::Clone,
        Self::Export,
        Self::Import,
        Self::Adopt,
        Self::Suspend,
        Self::Resume,
        Self::Archive,
        Self::Undelete,
        Self::Maintenance,
        Self::Rename,
        Self::Purge,
        Self::Repair,
    ];

    /// As the journal spells it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Clone => "clone",
            Self::Export => "export",
            Self::Import => "import",
            Self::Adopt => "adopt",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Archive => "archive",
            Self::Undelete => "undelete",
            Self::Maintenance => "maintenance",
            Self::Rename => "rename",
            Self::Purge => "purge",
            Self::Repair => "repair",
        }
    }

    /// Reads a kind; `None` for one of a newer program.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// One operation on one tenant, while it goes on.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    id: Uuid,
    tenant: TenantId,
    kind: Kind,
    program: String,
}

impl Operation {
    /// The tenant that it is about.
    pub(crate) fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The statement that writes a step with its `detail`, an object; it may stand in any script.
    pub(crate) fn sql(&self, step: &str, mut detail: Value) -> String {
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("program".to_owned(), json!(self.program));
        }
        format!(
            "INSERT INTO tenancy.journal (operation, tenant_id, kind, step, detail) \
             VALUES ('{}', '{}', '{}', {}, {}::pg_catalog.jsonb)",
            self.id,
            self.tenant,
            self.kind.as_str(),
            literal(step),
            literal(&without_nul(&detail.to_string()))
        )
    }

    /// Writes a step in the open transaction, or in one of its own.
    pub(crate) async fn enter(
        &self,
        connection: &mut PgConnection,
        step: &str,
        detail: Value,
    ) -> Result<(), Error> {
        transaction::send(connection, self.sql(step, detail)).await
    }
}

/// One step of one operation on a tenant.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JournalEntry {
    /// What all steps of one operation have in common.
    pub operation: Uuid,
    /// The tenant.
    pub tenant_id: TenantId,
    /// What was done, such as `rename`.
    pub kind: String,
    /// How far it came: `begun`, steps of its own, and `done`, `failed` or `undone`.
    pub step: String,
    /// What belongs to the step: the program, names, counts, the error.
    pub detail: Value,
    /// When the step was taken.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

impl Fleet {
    /// Lists every step of every operation on a tenant, in order; those of a purged one are kept.
    ///
    /// A slug or domain that nobody has now means the one that was purged last under it; an id
    /// finds also what was taken back before it was ever complete.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Core`] with `NotFound` when there never was such a tenant,
    /// [`ErrorKind::Configuration`] when the database was never prepared.
    pub async fn journal(&self, tenant: &Identifier) -> Result<Vec<JournalEntry>, Error> {
        let mut connection = self.open().await?;
        let entries = async {
            let id = match tenant {
                Identifier::Id(id) => *id,
                named => record(&mut connection, named).await?.id(),
            };
            let entries = of_tenant(&mut connection, id).await?;
            if entries.is_empty() {
                // Made before there was a journal, or never.
                record(&mut connection, tenant).await?;
            }
            Ok(entries)
        }
        .await;
        transaction::finish(connection, entries).await
    }

    /// Begins an operation; nothing is written yet.
    pub(crate) fn operation(&self, tenant: TenantId, kind: Kind) -> Operation {
        Operation {
            id: Uuid::now_v7(),
            tenant,
            kind,
            program: self.program().to_owned(),
        }
    }

    /// Goes on with the operation that `entry` is a step of.
    pub(crate) fn continued(&self, entry: &JournalEntry, kind: Kind) -> Operation {
        Operation {
            id: entry.operation,
            tenant: entry.tenant_id,
            kind,
            program: self.program().to_owned(),
        }
    }
}

/// Every step of a tenant's life, in order.
pub(super) async fn of_tenant(
    connection: &mut PgConnection,
    tenant: TenantId,
) -> Result<Vec<JournalEntry>, Error> {
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT operation, tenant_id, kind, step, detail::text AS detail, at \
         FROM tenancy.journal WHERE tenant_id = '{tenant}' ORDER BY seq"
    )))
    .fetch_all(connection)
    .await
    .map_err(explain)?;
    rows.iter().map(entry).collect()
}

fn entry(row: &PgRow) -> Result<JournalEntry, Error> {
    let detail = serde_json::from_str(row.try_get("detail")?).map_err(|error| {
        Error::new(ErrorKind::Internal, "the journal has no JSON in it").with_source(error)
    })?;
    Ok(JournalEntry {
        operation: row.try_get("operation")?,
        tenant_id: TenantId::from_uuid(row.try_get("tenant_id")?),
        kind: row.try_get("kind")?,
        step: row.try_get("step")?,
        detail,
        at: row.try_get("at")?,
    })
}

/// A string constant whatever the session takes a backslash for.
pub(crate) fn literal(text: &str) -> String {
    // PostgreSQL has no place for NUL.
    let text = text.replace('\0', "").replace('\\', "\\\\");
    format!("E'{}'", text.replace('\'', "''"))
}

/// The same JSON without the character NUL, which it spells `\u0000`; a backslash that is spelled
/// before such letters is not one.
fn without_nul(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        text.push_str(before);
        if let Some(after) = escape.strip_prefix("\\u0000") {
            rest = after;
            continue;
        }
        let length = escape.chars().take(2).map(char::len_utf8).sum();
        let (escape, after) = escape.split_at(length);
        text.push_str(escape);
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_it_is_spelled() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::parse("something newer"), None);
    }

    #[test]
    fn nothing_in_a_detail_ends_its_constant() {
        let operation = Operation {
            id: Uuid::nil(),
            tenant: TenantId::from_uuid(Uuid::nil()),
            kind: Kind::Rename,
            program: "it's \\".to_owned(),
        };
        let sql = operation.sql(BEGUN, json!({ "slug": "'; --\0" }));
        assert!(
            sql.contains(r#"E'{"program":"it''s \\\\","slug":"''; --"}'"#),
            "{sql}"
        );
    }

    #[test]
    fn only_nul_is_taken_out_of_a_detail() {
        for (text, kept) in [
            ("a\0b", "ab"),
            ("\\u0000", "\\u0000"),
            ("\\\0", "\\"),
            ("\"\n\u{1}ü", "\"\n\u{1}ü"),
            ("\\", "\\"),
        ] {
            let json = serde_json::to_string(text).unwrap();
            let back: String = serde_json::from_str(&without_nul(&json)).unwrap();
            assert_eq!(back, kept);
        }
    }
}

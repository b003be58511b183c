//! The words of rows: what is committed now, from where it is written.

use async_trait::async_trait;
use sqlx::FromRow;
use tenancy_core::{Error, TenantContext};
use tenancy_search::{Document, Kind, Source};
use tenancy_sqlx::{Database, Read, TenantSql, tenant_sql};
use uuid::Uuid;

use super::{BLOGS, PRODUCTS};

/// Documents of one kind, by two statements that give id, name and text.
#[derive(Debug)]
pub(super) struct Rows {
    kind: Kind,
    database: Database,
    /// Takes ids.
    by_id: &'static TenantSql<Read>,
    /// Takes the id before, and how many.
    in_order: &'static TenantSql<Read>,
}

impl Rows {
    pub(super) fn products(database: &Database) -> Self {
        Self {
            kind: PRODUCTS,
            database: database.clone(),
            by_id: tenant_sql!(
                "SELECT id, name, sku || ' ' || description AS text
                 FROM products WHERE id = ANY($1)"
            ),
            in_order: tenant_sql!(
                "SELECT id, name, sku || ' ' || description AS text
                 FROM products WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2"
            ),
        }
    }

    pub(super) fn blogs(database: &Database) -> Self {
        Self {
            kind: BLOGS,
            database: database.clone(),
            by_id: tenant_sql!(
                "SELECT id, title AS name, description AS text
                 FROM blogs WHERE published AND id = ANY($1)"
            ),
            in_order: tenant_sql!(
                "SELECT id, title AS name, description AS text
                 FROM blogs WHERE published AND ($1::uuid IS NULL OR id > $1)
                 ORDER BY id LIMIT $2"
            ),
        }
    }
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    name: String,
    text: String,
}

#[async_trait]
impl Source for Rows {
    fn kind(&self) -> Kind {
        self.kind
    }

    async fn load(&self, context: &TenantContext, ids: &[Uuid]) -> Result<Vec<Document>, Error> {
        let db = self.database.tenant(context);
        let rows = db.query_as(self.by_id).bind(ids).fetch_all().await?;
        Ok(rows.into_iter().map(document).collect())
    }

    async fn scan(
        &self,
        context: &TenantContext,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<Document>, Error> {
        let db = self.database.tenant(context);
        let rows = db
            .query_as(self.in_order)
            .bind(after)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all()
            .await?;
        Ok(rows.into_iter().map(document).collect())
    }
}

fn document(Row { id, name, text }: Row) -> Document {
    Document { id, name, text }
}

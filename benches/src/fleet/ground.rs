//! One private server, the fleet on it, and what the other sides need.

use std::num::NonZeroUsize;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;
use tenancy_core::{Domain, Slug};
use tenancy_sqlx::embedded::{Durability, EmbeddedOptions, EmbeddedPg};
use tenancy_sqlx::{Fleet, NewTenant};
use tokio::task::JoinSet;

use super::tables::{Files, INDEXES, TABLES};
use crate::plan::Failure;

/// How many at a time, where a side does several.
pub(super) const JOBS: usize = 4;

/// The server that all sides are measured on.
#[derive(Debug)]
pub struct Ground {
    pub(super) files: Files,
    pub(super) made: usize,
    server: EmbeddedPg,
    _folder: TempDir,
}

impl Ground {
    /// Starts the server and prepares the fleet's database, with no tenant in it.
    ///
    /// # Errors
    ///
    /// When there are no PostgreSQL binaries, or they do not start.
    pub async fn start(durability: Durability) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let options = EmbeddedOptions::temporary().durability(durability);
        let ground = Self {
            files: Files::new(folder.path().join("migrations"))?,
            made: 0,
            server: EmbeddedPg::start(options).await?,
            _folder: folder,
        };
        ground.fleet().await?.prepare().await?;
        super::raw::prepare(&ground).await?;
        Ok(ground)
    }

    /// Stops the server; its data goes with it.
    ///
    /// # Errors
    ///
    /// When it does not stop.
    pub async fn stop(self) -> Result<(), Failure> {
        Ok(self.server.stop().await?)
    }

    /// Which PostgreSQL it is.
    pub fn version(&self) -> &str {
        self.server.version()
    }

    /// The owner's login, in the fleet's database.
    pub(super) fn owner(&self) -> PgConnectOptions {
        self.server.owner_options()
    }

    /// The application's login, in the fleet's database.
    pub(super) fn app(&self) -> PgConnectOptions {
        self.server.app_options()
    }

    /// A connection of the owner's.
    pub(super) async fn connect(&self) -> Result<PgConnection, Failure> {
        Ok(self.owner().connect().await?)
    }

    /// Makes an empty database that the owner owns.
    pub(super) async fn database(&self, name: &str) -> Result<PgConnectOptions, Failure> {
        let owner = self.owner();
        let mut connection = self.server.superuser_options().connect().await?;
        let sql = format!("CREATE DATABASE {name} OWNER \"{}\"", owner.get_username());
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok(owner.database(name))
    }

    /// The fleet with its migrations as they are now.
    pub(super) async fn fleet(&self) -> Result<Fleet, Failure> {
        self.fleet_at(self.owner()).await
    }

    /// The same, reached another way.
    pub(super) async fn fleet_at(&self, owner: PgConnectOptions) -> Result<Fleet, Failure> {
        let login = self.app().get_username().to_owned();
        Ok(Fleet::connect(owner, Some(login), self.files.migrations()?).await?)
    }

    /// Makes tenants, several at a time, until there are `tenants`.
    ///
    /// # Errors
    ///
    /// Whatever the server answers.
    pub async fn fill(&mut self, tenants: usize) -> Result<(), Failure> {
        let fleet = self.fleet().await?;
        self.create(&fleet, tenants - self.made, JOBS).await
    }

    /// Makes `count` more tenants, `jobs` at a time.
    pub(super) async fn create(
        &mut self,
        fleet: &Fleet,
        count: usize,
        jobs: usize,
    ) -> Result<(), Failure> {
        let mut tasks = JoinSet::new();
        for number in self.made..self.made + count {
            if tasks.len() == jobs {
                tasks.join_next().await.transpose()?.transpose()?;
            }
            let fleet = fleet.clone();
            tasks.spawn(async move { create(&fleet, number).await });
        }
        while let Some(done) = tasks.join_next().await {
            done??;
        }
        self.made += count;
        Ok(())
    }

    /// Refuses figures of a fleet in which a tenant has not all its tables or ledger entries.
    pub(super) async fn verify(&self, connection: &mut PgConnection) -> Result<(), Failure> {
        verify(connection, "t_", self.made).await?;
        let entries: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM tenancy.migrations m JOIN tenancy.tenants t ON t.id = m.tenant_id
             WHERE t.status = 'active'",
        )
        .fetch_one(connection)
        .await?;
        let expected = signed(self.made) * self.files.count();
        if entries == expected {
            Ok(())
        } else {
            Err(format!("the ledger has {entries} entries, not {expected}: no figures").into())
        }
    }
}

/// The schema of a tenant; the same words for the slug, with `-`.
pub(super) fn schema(prefix: &str, number: usize) -> String {
    format!("{prefix}{number:05}")
}

/// Makes one tenant with a domain, as an application does.
pub(super) async fn create(fleet: &Fleet, number: usize) -> Result<(), Failure> {
    let slug = schema("t-", number);
    let domain = Domain::parse(&format!("{slug}.localhost"))?;
    let new = NewTenant::new(Slug::parse(&slug)?).domain(domain);
    fleet.create(new, |_| {}).await?;
    Ok(())
}

/// Refuses figures of schemas that have not all their tables and indexes.
pub(super) async fn verify(
    connection: &mut PgConnection,
    prefix: &str,
    schemas: usize,
) -> Result<(), Failure> {
    let (whole, all): (i64, i64) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE tables = $2 AND indexes = $3), count(*) FROM
           (SELECT count(*) FILTER (WHERE c.relkind = 'r') AS tables,
                   count(*) FILTER (WHERE c.relkind = 'i') AS indexes
            FROM pg_catalog.pg_namespace n
            LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid
            WHERE pg_catalog.starts_with(n.nspname, $1) GROUP BY n.oid) AS found",
    )
    .bind(prefix)
    .bind(TABLES)
    .bind(INDEXES)
    .fetch_one(connection)
    .await?;
    if (whole, all) == (signed(schemas), signed(schemas)) {
        return Ok(());
    }
    Err(format!("{whole} of {all} schemas {prefix}… are whole, not {schemas}: no figures").into())
}

/// As many tenants at a time as every side may migrate.
pub(super) fn jobs() -> NonZeroUsize {
    NonZeroUsize::new(JOBS).expect("four is not zero")
}

/// A count as PostgreSQL counts.
pub(super) fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

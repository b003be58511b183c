//! A schema with every tenant table that is no tenant's, for tools that look at tables while a
//! program is compiled.

use std::fmt::{self, Write as _};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Row};
use tenancy_core::{SchemaName, Slug, Status, TenantId};
use uuid::Uuid;

use crate::error::{Error, ErrorKind};
use crate::fleet::transaction::{self, Locks};
use crate::fleet::{Fleet, grants};
use crate::migrate::failure::Failure;
use crate::migrate::ledger::{self, Scope, Target};
use crate::migrate::script::{Script, apply};
use crate::search_path;

/// What the comment of a schema says that may be dropped and made anew.
pub(crate) const MARK: &str =
    "made by dev-schema: the tables of a tenant, of nobody; made anew at will";

/// A schema that was made by [`Fleet::dev_schema`], and how tools reach its tables.
#[derive(Clone)]
pub struct DevSchema {
    schema: SchemaName,
    versions: Vec<i64>,
    owner: PgConnectOptions,
}

impl Fleet {
    /// Makes `schema` anew with every tenant migration, so that tools see a tenant's tables by
    /// their bare names: sqlx's `query!` checks SQL of a scoped transaction against it.
    ///
    /// The database is prepared first, so the shared tables are there too. The schema is no
    /// tenant's: no record and no ledger names it, and no tenant can be created in it. Only a
    /// schema that this operation made is ever dropped, and that in the one transaction that
    /// makes its successor; a failing migration leaves the old one as it was.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] when the schema is a tenant's, is reserved, or was made by somebody
    /// else; those of [`Fleet::prepare`], and whatever a failing migration causes.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use tenancy_core::SchemaName;
    /// # async fn example(fleet: tenancy_sqlx::Fleet) -> Result<(), Box<dyn std::error::Error>> {
    /// let dev = fleet.dev_schema(&SchemaName::parse("tenancy_dev")?).await?;
    /// assert!(dev.url().ends_with("tenancy_dev,extensions,pg_temp"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn dev_schema(&self, schema: &SchemaName) -> Result<DevSchema, Error> {
        self.prepare().await?;
        let mut connection = self.open().await?;
        let made = self
            .make(&mut connection, schema)
            .await
            .map_err(|error| error.while_doing(format!("making schema {schema}")));
        transaction::finish(connection, made).await?;
        Ok(DevSchema {
            schema: schema.clone(),
            versions: self.migrations.tenant.versions(),
            owner: self.owner.clone(),
        })
    }

    async fn make(&self, connection: &mut PgConnection, schema: &SchemaName) -> Result<(), Error> {
        let locks = Locks::of_schema(schema);
        transaction::send(connection, transaction::begin(&locks)).await?;
        refuse_foreign(connection, schema).await?;

        let scope = Scope::Tenant(Target {
            id: TenantId::generate(),
            slug: Slug::parse("template-of-tables")?,
            schema: schema.clone(),
            status: Status::Provisioning,
        });
        let quoted = schema.quoted();
        let mut preamble = format!(
            "DROP SCHEMA IF EXISTS {quoted} CASCADE; CREATE SCHEMA {quoted}; \
             COMMENT ON SCHEMA {quoted} IS {}",
            ledger::literal(MARK)
        );
        if let Some(login) = &self.app_login {
            preamble.push_str("; ");
            preamble.push_str(&grants::tenant(schema, login));
        }
        let migrations: Vec<_> = self.migrations.tenant.iter().collect();
        apply(
            connection,
            &Script::new(preamble, &scope, &migrations, Uuid::now_v7()),
        )
        .await
        .map_err(Failure::into_error)?;
        // The entries let each step be verified; they are of a tenant that there is not.
        sqlx::query("DELETE FROM tenancy.migrations WHERE scope = 'tenant' AND tenant_id = $1")
            .bind(scope.tenant())
            .execute(&mut *connection)
            .await?;
        transaction::commit(connection).await
    }
}

/// Refuses a schema that is not ours to drop.
async fn refuse_foreign(connection: &mut PgConnection, schema: &SchemaName) -> Result<(), Error> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT FROM tenancy.tenants
                        WHERE schema_name = $1 AND status <> 'purged') AS tenants,
                EXISTS (SELECT FROM tenancy.reserved_names WHERE kind = 'schema' AND name = $1
                        AND until > pg_catalog.clock_timestamp()) AS reserved,
                EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1
                        AND pg_catalog.obj_description(oid, 'pg_namespace')
                            IS DISTINCT FROM $2) AS foreign_made",
    )
    .bind(schema.as_str())
    .bind(MARK)
    .fetch_one(connection)
    .await
    .map_err(ledger::explain)?;
    let conflict = |why: &str| {
        Err(Error::new(
            ErrorKind::Conflict,
            format!("schema {schema} {why}: choose another name"),
        ))
    };
    if row.try_get("tenants")? {
        return conflict("is a tenant's");
    }
    if row.try_get("reserved")? {
        return conflict("was freed a short while ago and is still reserved");
    }
    if row.try_get("foreign_made")? {
        return conflict("exists and was not made by dev-schema");
    }
    Ok(())
}

impl DevSchema {
    /// The schema.
    pub fn schema(&self) -> &SchemaName {
        &self.schema
    }

    /// The tenant migrations that it has.
    pub fn versions(&self) -> &[i64] {
        &self.versions
    }

    /// The `DATABASE_URL` for tools, with the password of the owner's login if it has one.
    ///
    /// sqlx and programs of PostgreSQL's own read it alike. It is no URL for the application:
    /// [`Database::connect`](crate::Database::connect) refuses startup options.
    pub fn url(&self) -> String {
        self.url_with(Password::Shown)
    }

    /// The same without the password, for who keeps it in a password file.
    pub fn url_without_password(&self) -> String {
        self.url_with(Password::Hidden)
    }

    fn url_with(&self, password: Password) -> String {
        // The driver writes a name as it is, so the names are put in escaped, one by one.
        let mut url = self.owner.clone().username("login").to_url_lossy();
        // Both fail only for a URL without a host, which the driver never writes.
        let _ = url.set_username(self.owner.get_username());
        if password == Password::Hidden {
            let _ = url.set_password(None);
        }
        if let Some(database) = self.owner.get_database() {
            url.set_path(&escaped(database));
        }
        // PostgreSQL's own programs refuse the driver's other settings, and the driver writes a
        // path as it shows it.
        let mut query: Vec<String> = url
            .query_pairs()
            .filter(|(name, value)| name.starts_with("ssl") && value != "prefer")
            .map(|(name, value)| {
                let value = value.strip_prefix("file: ").unwrap_or(&value);
                format!("{name}={}", escaped(value))
            })
            .collect();
        let ours = search_path::startup_options(&self.schema);
        let options = match self.owner.get_options() {
            Some(theirs) => format!("{theirs} {ours}"),
            None => ours,
        };
        query.push(format!("options={}", escaped(&options)));
        url.set_query(Some(&query.join("&")));
        url.into()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Password {
    Shown,
    Hidden,
}

impl fmt::Debug for DevSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevSchema")
            .field("schema", &self.schema)
            .field("versions", &self.versions)
            .finish_non_exhaustive()
    }
}

/// Text as it may stand anywhere in a URL. A blank is no `+`, which PostgreSQL's own programs
/// take for a plus.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.,/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dev(owner: PgConnectOptions) -> DevSchema {
        DevSchema {
            schema: SchemaName::parse("tenancy_dev").unwrap(),
            versions: vec![1],
            owner,
        }
    }

    #[test]
    fn the_url_leads_to_the_same_database_with_a_path() {
        let given = "postgres://us%40er:p%3A%2F%20w@db.example:6432/my%20shop?sslmode=verify-full\
                     &sslrootcert=/etc/ca.pem&options=-c%20geqo%3Doff";
        let dev = dev(given.parse().unwrap());
        assert_eq!(
            dev.url(),
            "postgres://us%40er:p%3A%2F%20w@db.example:6432/my%20shop?sslmode=verify-full\
             &sslrootcert=/etc/ca.pem\
             &options=-c%20geqo%3Doff%20-c%20search_path%3Dtenancy_dev,extensions,pg_temp"
        );
        let read: PgConnectOptions = dev.url().parse().unwrap();
        assert_eq!(read.get_username(), "us@er");
        assert_eq!(read.get_database(), Some("my shop"));
        assert_eq!(
            read.get_options(),
            Some("-c geqo=off -c search_path=tenancy_dev,extensions,pg_temp")
        );
    }

    #[test]
    fn a_password_stays_where_it_is_not_wanted() {
        let dev = dev("postgres://owner:secret@db.example/shop".parse().unwrap());
        assert!(dev.url().contains("owner:secret@"));
        assert!(
            dev.url_without_password()
                .contains("//owner@db.example:5432/shop?")
        );
        assert!(!format!("{dev:?}").contains("secret"));
    }

    #[test]
    fn a_socket_is_kept() {
        let owner = PgConnectOptions::new_without_pgpass()
            .socket("/tmp/pg sockets")
            .username("owner")
            .database("shop");
        let read: PgConnectOptions = dev(owner).url().parse().unwrap();
        assert_eq!(read.get_socket().unwrap().to_str(), Some("/tmp/pg sockets"));
    }
}

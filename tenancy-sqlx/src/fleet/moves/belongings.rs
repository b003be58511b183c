//! What is in a schema that is to become a tenant's, as the catalog knows it.

use sqlx::postgres::PgConnection;
use tenancy_core::SchemaName;

use crate::error::{Error, ErrorKind};

/// How many are named in a message.
const NAMED: usize = 3;

/// An object of a schema that no extension owns and that goes its own way.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct Object {
    /// As statements spell it, such as `MATERIALIZED VIEW`.
    kind: String,
    /// With its schema and quotes, as statements spell it.
    pub(super) identity: String,
    /// Without both.
    pub(super) name: String,
    owner: String,
    is_ours: bool,
}

impl Object {
    /// For people.
    pub(super) fn label(&self) -> String {
        format!("{} {}", self.kind.to_lowercase(), self.identity)
    }

    /// The statement that moves it.
    pub(super) fn to_schema(&self, schema: &SchemaName) -> String {
        let (kind, identity) = (&self.kind, &self.identity);
        format!("ALTER {kind} {identity} SET SCHEMA {}", schema.quoted())
    }

    fn to_owner(&self, owner: &str) -> String {
        let (kind, identity) = (&self.kind, &self.identity);
        format!("ALTER {kind} {identity} OWNER TO {owner};")
    }
}

/// Everything in the schema `from`, of whatever name, that an owner can be asked about; what belongs to a table, such as its
/// indexes and the sequences of its columns, comes with the table.
pub(super) async fn of(connection: &mut PgConnection, from: &str) -> Result<Vec<Object>, Error> {
    Ok(sqlx::query_as(OBJECTS)
        .bind(from)
        .fetch_all(connection)
        .await?)
}

/// Refuses what this login does not own, and says how it comes to own it.
pub(super) async fn refuse_foreign(
    connection: &mut PgConnection,
    objects: &[Object],
) -> Result<(), Error> {
    let foreign: Vec<_> = objects.iter().filter(|object| !object.is_ours).collect();
    let Some(first) = foreign.first() else {
        return Ok(());
    };
    let us: String = sqlx::query_scalar("SELECT pg_catalog.quote_ident(CURRENT_USER)")
        .fetch_one(connection)
        .await?;
    let statements: Vec<_> = foreign
        .iter()
        .take(NAMED)
        .map(|object| object.to_owner(&us))
        .collect();
    let more = match foreign.len().checked_sub(NAMED) {
        None | Some(0) => String::new(),
        Some(more) => format!(" and so on for {more} more"),
    };
    Err(Error::new(
        ErrorKind::Forbidden,
        format!(
            "{} belongs to {} and not to {us}: run `{}`{more} as its owner or a superuser",
            first.label(),
            first.owner,
            statements.join(" ")
        ),
    ))
}

/// The extensions whose objects are in the schema `from`.
pub(super) async fn extensions(
    connection: &mut PgConnection,
    from: &str,
) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar(
        "SELECT pg_catalog.quote_ident(extname) FROM pg_catalog.pg_extension e
         JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
         WHERE nspname = $1 ORDER BY extname",
    )
    .bind(from)
    .fetch_all(connection)
    .await?)
}

/// The routines of the schema `from` whose text names it: they go on looking there when they are elsewhere.
pub(super) async fn mentions(
    connection: &mut PgConnection,
    from: &str,
) -> Result<Vec<String>, Error> {
    let routines: Vec<String> = sqlx::query_scalar(
        "SELECT p.oid::pg_catalog.regprocedure::text FROM pg_catalog.pg_proc p
         JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
         WHERE nspname = $1
           AND (pg_catalog.strpos(prosrc, $1 || '.') > 0
                OR pg_catalog.strpos(prosrc, pg_catalog.quote_ident($1) || '.') > 0)
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid
                  AND d.deptype = 'e')
         ORDER BY 1",
    )
    .bind(from)
    .fetch_all(connection)
    .await?;
    Ok(routines
        .into_iter()
        .map(|routine| {
            format!("function {routine} names schema {from} in its body: write the bare name")
        })
        .collect())
}

/// The schema itself counts as an object unless it is `public`, which nobody but PostgreSQL made.
const OBJECTS: &str = "
    WITH home AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1),
    objects (classid, objid, owner, name) AS (
        SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid, n.oid, nspowner, nspname
        FROM pg_catalog.pg_namespace n JOIN home USING (oid) WHERE nspname <> 'public'
        UNION ALL
        SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, relowner, relname
        FROM pg_catalog.pg_class c JOIN home ON relnamespace = home.oid
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT EXISTS
            (SELECT FROM pg_catalog.pg_depend d
             WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
               AND relkind = 'S' AND d.deptype IN ('a', 'i')
               AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass)
        UNION ALL
        SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, typowner, typname
        FROM pg_catalog.pg_type t JOIN home ON typnamespace = home.oid
        WHERE typrelid = 0 OR EXISTS
            (SELECT FROM pg_catalog.pg_class c WHERE c.oid = typrelid AND relkind = 'c')
        UNION ALL
        SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, proowner, proname
        FROM pg_catalog.pg_proc p JOIN home ON pronamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, o.oid, oprowner, oprname
        FROM pg_catalog.pg_operator o JOIN home ON oprnamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, o.oid, opcowner, opcname
        FROM pg_catalog.pg_opclass o JOIN home ON opcnamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, o.oid, opfowner, opfname
        FROM pg_catalog.pg_opfamily o JOIN home ON opfnamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, c.oid, collowner, collname
        FROM pg_catalog.pg_collation c JOIN home ON collnamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_conversion'::pg_catalog.regclass, c.oid, conowner, conname
        FROM pg_catalog.pg_conversion c JOIN home ON connamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, s.oid, stxowner, stxname
        FROM pg_catalog.pg_statistic_ext s JOIN home ON stxnamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, c.oid, cfgowner, cfgname
        FROM pg_catalog.pg_ts_config c JOIN home ON cfgnamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, d.oid, dictowner, dictname
        FROM pg_catalog.pg_ts_dict d JOIN home ON dictnamespace = home.oid
    )
    SELECT CASE o.type WHEN 'composite type' THEN 'TYPE'
               WHEN 'statistics object' THEN 'STATISTICS' ELSE pg_catalog.upper(o.type) END AS kind,
           o.identity, objects.name::text AS name,
           pg_catalog.pg_get_userbyid(owner)::text AS owner,
           owner = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = CURRENT_USER) AS is_ours
    FROM objects, pg_catalog.pg_identify_object(classid, objid, 0) AS o
    WHERE NOT EXISTS
        (SELECT FROM pg_catalog.pg_depend d
         WHERE d.classid = objects.classid AND d.objid = objects.objid AND d.objsubid = 0
           AND (d.deptype = 'e' OR d.deptype = 'i'
                AND objects.classid <> 'pg_catalog.pg_namespace'::pg_catalog.regclass))
    ORDER BY classid, identity";

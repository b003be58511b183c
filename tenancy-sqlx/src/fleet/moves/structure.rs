//! What the rows of a schema are copied from and into: settings, needs, and proof that it stayed
//! what it was.

use sqlx::postgres::PgConnection;

use super::archive::{Schema, Shape, Table, When};
use tenancy_core::SchemaName;

use crate::error::Error;
use crate::picture::{Object, Picture};

/// Values are written and read in one form, whatever is set for a login or a database; and what a
/// policy would hide is an error.
pub(super) const PLAIN: &str = "SET LOCAL standard_conforming_strings = on; \
     SET LOCAL client_encoding = 'UTF8'; SET LOCAL datestyle = 'ISO'; \
     SET LOCAL intervalstyle = 'postgres'; SET LOCAL timezone = 'UTC'; \
     SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'; \
     SET LOCAL xmloption = 'content'; SET LOCAL row_security = off; \
     SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0";

/// How many tables one transaction copies: each is locked until its end.
pub(super) const BATCH: usize = 200;

/// The picture as an archive has it.
pub(super) fn schema(picture: &Picture) -> Schema {
    let shape = |object: &Object, when| Shape {
        kind: object.kind.to_string(),
        name: object.name.clone(),
        when,
        sql: object.sql.clone(),
        definition: object.definition.clone(),
    };
    let made = picture
        .before_rows()
        .map(|object| shape(object, When::Before));
    let made = made.chain(
        picture
            .after_rows()
            .map(|object| shape(object, When::After)),
    );
    let parts = picture.parts().map(|object| shape(object, When::Part));
    Schema {
        objects: made.chain(parts).collect(),
        tables: picture
            .tables
            .iter()
            .map(|table| Table {
                name: table.name.clone(),
                columns: table.columns.clone(),
            })
            .collect(),
        filled: picture.filled.clone(),
    }
}

impl Schema {
    /// What differs from `other`, by kind and name; the order in which things are made does not
    /// count.
    pub(super) fn differences(&self, other: &Self) -> Vec<String> {
        let all = |schema: &Self| {
            let objects = schema.objects.iter();
            let mut all: Vec<_> = objects
                .map(|one| (one.kind.clone(), one.name.clone(), one.definition.clone()))
                .collect();
            all.sort();
            all
        };
        let (ours, theirs) = (all(self), all(other));
        let missing = ours.iter().filter(|one| theirs.binary_search(one).is_err());
        let more = theirs.iter().filter(|one| ours.binary_search(one).is_err());
        let mut names: Vec<_> = missing
            .chain(more)
            .map(|(kind, name, _)| format!("{kind} {name}"))
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

impl Table {
    /// The statement that copies it, `TO STDOUT` or `FROM STDIN`.
    pub(super) fn copy(&self, schema: &SchemaName, direction: &str) -> String {
        format!(
            "COPY {}.{} {direction} WITH (FORMAT text)",
            schema.quoted(),
            self.with_columns()
        )
    }

    /// Its name with the columns that are copied, as SQL writes them.
    pub(super) fn with_columns(&self) -> String {
        let name = format!("\"{}\"", self.name.replace('"', "\"\""));
        if self.columns.is_empty() {
            return name;
        }
        format!("{name} ({})", self.columns.join(", "))
    }
}

/// A number for everything about `schema` that would make a copy of its rows wrong if it changed
/// meanwhile: a table that is rewritten or emptied looks empty to older snapshots. A materialized
/// view has no rows that are copied, and may be filled again at any time; so may an index be built.
pub(in crate::fleet) async fn stamp(
    connection: &mut PgConnection,
    schema: &SchemaName,
) -> Result<String, Error> {
    Ok(sqlx::query_scalar(
        "SELECT coalesce(pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws(' ',
             c.oid, c.xmin, c.relfilenode, columns), ',' ORDER BY c.oid)), '')
         FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
         LATERAL (SELECT pg_catalog.string_agg(a.xmin::text, ' ' ORDER BY attnum)
                  FROM pg_catalog.pg_attribute a WHERE attrelid = c.oid) AS a (columns)
         WHERE nspname = $1 AND c.relkind NOT IN ('m', 'i', 'I')",
    )
    .bind(schema.as_str())
    .fetch_one(connection)
    .await?)
}

/// What a schema needs that is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Needs {
    pub(super) extensions: Vec<String>,
    /// By kind and name, such as `type shared.mood`.
    pub(super) objects: Vec<String>,
}

/// Asks what the objects of `schema` need elsewhere.
pub(super) async fn needs(
    connection: &mut PgConnection,
    schema: &SchemaName,
) -> Result<Needs, Error> {
    let rows: Vec<(Option<String>, String)> = sqlx::query_as(NEEDS)
        .bind(schema.as_str())
        .fetch_all(connection)
        .await?;
    let mut needs = Needs::default();
    for (extension, object) in rows {
        match extension {
            Some(extension) => needs.extensions.push(extension),
            None => needs.objects.push(object),
        }
    }
    needs.extensions.sort();
    needs.extensions.dedup();
    needs.objects.sort();
    needs.objects.dedup();
    Ok(needs)
}

/// Follows the catalog's dependencies one step out of the schema.
const NEEDS: &str = "
    WITH home AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1),
    ours (classid, objid) AS (
        SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid, c.oid
        FROM pg_catalog.pg_class c JOIN home ON relnamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
        FROM pg_catalog.pg_type t JOIN home ON typnamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid
        FROM pg_catalog.pg_proc p JOIN home ON pronamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid
        FROM pg_catalog.pg_constraint k JOIN home ON connamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, d.oid
        FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_class c ON c.oid = adrelid
        JOIN home ON relnamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid
        FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = ev_class
        JOIN home ON relnamespace = home.oid
        UNION ALL
        SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid
        FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = tgrelid
        JOIN home ON relnamespace = home.oid
    ), needed AS (
        SELECT DISTINCT d.refclassid, d.refobjid
        FROM ours JOIN pg_catalog.pg_depend d USING (classid, objid)
        WHERE d.refclassid <> 'pg_catalog.pg_namespace'::pg_catalog.regclass
          AND NOT EXISTS (SELECT FROM ours o
                          WHERE o.classid = d.refclassid AND o.objid = d.refobjid)
    )
    SELECT (SELECT e.extname::text FROM pg_catalog.pg_depend x
            JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
            WHERE x.classid = needed.refclassid AND x.objid = needed.refobjid
              AND x.deptype = 'e' LIMIT 1) AS extension,
           o.type || ' ' || o.identity AS object
    FROM needed, pg_catalog.pg_identify_object(refclassid, refobjid, 0) AS o
    WHERE o.schema IS NOT NULL AND o.schema NOT IN ('pg_catalog', 'information_schema', 'pg_toast', $1)
    ORDER BY 1, 2";

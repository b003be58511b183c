//! What outside a tenant's schema would fall with it.

use sqlx::postgres::PgConnection;
use tenancy_core::{SchemaName, sabotaged};

use crate::error::{Error, ErrorKind};

/// How many are named in a message.
const NAMED: usize = 5;

/// Refuses to drop `schema` while anything outside it depends on something in it.
///
/// PostgreSQL would drop that too, wherever it is. An object whose place is not known counts as
/// outside.
pub(super) async fn refuse(
    connection: &mut PgConnection,
    schema: &SchemaName,
) -> Result<(), Error> {
    let outside: Vec<(String, bool)> = sqlx::query_as(OUTSIDE)
        .bind(schema.as_str())
        .fetch_all(connection)
        .await?;
    if outside.is_empty() || sabotaged!("fleet.dependents-dropped") {
        return Ok(());
    }
    // A table is enough to name; what belongs to it, such as its type, need not be.
    let of_their_own: Vec<_> = outside.iter().filter(|(_, is_part)| !is_part).collect();
    let shown = match of_their_own.len() {
        0 => outside.iter().collect(),
        _ => of_their_own,
    };
    let outside: Vec<&str> = shown.iter().map(|(name, _)| name.as_str()).collect();
    let mut named = outside[..outside.len().min(NAMED)].join(", ");
    if outside.len() > NAMED {
        named.push_str(", …");
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!(
            "{} outside schema {schema} would be dropped with it ({named}): drop or change them \
             and run the same again",
            match outside.len() {
                1 => "1 object".to_owned(),
                more => format!("{more} objects"),
            }
        ),
    ))
}

/// Follows the catalog's dependencies from the schema to whatever a cascade reaches.
///
/// A foreign key has triggers on both tables, which come and go with its constraint, and a range
/// type has a cast; the toast tables of a schema are kept elsewhere.
const OUTSIDE: &str = "
    WITH RECURSIVE doomed (classid, objid, objsubid) AS (
        SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid, oid, 0
        FROM pg_catalog.pg_namespace WHERE nspname = $1
        UNION
        SELECT d.classid, d.objid, d.objsubid
        FROM doomed r JOIN pg_catalog.pg_depend d
          ON d.refclassid = r.classid AND d.refobjid = r.objid
         AND (r.objsubid = 0 OR d.refobjsubid = r.objsubid)
    ), placed AS (
        SELECT classid, objid, objsubid, CASE classid::pg_catalog.regclass
            WHEN 'pg_catalog.pg_namespace'::pg_catalog.regclass THEN objid
            WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN
                (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = objid)
            WHEN 'pg_catalog.pg_type'::pg_catalog.regclass THEN
                (SELECT typnamespace FROM pg_catalog.pg_type WHERE oid = objid)
            WHEN 'pg_catalog.pg_proc'::pg_catalog.regclass THEN
                (SELECT pronamespace FROM pg_catalog.pg_proc WHERE oid = objid)
            WHEN 'pg_catalog.pg_constraint'::pg_catalog.regclass THEN
                (SELECT connamespace FROM pg_catalog.pg_constraint WHERE oid = objid)
            WHEN 'pg_catalog.pg_attrdef'::pg_catalog.regclass THEN
                (SELECT relnamespace FROM pg_catalog.pg_attrdef d
                 JOIN pg_catalog.pg_class c ON c.oid = adrelid WHERE d.oid = objid)
            WHEN 'pg_catalog.pg_rewrite'::pg_catalog.regclass THEN
                (SELECT relnamespace FROM pg_catalog.pg_rewrite r
                 JOIN pg_catalog.pg_class c ON c.oid = ev_class WHERE r.oid = objid)
            WHEN 'pg_catalog.pg_policy'::pg_catalog.regclass THEN
                (SELECT relnamespace FROM pg_catalog.pg_policy p
                 JOIN pg_catalog.pg_class c ON c.oid = polrelid WHERE p.oid = objid)
            WHEN 'pg_catalog.pg_trigger'::pg_catalog.regclass THEN
                (SELECT relnamespace FROM pg_catalog.pg_trigger t
                 JOIN pg_catalog.pg_class c ON c.oid = tgrelid WHERE t.oid = objid)
            WHEN 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass THEN
                (SELECT stxnamespace FROM pg_catalog.pg_statistic_ext WHERE oid = objid)
            WHEN 'pg_catalog.pg_default_acl'::pg_catalog.regclass THEN
                (SELECT defaclnamespace FROM pg_catalog.pg_default_acl WHERE oid = objid)
            WHEN 'pg_catalog.pg_publication_rel'::pg_catalog.regclass THEN
                (SELECT relnamespace FROM pg_catalog.pg_publication_rel p
                 JOIN pg_catalog.pg_class c ON c.oid = prrelid WHERE p.oid = objid)
            WHEN 'pg_catalog.pg_publication_namespace'::pg_catalog.regclass THEN
                (SELECT pnnspid FROM pg_catalog.pg_publication_namespace WHERE oid = objid)
            WHEN 'pg_catalog.pg_operator'::pg_catalog.regclass THEN
                (SELECT oprnamespace FROM pg_catalog.pg_operator WHERE oid = objid)
            WHEN 'pg_catalog.pg_opclass'::pg_catalog.regclass THEN
                (SELECT opcnamespace FROM pg_catalog.pg_opclass WHERE oid = objid)
            WHEN 'pg_catalog.pg_opfamily'::pg_catalog.regclass THEN
                (SELECT opfnamespace FROM pg_catalog.pg_opfamily WHERE oid = objid)
            WHEN 'pg_catalog.pg_amop'::pg_catalog.regclass THEN
                (SELECT opfnamespace FROM pg_catalog.pg_amop o
                 JOIN pg_catalog.pg_opfamily f ON f.oid = amopfamily WHERE o.oid = objid)
            WHEN 'pg_catalog.pg_amproc'::pg_catalog.regclass THEN
                (SELECT opfnamespace FROM pg_catalog.pg_amproc o
                 JOIN pg_catalog.pg_opfamily f ON f.oid = amprocfamily WHERE o.oid = objid)
            WHEN 'pg_catalog.pg_collation'::pg_catalog.regclass THEN
                (SELECT collnamespace FROM pg_catalog.pg_collation WHERE oid = objid)
            WHEN 'pg_catalog.pg_conversion'::pg_catalog.regclass THEN
                (SELECT connamespace FROM pg_catalog.pg_conversion WHERE oid = objid)
            WHEN 'pg_catalog.pg_ts_config'::pg_catalog.regclass THEN
                (SELECT cfgnamespace FROM pg_catalog.pg_ts_config WHERE oid = objid)
            WHEN 'pg_catalog.pg_ts_dict'::pg_catalog.regclass THEN
                (SELECT dictnamespace FROM pg_catalog.pg_ts_dict WHERE oid = objid)
        END AS home
        FROM doomed
    ), outside AS (
        SELECT DISTINCT
            CASE WHEN rulename = '_RETURN'
                 THEN 'pg_catalog.pg_class'::pg_catalog.regclass::oid ELSE classid END AS classid,
            CASE WHEN rulename = '_RETURN' THEN ev_class ELSE objid END AS objid,
            objsubid
        FROM placed LEFT JOIN pg_catalog.pg_rewrite r
          ON classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = objid
        WHERE home IS DISTINCT FROM (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)
          AND NOT (classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND EXISTS
              (SELECT FROM pg_catalog.pg_class c WHERE c.oid = objid
                 AND c.relnamespace = 'pg_toast'::pg_catalog.regnamespace))
          AND NOT (classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND EXISTS
              (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = placed.classid
                 AND d.objid = placed.objid AND d.deptype = 'i'))
          AND NOT (classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND EXISTS
              (SELECT FROM pg_catalog.pg_trigger t WHERE t.oid = objid AND tgisinternal))
    )
    SELECT o.type || ' ' || o.identity, EXISTS
        (SELECT FROM pg_catalog.pg_depend d JOIN outside whole
           ON whole.classid = d.refclassid AND whole.objid = d.refobjid
         WHERE d.classid = outside.classid AND d.objid = outside.objid
           AND d.deptype IN ('a', 'i')
           AND (whole.classid, whole.objid) <> (outside.classid, outside.objid)) AS is_part
    FROM outside, pg_catalog.pg_identify_object(classid, objid, objsubid) AS o
    ORDER BY 1";

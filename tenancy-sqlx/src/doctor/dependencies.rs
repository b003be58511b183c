//! Objects that are made of something in a tenant's schema and lie outside it.

use super::look::Look;
use crate::error::Error;

/// Follows every dependency of the catalog into tenants' schemas, one step, all tenants at once.
///
/// Longer ways are made of such steps. Triggers of foreign keys come and go with their constraint,
/// and a view is its rule's table.
pub(super) async fn look(look: &mut Look<'_>) -> Result<(), Error> {
    look.ask(QUESTION, |found| {
        let message = format!(
            "{} is made of something in schema {}, which is a tenant's: rows cross there, and \
             dropping that tenant would drop it",
            found.subject, found.detail
        );
        found.says(message)
    })
    .await
}

const QUESTION: &str = "
    WITH homes (classid, objid, home) AS (
        SELECT 'pg_class'::regclass::oid, oid, relnamespace FROM pg_class
        UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace FROM pg_type
        UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace FROM pg_proc
        UNION ALL SELECT 'pg_constraint'::regclass, oid, connamespace FROM pg_constraint
        UNION ALL SELECT 'pg_attrdef'::regclass, d.oid, c.relnamespace
            FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
        UNION ALL SELECT 'pg_rewrite'::regclass, r.oid, c.relnamespace
            FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
        UNION ALL SELECT 'pg_policy'::regclass, p.oid, c.relnamespace
            FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
        UNION ALL SELECT 'pg_trigger'::regclass, t.oid, c.relnamespace
            FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal
        UNION ALL SELECT 'pg_operator'::regclass, oid, oprnamespace FROM pg_operator
        UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace FROM pg_collation
        UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace FROM pg_ts_config
        UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictnamespace FROM pg_ts_dict
    ), edges AS (
        SELECT DISTINCT d.classid, d.objid, d.objsubid, fleet.nspname
        FROM pg_depend d
        JOIN homes inside ON inside.classid = d.refclassid AND inside.objid = d.refobjid
        JOIN fleet ON fleet.oid = inside.home
        JOIN homes outside ON outside.classid = d.classid AND outside.objid = d.objid
        WHERE outside.home <> inside.home AND outside.home <> 'pg_toast'::regnamespace
    )
    SELECT 'cross_tenant_dependency',
        coalesce(CASE WHEN r.oid IS NOT NULL AND r.rulename = '_RETURN' THEN
            CASE v.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END
                || r.ev_class::regclass
            ELSE (SELECT o.type || ' ' || o.identity
                FROM pg_identify_object(e.classid, e.objid, e.objsubid) o) END, '?'),
        quote_ident(e.nspname),
        CASE
            WHEN r.rulename = '_RETURN' THEN format('DROP %s %s',
                CASE v.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END,
                r.ev_class::regclass)
            WHEN r.oid IS NOT NULL THEN format('DROP RULE %I ON %s', r.rulename, r.ev_class::regclass)
            WHEN k.conrelid <> 0 THEN
                format('ALTER TABLE %s DROP CONSTRAINT %I', k.conrelid::regclass, k.conname)
            WHEN f.oid IS NOT NULL THEN format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT',
                f.adrelid::regclass, (SELECT attname FROM pg_attribute
                    WHERE attrelid = f.adrelid AND attnum = f.adnum))
            WHEN y.oid IS NOT NULL THEN format('DROP POLICY %I ON %s', y.polname, y.polrelid::regclass)
            WHEN t.oid IS NOT NULL THEN format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass)
            WHEN p.oid IS NOT NULL THEN format('DROP ROUTINE %s', p.oid::regprocedure)
            WHEN c.relkind IN ('r', 'p') AND e.objsubid > 0 THEN
                format('ALTER TABLE %s ALTER COLUMN %I TYPE text USING %2$I::text', c.oid::regclass,
                    (SELECT attname FROM pg_attribute
                     WHERE attrelid = c.oid AND attnum = e.objsubid))
            WHEN i.inhrelid IS NOT NULL AND NOT c.relispartition THEN
                format('ALTER TABLE %s NO INHERIT %s', c.oid::regclass, i.inhparent::regclass)
        END
    FROM edges e
    LEFT JOIN pg_rewrite r ON e.classid = 'pg_rewrite'::regclass AND r.oid = e.objid
    LEFT JOIN pg_class v ON v.oid = r.ev_class
    LEFT JOIN pg_constraint k ON e.classid = 'pg_constraint'::regclass AND k.oid = e.objid
    LEFT JOIN pg_attrdef f ON e.classid = 'pg_attrdef'::regclass AND f.oid = e.objid
    LEFT JOIN pg_policy y ON e.classid = 'pg_policy'::regclass AND y.oid = e.objid
    LEFT JOIN pg_trigger t ON e.classid = 'pg_trigger'::regclass AND t.oid = e.objid
    LEFT JOIN pg_proc p ON e.classid = 'pg_proc'::regclass AND p.oid = e.objid
    LEFT JOIN pg_class c ON e.classid = 'pg_class'::regclass AND c.oid = e.objid
    LEFT JOIN LATERAL (SELECT h.inhrelid, h.inhparent FROM pg_inherits h
        JOIN pg_class parent ON parent.oid = h.inhparent
        JOIN fleet ON fleet.oid = parent.relnamespace AND fleet.nspname = e.nspname
        WHERE h.inhrelid = c.oid LIMIT 1) i ON true";

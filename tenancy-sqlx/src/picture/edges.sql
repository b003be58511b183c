-- What each object of the schema `target` depends on: `late` marks a key, which is made after the
-- rows; `foreign_name` what is another tenant's or the framework's.
WITH target AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname = $1
), rel AS MATERIALIZED (
    SELECT c.oid, c.relname, c.relkind, c.reltype FROM pg_depend d JOIN target ON d.refobjid = target.oid
    JOIN pg_class c ON c.oid = d.objid
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.classid = 'pg_class'::regclass
      AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
), typ AS MATERIALIZED (
    SELECT t.oid, t.typrelid, t.typarray FROM pg_depend d JOIN target ON d.refobjid = target.oid
    JOIN pg_type t ON t.oid = d.objid
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.classid = 'pg_type'::regclass
), routine AS MATERIALIZED (
    SELECT p.oid, p.prosrc FROM pg_depend d JOIN target ON d.refobjid = target.oid
    JOIN pg_proc p ON p.oid = d.objid
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.classid = 'pg_proc'::regclass
), own (class, oid, node, orders) AS MATERIALIZED (
    SELECT 'pg_class'::regclass, oid, oid, relkind <> 'S' FROM rel
    UNION ALL SELECT 'pg_type'::regclass, oid, oid, true FROM typ
    UNION ALL SELECT 'pg_class'::regclass, typrelid, oid, true FROM typ WHERE typrelid <> 0
    UNION ALL SELECT 'pg_type'::regclass, typarray, oid, true FROM typ WHERE typarray <> 0
    UNION ALL SELECT 'pg_type'::regclass, reltype, oid, false FROM rel WHERE reltype <> 0
    UNION ALL SELECT 'pg_type'::regclass, t.typarray, r.oid, false
        FROM rel r JOIN pg_type t ON t.oid = r.reltype WHERE t.typarray <> 0
    UNION ALL SELECT 'pg_type'::regclass, g.rngmultitypid, g.rngtypid, false
        FROM typ JOIN pg_range g ON g.rngtypid = typ.oid
    UNION ALL SELECT 'pg_proc'::regclass, oid, oid, true FROM routine
    UNION ALL SELECT 'pg_rewrite'::regclass, w.oid, w.ev_class, w.rulename = '_RETURN'
        FROM rel r JOIN pg_rewrite w ON w.ev_class = r.oid
    UNION ALL SELECT 'pg_attrdef'::regclass, e.oid, e.adrelid, a.attgenerated <> ''
        FROM rel r JOIN pg_attrdef e ON e.adrelid = r.oid
        JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = e.adnum
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid, k.contypid, true
        FROM typ t JOIN pg_constraint k ON k.contypid = t.oid
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid, r.oid, false
        FROM rel r JOIN pg_constraint k ON k.conrelid = r.oid
    UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, r.oid, false
        FROM rel r JOIN pg_index i ON i.indrelid = r.oid
    UNION ALL SELECT 'pg_trigger'::regclass, t.oid, r.oid, false
        FROM rel r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
    UNION ALL SELECT 'pg_policy'::regclass, p.oid, r.oid, false
        FROM rel r JOIN pg_policy p ON p.polrelid = r.oid
), dependency AS MATERIALIZED (
    SELECT o.node, o.orders, o.class, o.oid, d.refclassid, d.refobjid, r.oid AS own_oid,
        r.node AS on_node,
        -- Whose key a view or a routine relies on.
        d.refclassid = 'pg_constraint'::regclass AND o.class IN ('pg_rewrite'::regclass,
            'pg_proc'::regclass) AS late
    FROM own o JOIN pg_depend d ON d.classid = o.class AND d.objid = o.oid AND d.deptype IN ('n', 'a')
    LEFT JOIN own r ON r.class = d.refclassid AND r.oid = d.refobjid
), closed AS MATERIALIZED (
    SELECT n.oid, n.nspname FROM pg_namespace n
    WHERE n.nspname <> $1 AND (n.nspname = 'tenancy' OR EXISTS (SELECT FROM tenancy.tenants t
        WHERE t.schema_name = n.nspname AND t.status <> 'purged'))
)
SELECT node, on_node, bool_or(late) AS late, NULL::text AS subject, NULL::text AS foreign_name
FROM dependency WHERE orders AND on_node IS NOT NULL AND on_node <> node GROUP BY node, on_node
UNION ALL
SELECT node, NULL, false, pg_describe_object(class, oid, 0),
    pg_describe_object(refclassid, refobjid, 0)
FROM dependency
WHERE own_oid IS NULL AND coalesce(CASE refclassid
    WHEN 'pg_class'::regclass THEN (SELECT relnamespace FROM pg_class WHERE oid = refobjid)
    WHEN 'pg_type'::regclass THEN (SELECT typnamespace FROM pg_type WHERE oid = refobjid)
    WHEN 'pg_proc'::regclass THEN (SELECT pronamespace FROM pg_proc WHERE oid = refobjid)
    WHEN 'pg_operator'::regclass THEN (SELECT oprnamespace FROM pg_operator WHERE oid = refobjid)
    WHEN 'pg_collation'::regclass THEN (SELECT collnamespace FROM pg_collation WHERE oid = refobjid)
    END IN (SELECT oid FROM closed), false)
UNION ALL
-- What a body says as text is known to nobody but its language: a schema's name before a table or
-- routine of that schema.
SELECT r.oid, NULL, false, 'routine ' || r.oid::regprocedure, m[1] || '.' || m[2]
FROM routine r, regexp_matches(r.prosrc, '\m"?([a-z][a-z0-9_]*)"?\s*\.\s*"?([a-z_][a-z0-9_]*)', 'gi') AS m
JOIN pg_namespace n ON n.nspname = lower(m[1])
WHERE (n.nspname = $1 OR n.oid IN (SELECT oid FROM closed))
  AND NOT EXISTS (SELECT FROM rel WHERE relname = lower(m[1]))
  AND (EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = lower(m[2]))
    OR EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proname = lower(m[2])))

-- The tables of the schema `$1` that have rows, with the columns that can be written. A value of a
-- type of the schema's own crosses to another schema as text.
SELECT c.oid, c.relname::text AS name,
    coalesce(array_agg(quote_ident(a.attname) ORDER BY a.attnum)
        FILTER (WHERE a.attgenerated = ''), '{}') AS columns,
    coalesce(array_agg(CASE WHEN t.typnamespace = n.oid THEN format_type(a.atttypid, a.atttypmod) END
        ORDER BY a.attnum) FILTER (WHERE a.attgenerated = ''), '{}') AS own_types,
    coalesce(bool_or(a.attidentity <> ''), false) AS has_identity
FROM pg_namespace n
JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid
    AND d.classid = 'pg_class'::regclass
JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'r'
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
WHERE n.nspname = $1
GROUP BY c.oid, c.relname ORDER BY c.relname COLLATE "C"

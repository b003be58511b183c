-- Every object of the schema `target` (oid, name), with the transaction's path set to that schema:
-- names of its own are printed bare. Names of PostgreSQL's own were resolved before.
--
-- kind, name: what it is called in the schema. definition: what is compared. statement: what makes
-- it, where that is not the definition. node: the type, routine or relation that it is, for the
-- order. part_of, place: the table whose statement it is a part of, and where.
WITH rel AS MATERIALIZED (
    SELECT c.oid, c.relname, quote_ident(c.relname) AS q, c.relkind, c.relispartition,
        c.relpersistence, c.reloptions, c.reltoastrelid, c.reltablespace, c.relam, c.reltype,
        c.reloftype, c.relpartbound, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
        EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) AS inherits
    FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = target.oid
      AND d.classid = 'pg_class'::regclass AND d.deptype = 'n'
      AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid
          AND e.deptype = 'e')
), typ AS MATERIALIZED (
    SELECT t.oid, quote_ident(t.typname) AS q, t.typname, t.typtype, t.typrelid, t.typbasetype,
        t.typtypmod, t.typcollation, t.typdefault, t.typnotnull
    FROM pg_depend d JOIN pg_type t ON t.oid = d.objid
    LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = target.oid
      AND d.classid = 'pg_type'::regclass AND d.deptype = 'n'
      AND (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid
          AND e.deptype IN ('e', 'i'))
), routine AS MATERIALIZED (
    SELECT p.oid, p.oid::regprocedure::text AS identity, p.prokind, p.proconfig,
        p.proname, p.prosrc,
        CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS sort,
        {routine_pin} AS pin,
        CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END AS printed
    FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
    WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = target.oid
      AND d.classid = 'pg_proc'::regclass AND d.deptype = 'n'
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid AND e.objid = d.objid
          AND e.deptype IN ('e', 'i'))
), att AS MATERIALIZED (
    SELECT r.oid AS rel, r.q AS table_name, r.relkind, a.attnum, quote_ident(a.attname) AS q,
        a.attname, r.q || '.' || quote_ident(a.attname) AS name,
        a.attislocal OR r.relispartition AS is_inline, a.attislocal, a.attnotnull,
        a.attgenerated, a.attidentity, a.atttypid, a.atttypmod, a.attcollation, a.attstorage,
        a.attcompression, a.attstattarget, a.attoptions,
        pg_get_expr(e.adbin, e.adrelid) AS expression
    FROM rel r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef e ON a.atthasdef AND e.adrelid = r.oid AND e.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p', 'v')
), idx AS MATERIALIZED (
    SELECT i.indexrelid AS oid, r.oid AS rel, r.q AS table_name, r.relkind AS table_kind,
        quote_ident(x.relname) AS q, x.relkind, i.indisvalid, i.indisclustered,
        k.conname IS NOT NULL AS is_constraint, h.inhparent
    FROM rel r JOIN pg_index i ON i.indrelid = r.oid
    JOIN pg_class x ON x.oid = i.indexrelid
    LEFT JOIN pg_constraint k ON k.conrelid = r.oid AND k.conindid = i.indexrelid
        AND k.contype IN ('p', 'u', 'x')
    LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid
    WHERE r.relkind IN ('r', 'p', 'm')
), con AS MATERIALIZED (
    SELECT k.oid, r.oid AS rel, r.q AS table_name, quote_ident(k.conname) AS q, k.contype,
        k.conislocal, k.coninhcount, k.connoinherit, k.conparentid, r.relkind, r.inherits
    FROM rel r JOIN pg_constraint k ON k.conrelid = r.oid
    WHERE k.contype IN ('p', 'u', 'x', 'c', 'f')
), sequence AS MATERIALIZED (
    SELECT r.oid, r.q, r.relpersistence, o.deptype, o.refobjid AS owner, o.refobjsubid AS owner_place,
        {sequence_options} AS options,
        format_type(s.seqtypid, NULL) AS type
    FROM rel r JOIN pg_sequence s ON s.seqrelid = r.oid
    LEFT JOIN pg_depend o ON o.classid = 'pg_class'::regclass AND o.objid = r.oid
        AND o.refclassid = 'pg_class'::regclass AND o.deptype IN ('a', 'i')
    WHERE r.relkind = 'S'
), trg AS MATERIALIZED (
    SELECT t.oid, r.q AS table_name, quote_ident(t.tgname) AS q, t.tgenabled, t.tgisinternal,
        t.tgparentid, t.tgconstraint, b.tgenabled AS of_parent
    FROM rel r JOIN pg_trigger t ON t.tgrelid = r.oid
    LEFT JOIN pg_trigger b ON b.oid = t.tgparentid
), rul AS MATERIALIZED (
    SELECT w.oid, r.q AS table_name, quote_ident(w.rulename) AS q, w.ev_enabled, w.rulename,
        r.relkind
    FROM rel r JOIN pg_rewrite w ON w.ev_class = r.oid
    WHERE w.rulename <> '_RETURN'
), stat AS MATERIALIZED (
    SELECT s.oid, quote_ident(s.stxname) AS q, s.stxname, s.stxstattarget, r.q AS table_name
    FROM rel r JOIN pg_statistic_ext s ON s.stxrelid = r.oid
    WHERE s.stxnamespace = target.oid
), pol AS MATERIALIZED (
    SELECT p.oid, r.oid AS rel, r.q AS table_name, quote_ident(p.polname) AS q, p.polpermissive,
        p.polcmd, p.polroles, p.polqual, p.polwithcheck
    FROM rel r JOIN pg_policy p ON p.polrelid = r.oid
), described AS (
    -- Enumerations, composites, domains and ranges.
    SELECT 'type' AS kind, t.q AS name, format('CREATE TYPE %s AS ENUM (%s)', t.q,
            (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
             FROM pg_enum e WHERE e.enumtypid = t.oid)) AS definition,
        NULL::text AS statement, 'structure' AS phase, t.oid AS node, NULL::oid AS part_of,
        0 AS place
    FROM typ t WHERE t.typtype = 'e'
    UNION ALL
    SELECT 'type', t.q, format('CREATE TYPE %s AS (%s)', t.q,
            (SELECT string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
                || CASE WHEN a.attcollation <> b.typcollation
                    THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END,
                ', ' ORDER BY a.attnum)
             FROM pg_attribute a JOIN pg_type b ON b.oid = a.atttypid
             WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)),
        NULL, 'structure', t.oid, NULL, 0
    FROM typ t WHERE t.typtype = 'c'
    UNION ALL
    SELECT 'type', t.q, concat(format('CREATE DOMAIN %s AS %s', t.q,
                format_type(t.typbasetype, t.typtypmod)),
            CASE WHEN t.typcollation <> b.typcollation
                THEN ' COLLATE ' || t.typcollation::regcollation END,
            ' DEFAULT ' || CASE WHEN t.typdefault IS NOT NULL
                THEN (SELECT coalesce(pg_get_expr(y.typdefaultbin, 0), quote_literal(y.typdefault))
                      FROM pg_type y WHERE y.oid = t.oid) END,
            CASE WHEN t.typnotnull THEN ' NOT NULL' END,
            (SELECT string_agg(format('; ALTER DOMAIN %s ADD CONSTRAINT %I %s', t.q, k.conname,
                    pg_get_constraintdef(k.oid, true)), '' ORDER BY k.conname)
             FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c')),
        NULL, 'structure', t.oid, NULL, 0
    FROM typ t JOIN pg_type b ON b.oid = t.typbasetype WHERE t.typtype = 'd'
    UNION ALL
    SELECT 'type', t.q, concat(format('CREATE TYPE %s AS RANGE (SUBTYPE = %s, SUBTYPE_OPCLASS = %s',
                t.q, format_type(g.rngsubtype, NULL),
                CASE WHEN pg_opclass_is_visible(o.oid) THEN quote_ident(o.opcname)
                    ELSE o.opcnamespace::regnamespace || '.' || quote_ident(o.opcname) END),
            CASE WHEN g.rngcollation <> 0 THEN ', COLLATION = ' || g.rngcollation::regcollation END,
            CASE WHEN g.rngsubdiff <> 0 THEN ', SUBTYPE_DIFF = ' || g.rngsubdiff::regproc END,
            CASE WHEN g.rngmultitypid <> 0
                THEN ', MULTIRANGE_TYPE_NAME = ' || format_type(g.rngmultitypid, NULL) END, ')'),
        NULL, 'structure', t.oid, NULL, 0
    FROM typ t JOIN pg_range g ON g.rngtypid = t.oid JOIN pg_opclass o ON o.oid = g.rngsubopc
    WHERE t.typtype = 'r'

    -- Sequences; one of an identity column is a part of that.
    UNION ALL
    SELECT 'sequence', s.q, format('CREATE %sSEQUENCE %s AS %s %s',
            CASE s.relpersistence WHEN 'u' THEN 'UNLOGGED ' ELSE '' END, s.q, s.type, s.options),
        NULL, 'structure', s.oid, NULL, 0
    FROM sequence s WHERE s.deptype IS DISTINCT FROM 'i'
    UNION ALL
    SELECT 'sequence', s.q || ' owned by', format('ALTER SEQUENCE %s OWNED BY %s.%I', s.q,
            s.owner::regclass, a.attname),
        NULL, 'ownership', NULL, NULL, 0
    FROM sequence s JOIN pg_attribute a ON a.attrelid = s.owner AND a.attnum = s.owner_place
    WHERE s.deptype = 'a'

    -- Routines. PostgreSQL prints their own name with its schema, and first of all.
    UNION ALL
    SELECT 'routine', p.identity,
        CASE WHEN p.pin = {own_path} AND strpos(s.stripped, {own_pin_printed}) > 0
            THEN overlay(s.stripped PLACING {pin_from_current}
                FROM strpos(s.stripped, {own_pin_printed})
                FOR length({own_pin_printed}))
            ELSE s.stripped END,
        NULL, 'structure', p.oid, NULL, 0
    FROM routine p, LATERAL (SELECT 'CREATE ' || p.sort || ' '
        || substr(p.printed, length('CREATE OR REPLACE ' || p.sort || ' '
            || quote_ident(target.name) || '.') + 1) AS stripped) s
    WHERE p.printed IS NOT NULL

    -- Tables and their columns.
    UNION ALL
    SELECT 'table', r.q, concat('CREATE ', CASE r.relpersistence WHEN 'u' THEN 'UNLOGGED ' END,
            'TABLE ', r.q, t.tail),
        t.tail, 'structure', r.oid, r.oid, 0
    FROM rel r, LATERAL (SELECT concat(
            CASE WHEN r.inherits AND NOT r.relispartition THEN ' INHERITS ('
                || (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
                    FROM pg_inherits i WHERE i.inhrelid = r.oid) || ')' END,
            CASE WHEN r.relkind = 'p' THEN ' PARTITION BY ' || pg_get_partkeydef(r.oid) END,
            (SELECT ' USING ' || quote_ident(m.amname) FROM pg_am m
             WHERE m.oid = r.relam AND m.amname <> 'heap'),
            (SELECT ' WITH (' || string_agg(o, ', ' ORDER BY o) || ')' FROM (
                SELECT o FROM unnest(r.reloptions) AS o
                UNION ALL
                SELECT 'toast.' || o FROM pg_class x, unnest(x.reloptions) AS o
                WHERE x.oid = r.reltoastrelid) AS options),
            (SELECT ' TABLESPACE ' || quote_ident(s.spcname) FROM pg_tablespace s
             WHERE s.oid = r.reltablespace)) AS tail) t
    WHERE r.relkind IN ('r', 'p')
    UNION ALL
    SELECT 'column', a.name, concat_ws(' ', d.words, CASE WHEN NOT a.is_inline THEN 'INHERITED' END,
            '; ' || x.extra),
        concat(CASE WHEN a.is_inline THEN d.words END, E'\x01', x.extra),
        'part', NULL, a.rel, a.attnum
    FROM att a JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN LATERAL (SELECT quote_ident(c.relname) AS q, {sequence_options} AS options
        FROM pg_depend d JOIN pg_class c ON c.oid = d.objid JOIN pg_sequence s ON s.seqrelid = c.oid
        WHERE a.attidentity <> '' AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.rel
          AND d.refobjsubid = a.attnum AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'
        ) s ON true,
    LATERAL (SELECT concat_ws(' ', a.q, format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attcollation <> t.typcollation
                THEN 'COLLATE ' || a.attcollation::regcollation END,
            CASE a.attcompression WHEN 'p' THEN 'COMPRESSION pglz'
                WHEN 'l' THEN 'COMPRESSION lz4' END,
            CASE a.attgenerated WHEN 's' THEN 'GENERATED ALWAYS AS (' || a.expression || ') STORED'
                WHEN 'v' THEN 'GENERATED ALWAYS AS (' || a.expression || ')' END,
            -- A partition may count with its table.
            CASE WHEN s.q IS NOT NULL THEN format('GENERATED %s AS IDENTITY (SEQUENCE NAME %s %s)',
                CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
                s.q, s.options) END,
            CASE WHEN a.attnotnull THEN 'NOT NULL' END) AS words) d,
    LATERAL (SELECT string_agg(format('ALTER TABLE ONLY %s ALTER COLUMN %s %s', a.table_name, a.q,
            action), '; ' ORDER BY action) AS extra FROM (VALUES
            (CASE WHEN a.attstorage <> t.typstorage THEN 'SET STORAGE ' || CASE a.attstorage
                WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN'
                ELSE 'EXTENDED' END END),
            (CASE WHEN a.attstattarget >= 0 THEN 'SET STATISTICS ' || a.attstattarget END),
            (CASE WHEN NOT a.is_inline AND a.attnotnull THEN 'SET NOT NULL' END),
            ('SET (' || array_to_string(a.attoptions, ', ') || ')')) AS actions (action)
        WHERE action IS NOT NULL) x
    WHERE a.relkind IN ('r', 'p')
    UNION ALL
    SELECT 'partition', r.q, format('ALTER TABLE ONLY %s ATTACH PARTITION %s %s',
            i.inhparent::regclass, r.q, pg_get_expr(r.relpartbound, r.oid)),
        NULL, 'attach', NULL, NULL, 0
    FROM rel r JOIN pg_inherits i ON i.inhrelid = r.oid WHERE r.relispartition
    UNION ALL
    SELECT 'default', a.name, format('ALTER TABLE ONLY %s ALTER COLUMN %s SET DEFAULT %s',
            a.table_name, a.q, a.expression),
        NULL, 'defaults', NULL, NULL, 0
    FROM att a WHERE a.expression IS NOT NULL AND a.attgenerated = ''

    -- Constraints. What a parent gives to its partitions and heirs comes with the parent's.
    UNION ALL
    SELECT 'constraint', k.table_name || '.' || k.q,
        concat('ALTER TABLE ',
            CASE WHEN k.contype IN ('p', 'u', 'x') THEN 'ONLY ' END,
            format('%s ADD CONSTRAINT %s %s', k.table_name, k.q, pg_get_constraintdef(k.oid, true))),
        NULL, CASE k.contype WHEN 'p' THEN 'keys' WHEN 'u' THEN 'keys' WHEN 'x' THEN 'indexes'
            WHEN 'c' THEN 'checks' ELSE 'references' END,
        NULL, k.rel, CASE WHEN k.contype = 'c' AND k.inherits THEN 0 ELSE 1 END
    FROM con k
    WHERE CASE k.contype WHEN 'c' THEN k.conislocal WHEN 'f' THEN k.conparentid = 0 ELSE true END

    -- Indexes.
    UNION ALL
    SELECT 'index', i.q, pg_get_indexdef(i.oid, 0, true) || coalesce((SELECT string_agg(
            format('; ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', i.q, a.attnum,
                a.attstattarget), '' ORDER BY a.attnum)
            FROM pg_attribute a WHERE a.attrelid = i.oid AND a.attstattarget >= 0), ''),
        NULL, 'indexes', NULL, i.rel, 1
    FROM idx i WHERE NOT i.is_constraint
    UNION ALL
    SELECT 'index', i.q || ' attached', format('ALTER INDEX %s ATTACH PARTITION %s',
            i.inhparent::regclass, i.q),
        NULL, 'attach_indexes', NULL, NULL, 0
    FROM idx i WHERE i.inhparent IS NOT NULL
    UNION ALL
    SELECT 'index', i.q || ' clustered', format('ALTER TABLE %s CLUSTER ON %s', i.table_name, i.q),
        NULL, 'attach_indexes', NULL, NULL, 1
    FROM idx i WHERE i.indisclustered
    UNION ALL
    SELECT 'table', r.q || ' replica identity', format('ALTER TABLE ONLY %s REPLICA IDENTITY %s',
            r.q, CASE r.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE
                'USING INDEX ' || coalesce((SELECT i.indexrelid::regclass::text FROM pg_index i
                    WHERE i.indrelid = r.oid AND i.indisreplident), 'that is gone') END),
        NULL, 'attach_indexes', NULL, NULL, 2
    FROM rel r WHERE r.relkind IN ('r', 'p', 'm') AND r.relreplident <> 'd'

    -- Views.
    UNION ALL
    SELECT 'view', r.q, concat('CREATE VIEW ', r.q,
            ' WITH (' || array_to_string(r.reloptions, ', ') || ')',
            E' AS\n', pg_get_viewdef(r.oid, true)),
        NULL, 'views', r.oid, NULL, 0
    FROM rel r WHERE r.relkind = 'v'
    UNION ALL
    SELECT 'view', r.q, concat('CREATE MATERIALIZED VIEW ', r.q,
            (SELECT ' USING ' || quote_ident(m.amname) FROM pg_am m
             WHERE m.oid = r.relam AND m.amname <> 'heap'),
            ' WITH (' || array_to_string(r.reloptions, ', ') || ')',
            (SELECT ' TABLESPACE ' || quote_ident(s.spcname) FROM pg_tablespace s
             WHERE s.oid = r.reltablespace),
            E' AS\n', rtrim(pg_get_viewdef(r.oid, true), ';'), E'\nWITH NO DATA'),
        NULL, 'views', r.oid, NULL, 0
    FROM rel r WHERE r.relkind = 'm'

    -- What happens beside a statement, and who sees which row.
    UNION ALL
    SELECT 'rule', r.table_name || '.' || r.q, rtrim(pg_get_ruledef(r.oid, true), ';')
            || CASE r.ev_enabled WHEN 'O' THEN '' ELSE format('; ALTER TABLE %s %s RULE %s',
                r.table_name, CASE r.ev_enabled WHEN 'D' THEN 'DISABLE'
                    WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, r.q) END,
        NULL, 'rules', NULL, NULL, 0
    FROM rul r
    UNION ALL
    SELECT 'trigger', t.table_name || '.' || t.q, concat(
            CASE WHEN t.tgparentid = 0 THEN pg_get_triggerdef(t.oid, true) || '; ' END,
            CASE WHEN t.tgenabled <> 'O' OR t.tgparentid <> 0
                THEN format('ALTER TABLE %s %s TRIGGER %s', t.table_name,
                    CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                        WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END, t.q) END),
        NULL, 'triggers', NULL, NULL, CASE WHEN t.tgparentid = 0 THEN 0 ELSE 1 END
    FROM trg t
    WHERE NOT t.tgisinternal AND (t.tgparentid = 0 OR t.tgenabled IS DISTINCT FROM t.of_parent)
    UNION ALL
    SELECT 'row security', r.q, concat(
            CASE WHEN r.relrowsecurity
                THEN format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY; ', r.q) END,
            CASE WHEN r.relforcerowsecurity
                THEN format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', r.q) END),
        NULL, 'security', NULL, NULL, 1
    FROM rel r WHERE r.relrowsecurity OR r.relforcerowsecurity
    UNION ALL
    SELECT 'policy', p.table_name || '.' || p.q, concat(
            format('CREATE POLICY %s ON %s AS %s FOR %s TO %s', p.q, p.table_name,
                CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                    WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC'
                        ELSE quote_ident(pg_get_userbyid(o)) END, ', ' ORDER BY o)
                 FROM unnest(p.polroles) AS o)),
            ' USING (' || pg_get_expr(p.polqual, p.rel) || ')',
            ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.rel) || ')'),
        NULL, 'security', NULL, NULL, 0
    FROM pol p
    UNION ALL
    SELECT 'statistics', s.q, concat('CREATE STATISTICS ',
            substr(d.printed, length('CREATE STATISTICS ' || quote_ident(target.name) || '.') + 1),
            CASE WHEN s.stxstattarget >= 0
                THEN format('; ALTER STATISTICS %s SET STATISTICS %s', s.q, s.stxstattarget) END),
        NULL, 'statistics', NULL, NULL, 0
    FROM stat s, LATERAL (SELECT pg_get_statisticsobjdef(s.oid) AS printed) d

    -- Comments.
    UNION ALL
    SELECT 'comment', c.subject, format('COMMENT ON %s IS %L', c.subject, d.description),
        NULL, 'comments', NULL, NULL, 0
    FROM (
        SELECT 'pg_class'::regclass AS class, oid, 0 AS place, CASE relkind WHEN 'v' THEN 'VIEW '
            WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || q
            AS subject FROM rel
        UNION ALL SELECT 'pg_class'::regclass, a.rel, a.attnum, 'COLUMN ' || a.name FROM att a
        UNION ALL
        SELECT 'pg_class'::regclass, r.oid, a.attnum, format('COLUMN %s.%I', r.q, a.attname)
        FROM rel r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE r.relkind = 'm'
        UNION ALL SELECT 'pg_class'::regclass, oid, 0, 'INDEX ' || q FROM idx
        UNION ALL SELECT 'pg_type'::regclass, oid, 0,
            CASE typtype WHEN 'd' THEN 'DOMAIN ' ELSE 'TYPE ' END || q FROM typ
        UNION ALL
        SELECT 'pg_class'::regclass, t.typrelid, a.attnum, format('COLUMN %s.%I', t.q, a.attname)
        FROM typ t JOIN pg_attribute a ON a.attrelid = t.typrelid AND a.attnum > 0
            AND NOT a.attisdropped
        WHERE t.typtype = 'c'
        UNION ALL
        SELECT 'pg_constraint'::regclass, k.oid, 0,
            format('CONSTRAINT %I ON DOMAIN %s', k.conname, t.q)
        FROM typ t JOIN pg_constraint k ON k.contypid = t.oid
        UNION ALL SELECT 'pg_constraint'::regclass, oid, 0,
            format('CONSTRAINT %s ON %s', q, table_name) FROM con
        UNION ALL SELECT 'pg_proc'::regclass, oid, 0, sort || ' ' || identity FROM routine
        UNION ALL SELECT 'pg_trigger'::regclass, oid, 0,
            format('TRIGGER %s ON %s', q, table_name) FROM trg WHERE NOT tgisinternal
        UNION ALL SELECT 'pg_rewrite'::regclass, oid, 0,
            format('RULE %s ON %s', q, table_name) FROM rul
        UNION ALL SELECT 'pg_policy'::regclass, oid, 0,
            format('POLICY %s ON %s', q, table_name) FROM pol
        UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, 0, 'STATISTICS ' || q FROM stat
    ) c JOIN pg_description d
        ON d.objoid = c.oid AND d.classoid = c.class AND d.objsubid = c.place

    -- What none of these statements makes.
    UNION ALL
    SELECT 'uncovered', u.name, u.why, NULL, 'part', NULL, NULL, 0
    FROM (
        SELECT pg_describe_object(d.classid, d.objid, 0) AS name, 'is of a kind that is not copied'
            AS why
        FROM pg_depend d
        LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
        LEFT JOIN pg_type t ON d.classid = 'pg_type'::regclass AND t.oid = d.objid
        LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = target.oid
          -- Who has rights, and which tables are published, is said elsewhere.
          AND NOT coalesce(d.classid IN ('pg_default_acl'::regclass,
                  'pg_publication_namespace'::regclass)
              OR c.relkind IN ('r', 'p', 'v', 'm', 'S')
              OR t.typtype IN ('e', 'd', 'r', 'm', 'c') OR p.prokind IN ('f', 'p', 'w')
              OR d.classid = 'pg_statistic_ext'::regclass, false)
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid
              AND e.objid = d.objid AND e.deptype IN ('e', 'i'))
        UNION ALL
        SELECT pg_describe_object(d.classid, d.objid, 0), 'is of a kind that is not copied'
        FROM (SELECT 'pg_class'::regclass AS class, oid FROM rel
              UNION ALL SELECT 'pg_type'::regclass, oid FROM typ
              UNION ALL SELECT 'pg_proc'::regclass, oid FROM routine) own
        JOIN pg_depend d ON d.refclassid = own.class AND d.refobjid = own.oid
        WHERE d.classid IN ('pg_cast'::regclass, 'pg_transform'::regclass,
            'pg_event_trigger'::regclass)
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classid
              AND e.objid = d.objid AND e.deptype = 'i')
        UNION ALL
        SELECT 'table ' || q, 'is a table of a type' FROM rel WHERE reloftype <> 0
        UNION ALL
        SELECT 'index ' || q, 'is not valid: build it again with REINDEX or drop it'
        FROM idx WHERE NOT indisvalid
        UNION ALL
        SELECT 'type ' || t.q, 'is a range with a canonical function'
        FROM typ t JOIN pg_range g ON g.rngtypid = t.oid WHERE g.rngcanonical <> 0
        UNION ALL
        SELECT DISTINCT 'constraint ' || t.table_name || '.' || quote_ident(k.conname),
            'has its triggers disabled'
        FROM trg t JOIN pg_constraint k ON k.oid = t.tgconstraint
        WHERE t.tgisinternal AND t.tgenabled <> 'O'
        UNION ALL
        SELECT 'routine ' || p.identity, 'is bound to a path of its own that names its schema'
        FROM routine p, string_to_table(p.pin, ',') AS part
        WHERE btrim(part) = quote_ident(target.name) AND p.pin <> {own_path}
        UNION ALL
        SELECT 'statistics ' || quote_ident(s.stxname), 'is of a table in another schema'
        FROM pg_depend d JOIN pg_statistic_ext s ON s.oid = d.objid
        WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = target.oid
          AND d.classid = 'pg_statistic_ext'::regclass AND s.oid NOT IN (SELECT oid FROM stat)
        UNION ALL
        SELECT 'relation ' || q, 'has a name that hides behind one of PostgreSQL or an extension'
        FROM rel WHERE NOT pg_table_is_visible(oid)
        UNION ALL
        SELECT 'type ' || q, 'has a name that hides behind one of PostgreSQL or an extension'
        FROM typ WHERE NOT pg_type_is_visible(oid)
        UNION ALL
        SELECT 'routine ' || identity, 'has a name that hides behind one of PostgreSQL or an extension'
        FROM routine WHERE NOT pg_function_is_visible(oid)
    ) u
)

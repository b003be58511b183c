//! What a name may lead to, on both sides.

use super::*;

#[test]
fn a_tenant_migration_reaches_no_schema_but_its_own() {
    for (sql, said) in [
        (
            "DELETE FROM tenancy.tenants",
            "tenancy.tenants is the framework's",
        ),
        ("SELECT count(*) FROM tenancy.tenants", "tenancy.tenants is"),
        (
            "INSERT INTO \"tenancy\" . \"outbox\" VALUES (1)",
            "tenancy.outbox",
        ),
        (
            "CREATE TABLE public.announcements (id int)",
            "write announcements if",
        ),
        (
            "CREATE TABLE IF NOT EXISTS Public.a (id int)",
            "public.a is no tenant's",
        ),
        (
            "INSERT INTO notes SELECT id FROM public.notes",
            "public.notes",
        ),
        (
            "CREATE TABLE a (id uuid DEFAULT public.uuid_generate_v4())",
            "public.uuid",
        ),
        (
            "CREATE INDEX i ON a USING gist (b public.gist_trgm_ops)",
            "public.gist",
        ),
        (
            "CREATE TRIGGER t BEFORE UPDATE ON a EXECUTE FUNCTION public.touch()",
            "shared.touch",
        ),
        ("UPDATE acme.projects SET name = 'x'", "so write projects"),
        ("UPDATE ONLY acme.projects SET name = 'x'", "acme.projects"),
        ("UPDATE \"Acme\".projects SET name = 'x'", "Acme.projects"),
        ("INSERT INTO acme.projects (id) VALUES (1)", "acme.projects"),
        ("DELETE FROM acme.projects", "acme.projects"),
        ("DELETE FROM a USING b, acme.c WHERE a.x = b.x", "acme.c"),
        ("DELETE FROM a USING acme.b WHERE a.x = 1", "acme.b"),
        (
            "MERGE INTO acme.a USING b ON a.x = b.x WHEN MATCHED THEN DELETE",
            "acme.a",
        ),
        (
            "MERGE INTO a USING acme.b ON a.x = b.x WHEN MATCHED THEN DELETE",
            "acme.b",
        ),
        ("SELECT 1 FROM a JOIN acme.b ON a.x = b.x", "acme.b"),
        ("SELECT 1 FROM a, acme.b", "acme.b"),
        ("SELECT 1 FROM (acme.a JOIN b ON a.x = b.x)", "acme.a"),
        ("SELECT 1 FROM a, (acme.b CROSS JOIN c)", "acme.b"),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM acme.a)", "acme.a"),
        (
            "WITH a AS (UPDATE acme.b SET x = 1 RETURNING x) SELECT x FROM a",
            "acme.b",
        ),
        ("SELECT 1 FROM a CROSS JOIN LATERAL acme.f(a.x)", "acme.f"),
        ("SELECT acme.f(1)", "acme.f"),
        ("SELECT x::acme.mood FROM a", "acme.mood"),
        ("SELECT CAST(x AS acme.mood) FROM a", "acme.mood"),
        ("SELECT x INTO acme.b FROM a", "acme.b"),
        ("CALL acme.p()", "acme.p"),
        ("CREATE TABLE acme.a (x int)", "acme.a"),
        ("CREATE UNLOGGED TABLE acme.a (x int)", "acme.a"),
        ("CREATE TABLE a (x int REFERENCES acme.b)", "acme.b"),
        ("CREATE TABLE a (LIKE acme.b)", "acme.b"),
        ("CREATE TABLE a () INHERITS (acme.b)", "acme.b"),
        ("CREATE TABLE a PARTITION OF acme.b DEFAULT", "acme.b"),
        ("CREATE TABLE a AS TABLE acme.b", "acme.b"),
        ("ALTER TABLE IF EXISTS ONLY acme.a ADD x int", "acme.a"),
        ("ALTER TABLE a ALTER COLUMN x TYPE acme.mood", "acme.mood"),
        ("ALTER TABLE a ATTACH PARTITION acme.b DEFAULT", "acme.b"),
        ("DROP TABLE a, acme.b", "acme.b"),
        ("DROP TABLE IF EXISTS acme.a", "acme.a"),
        ("DROP INDEX acme.i", "acme.i"),
        ("TRUNCATE acme.a", "acme.a"),
        ("TRUNCATE TABLE a, acme.b", "acme.b"),
        ("LOCK TABLE acme.a", "acme.a"),
        (
            "CREATE UNIQUE INDEX IF NOT EXISTS i ON acme.a (x)",
            "acme.a",
        ),
        (
            "CREATE TRIGGER t AFTER UPDATE OF x ON acme.a EXECUTE FUNCTION f()",
            "acme.a",
        ),
        (
            "CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION acme.f()",
            "acme.f",
        ),
        ("CREATE POLICY p ON acme.a USING (true)", "acme.a"),
        ("CREATE RULE r AS ON INSERT TO acme.a DO NOTHING", "acme.a"),
        (
            "CREATE RULE r AS ON INSERT TO a DO ALSO (SELECT 1; DELETE FROM acme.b)",
            "acme.b",
        ),
        ("DROP TRIGGER t ON acme.a", "acme.a"),
        ("CREATE OR REPLACE VIEW acme.v AS SELECT 1", "acme.v"),
        (
            "CREATE MATERIALIZED VIEW v AS SELECT x FROM acme.a",
            "acme.a",
        ),
        ("REFRESH MATERIALIZED VIEW acme.v", "acme.v"),
        ("CREATE SEQUENCE acme.s", "acme.s"),
        (
            "CREATE FUNCTION acme.f() RETURNS int AS $$ $$ LANGUAGE sql",
            "acme.f",
        ),
        (
            "CREATE FUNCTION f() RETURNS SETOF acme.a AS $$ $$ LANGUAGE sql",
            "acme.a",
        ),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT x FROM acme.a; END",
            "acme.a",
        ),
        ("COMMENT ON TABLE acme.a IS ''", "acme.a"),
        ("COMMENT ON COLUMN acme.a.x IS ''", "so write a.x"),
        ("COMMENT ON CONSTRAINT c ON acme.a IS ''", "acme.a"),
        ("GRANT SELECT, INSERT ON a, acme.b TO c", "acme.b"),
        ("GRANT SELECT ON TABLE acme.a TO c", "acme.a"),
        (
            "INSERT INTO shared.plans VALUES (1)",
            "in migrations/shared",
        ),
        ("UPDATE shared.plans SET x = 1", "shared.plans"),
        ("CREATE TABLE shared.plans (id int)", "shared.plans"),
        ("ALTER TYPE shared.mood ADD VALUE 'bad'", "shared.mood"),
        ("CREATE INDEX i ON shared.plans (id)", "shared.plans"),
        ("DELETE FROM pg_catalog.pg_class", "pg_catalog.pg_class"),
        ("CREATE TYPE mood AS ENUM ('good')", "shared.NAME"),
        ("create domain email AS text", "type_name"),
        ("CREATE EXTENSION IF NOT EXISTS pgcrypto", "extensions"),
        ("DROP SCHEMA acme CASCADE", "one schema"),
        ("CREATE SCHEMA IF NOT EXISTS other", "one schema"),
        ("ALTER TABLE a SET SCHEMA other", "SET SCHEMA"),
        ("SELECT 1 FROM U&\"acm\\0065\".a", "Unicode"),
    ] {
        let text = format!("SELECT 1;\n-- {{\n{sql};\nSELECT 2");
        let refusal = check(&text, Side::Tenant).expect_err(sql);
        assert_eq!(refusal.line, 3, "{sql}");
        assert!(refusal.reason.contains(said), "{sql}: {}", refusal.reason);
    }
}

#[test]
fn columns_of_aliases_and_what_tenants_may_read_are_no_other_schema() {
    for sql in [
        "CREATE TABLE a (id int REFERENCES b ON DELETE CASCADE ON UPDATE SET NULL)",
        "CREATE TABLE a (plan int REFERENCES shared.plans, by int REFERENCES public.users (id))",
        "CREATE TABLE a (type shared.mood, view shared.mood, index extensions.ltree)",
        "CREATE TABLE a (LIKE shared.plans INCLUDING ALL)",
        "CREATE TABLE a (x int, y int GENERATED ALWAYS AS (a.x * 2) STORED, CHECK (a.x > 1))",
        "CREATE TABLE a (id uuid DEFAULT pg_catalog.gen_random_uuid(), e extensions.citext)",
        "CREATE TABLE a AS SELECT p.id FROM shared.plans p, b WHERE b.x = p.id",
        "CREATE TEMP TABLE a ON COMMIT DROP AS SELECT b.x FROM b",
        "ALTER TABLE a ADD COLUMN IF NOT EXISTS type shared.mood",
        "ALTER TABLE a ADD sequence extensions.ltree, ADD COLUMN index shared.mood",
        "ALTER TABLE a ALTER COLUMN x TYPE shared.mood USING a.x::text::shared.mood",
        "ALTER TABLE a ADD CONSTRAINT c FOREIGN KEY (x) REFERENCES b (y)",
        "ALTER SEQUENCE s OWNED BY a.id",
        "ALTER TABLE a ALTER schema SET NOT NULL, DROP schema",
        "UPDATE a SET schema = 'x', type = 'y'",
        "UPDATE a AS x SET y = b.y FROM b WHERE x.id = b.id",
        "UPDATE a SET x = b.x, y = c.y FROM b JOIN c ON b.x = c.x WHERE a.id = b.id",
        "UPDATE a SET (x, y) = (SELECT b.x, b.y FROM b WHERE b.id = a.id)",
        "INSERT INTO a SELECT b.x, c.y FROM b JOIN c ON b.x = c.x AND NOT c.gone",
        "INSERT INTO a AS t (x) VALUES (1) ON CONFLICT (x) DO UPDATE SET x = excluded.x, y = t.y RETURNING t.x, t.y",
        "INSERT INTO a SELECT p.x FROM shared.plans p ON CONFLICT DO NOTHING",
        "DELETE FROM a USING b WHERE a.x = b.x RETURNING a.x, b.y",
        "MERGE INTO a USING b ON a.x = b.x WHEN MATCHED THEN UPDATE SET x = b.x, y = b.y WHEN NOT MATCHED THEN INSERT VALUES (b.x, b.y)",
        "WITH x AS (SELECT a.y, a.z FROM a) SELECT x.y, x.z FROM x ORDER BY x.y, x.z",
        "SELECT DISTINCT ON (a.x) a.x, a.y FROM a, b WHERE a.x IN (b.x, b.y) GROUP BY a.x, a.y",
        "SELECT extract(epoch FROM a.t), trim(both FROM a.x), substring(a.x FROM b.y FOR 2) FROM a, b",
        "SELECT extract(epoch FROM (a.t - b.t)) FROM a, b",
        "SELECT a.x IS DISTINCT FROM b.x, a.y FROM a, b FOR UPDATE OF a",
        "SELECT a.*, sum(a.x) OVER (PARTITION BY a.y ORDER BY a.z) FROM a WINDOW w AS (ORDER BY a.x, a.y)",
        "SELECT x FROM a, unnest(a.tags) x, generate_series(a.y, a.z) g LIMIT 1",
        "SELECT a.x LIKE b.y, a.z FROM a JOIN b USING (id)",
        "SELECT 1.5, a.x FROM a JOIN LATERAL (SELECT b.y FROM b WHERE b.x = a.x) s ON s.y = a.y, c",
        "SELECT c.oid FROM pg_catalog.pg_class c JOIN information_schema.tables t ON t.table_name = c.relname",
        "SELECT a.x OPERATOR(pg_catalog.=) b.x, a.n COLLATE pg_catalog.\"C\" FROM a, b",
        "CREATE INDEX i ON a USING gin (lower(a.x) extensions.gin_trgm_ops) WHERE a.y",
        "CREATE VIEW v AS SELECT a.x FROM a JOIN b ON a.x = b.x JOIN shared.plans p ON p.id = a.x",
        "CREATE TRIGGER t BEFORE INSERT OR UPDATE OF x ON a FOR EACH ROW WHEN (OLD.x IS DISTINCT FROM NEW.x) EXECUTE FUNCTION shared.touch()",
        "CREATE POLICY p ON a FOR DELETE USING (a.x = 1 AND EXISTS (SELECT 1 FROM b JOIN c ON b.x = c.x))",
        "CREATE RULE r AS ON UPDATE TO a DO INSTEAD UPDATE b SET x = c.x FROM c JOIN d ON c.x = d.x",
        "CREATE FUNCTION f(x a.id%TYPE) RETURNS a.id%TYPE AS $$ SELECT acme.x $$ LANGUAGE sql",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM acme.x; END $$",
        "ALTER FUNCTION f() SET {path} FROM CURRENT",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT a.x FROM a JOIN b ON a.x = b.x; END",
        "COMMENT ON COLUMN a.x IS 'tenancy.tenants, public.a'",
        "DROP FUNCTION IF EXISTS f(shared.mood, extensions.citext)",
        "GRANT SELECT, UPDATE (x) ON a TO b",
        "SELECT u.x, \"public\" FROM u -- FROM public.x",
        "CREATE TABLE \"public.x\" (\"tenancy\" int)",
        "DO $$ BEGIN UPDATE acme.x SET y = 1; END $$",
    ] {
        let sql = sql.replace("{path}", concat!("search", "_path"));
        assert_eq!(check(&sql, Side::Tenant), Ok(()), "{sql}");
    }
}

#[test]
fn a_shared_migration_leaves_the_framework_alone() {
    for sql in [
        "DELETE FROM tenancy.tenants",
        "UPDATE tenancy.domains SET domain = 'x'",
        "SELECT id FROM tenancy.outbox",
        "CREATE TABLE tenancy.x (id int)",
        "ALTER TABLE \"tenancy\".tenants ADD x int",
    ] {
        let refusal = check(sql, Side::Shared).expect_err(sql);
        assert!(refusal.reason.contains("the framework's"), "{sql}");
    }
    for sql in [
        "CREATE TYPE shared.mood AS ENUM ('good'); CREATE TABLE public.users (id int)",
        "INSERT INTO plans SELECT t.id FROM tenancy.tenants t JOIN tenancy.domains d ON true",
        "CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA extensions; CREATE SCHEMA other",
    ] {
        assert_eq!(check(sql, Side::Shared), Ok(()), "{sql}");
    }
}

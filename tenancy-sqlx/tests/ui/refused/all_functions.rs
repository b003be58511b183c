//! Functions and types that could leave the tenant's schema, or touch the session or the server.
use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!("SELECT nextval('blogs_id_seq')");
    let _ = tenant_sql!("SELECT setval('blogs_id_seq', 1)");
    let _ = tenant_sql!("SELECT set_config('search_path', 'acme', false)");
    let _ = tenant_sql!("SELECT current_setting('search_path')");
    let _ = tenant_sql!("SELECT current_user");
    let _ = tenant_sql!("SELECT current_schema()");
    let _ = tenant_sql!("SELECT pg_advisory_xact_lock($1)");
    let _ = tenant_sql!("SELECT pg_sleep(1)");
    let _ = tenant_sql!("SELECT pg_terminate_backend($1)");
    let _ = tenant_sql!("SELECT pg_notify('blogs', $1)");
    let _ = tenant_sql!("SELECT pg_relation_size('acme.blogs')");
    let _ = tenant_sql!("SELECT lo_get($1)");
    let _ = tenant_sql!("SELECT ts_rewrite('a'::tsquery, 'SELECT t, s FROM acme.aliases')");
    let _ = tenant_sql!("SELECT word FROM ts_stat('SELECT body FROM acme.blogs') AS s");
    let _ = tenant_sql!("SELECT table_to_xml('acme.blogs', true, false, '')");
    let _ = tenant_sql!("SELECT score(id) FROM blogs");
    let _ = tenant_sql!("SELECT public.score(id) FROM blogs");
    let _ = tenant_sql!("SELECT shared.score(id) FROM blogs");
    let _ = tenant_sql!("SELECT extensions.dblink('host=other', 'SELECT 1')");
    let _ = tenant_sql!("SELECT r.a FROM extensions.crosstab('SELECT 1') AS r(a int)");
    let _ = tenant_sql!("SELECT extensions.st_clusterdbscan(place, 1, 2) FROM shops");
    let _ = tenant_sql!("SELECT to_regclass('acme.blogs')");
    let _ = tenant_sql!("SELECT 'acme.blogs'::regclass");
    let _ = tenant_sql!("SELECT $1::mood");
    let _ = tenant_sql!("SELECT $1::tenant.mood");
    let _ = tenant_sql!("SELECT $1::extensions.mood");
    let _ = tenant_sql!("SELECT id FROM blogs WHERE email::extensions.citext = $1");
    let _ = tenant_sql!("SELECT to_tsvector('acme.mine', body) FROM blogs");
    let _ = tenant_sql!("SELECT to_tsvector($1, body) FROM blogs");
}

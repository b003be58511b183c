//! Tables that are not the tenant's.
use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!("SELECT id FROM acme.blogs");
    let _ = tenant_sql!("SELECT id FROM tenancy.outbox");
    let _ = tenant_sql!("SELECT relname FROM pg_catalog.pg_class");
    let _ = tenant_sql!("SELECT table_name FROM information_schema.tables");
    let _ = tenant_sql!("SELECT id FROM pg_temp.blogs");
    let _ = tenant_sql!("SELECT id FROM extensions.blogs");
    let _ = tenant_sql!("SELECT id FROM \"Tenant\".blogs");
    let _ = tenant_sql!("SELECT id FROM db.tenant.blogs");
    let _ = tenant_sql!("SELECT b.id FROM blogs b JOIN acme.authors a ON a.id = b.author_id");
    let _ = tenant_sql!("SELECT id FROM blogs WHERE author_id IN (SELECT id FROM public.users)");
    let _ = tenant_sql!("WITH u AS (SELECT id FROM public.users) SELECT u.id FROM u");
    let _ = tenant_sql!("INSERT INTO shared.plans (name) VALUES ($1)");
    let _ = tenant_sql!("UPDATE shared.plans SET price = 0");
    let _ = tenant_sql!("DELETE FROM shared.plans");
    let _ = tenant_sql!("INSERT INTO tenancy.outbox (body) VALUES ($1)");
    let _ = tenant_sql!("UPDATE blogs SET title = u.name FROM public.users u WHERE u.id = blogs.author_id");
    let _ = tenant_sql!("MERGE INTO blogs b USING acme.blogs o ON o.id = b.id WHEN MATCHED THEN DELETE");
    let _ = tenant_sql!("SELECT id FROM blogs WHERE title OPERATOR(public.=) $1");
    let _ = tenant_sql!("SELECT title FROM blogs ORDER BY title COLLATE public.mine");
}

//! What is no statement on the app's own tables.
use tenancy_sqlx::shared_sql;

fn main() {
    let _ = shared_sql!("SELECT id FROM users");
    let _ = shared_sql!("SELECT u.id FROM public.users u JOIN plans p ON p.id = u.plan_id");
    let _ = shared_sql!("WITH users AS (SELECT 1 AS id) DELETE FROM users");
    let _ = shared_sql!("SELECT id FROM tenant.blogs");
    let _ = shared_sql!("SELECT id FROM acme.blogs");
    let _ = shared_sql!("SELECT body FROM tenancy.outbox");
    let _ = shared_sql!("UPDATE tenancy.tenants SET slug = $1");
    let _ = shared_sql!("SELECT relname FROM pg_catalog.pg_class");
    let _ = shared_sql!("SELECT acme.score(id) FROM public.users");
    let _ = shared_sql!("SELECT tenant.score(id) FROM public.users");
    let _ = shared_sql!("SELECT score(id) FROM public.users");
    let _ = shared_sql!("SELECT * FROM public.users");
    let _ = shared_sql!("INSERT INTO public.users VALUES ($1)");
    let _ = shared_sql!("SELECT public.users.id FROM public.users");
    let _ = shared_sql!("SELECT id FROM public.users FOR NO KEY UPDATE");
    let _ = shared_sql!("DROP TABLE public.users");
    let _ = shared_sql!(raw "SELECT id FROM users");
    let _ = shared_sql!(raw "SELECT id FROM acme.blogs");
    let _ = shared_sql!(raw "DELETE FROM tenancy.domains");
    let _ = shared_sql!(raw "UPDATE users SET email = $1");
}

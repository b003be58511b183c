//! What is no statement on rows, or not PostgreSQL.
use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!("");
    let _ = tenant_sql!("SELECT id FROM blogs;");
    let _ = tenant_sql!("SELECT 1; DELETE FROM blogs");
    let _ = tenant_sql!("CREATE TABLE blogs (id int)");
    let _ = tenant_sql!("ALTER TABLE blogs ADD COLUMN x int");
    let _ = tenant_sql!("TRUNCATE blogs");
    let _ = tenant_sql!("COPY blogs TO STDOUT");
    let _ = tenant_sql!("SET search_path TO acme");
    let _ = tenant_sql!("SET LOCAL ROLE acme");
    let _ = tenant_sql!("RESET ALL");
    let _ = tenant_sql!("BEGIN");
    let _ = tenant_sql!("COMMIT");
    let _ = tenant_sql!("LISTEN blogs");
    let _ = tenant_sql!("PREPARE q AS SELECT 1");
    let _ = tenant_sql!("EXPLAIN SELECT id FROM blogs");
    let _ = tenant_sql!("VACUUM blogs");
    let _ = tenant_sql!("CALL tidy()");
    let _ = tenant_sql!("DO $$ BEGIN NULL; END $$");
    let _ = tenant_sql!("LOCK TABLE blogs");
    let _ = tenant_sql!("SELECT id INTO copies FROM blogs");
    let _ = tenant_sql!("SELECT id FROM blogs LIMIT 10, 20");
    let _ = tenant_sql!("SELECT TOP 5 id FROM blogs");
    let _ = tenant_sql!("INSERT INTO blogs (id) VALUES ($1) ON DUPLICATE KEY UPDATE id = 1");
    let _ = tenant_sql!("REPLACE INTO blogs (id) VALUES ($1)");
    let _ = tenant_sql!("SELEC id FROM blogs");
    let _ = tenant_sql!("SELECT id FROM");
    let _ = tenant_sql!("SELECT id FROM blogs WHERE");
    let _ = tenant_sql!("SELECT user FROM blogs");
    let _ = tenant_sql!("SELECT id FROM order");
}

//! What the parser does not know names raw as the way out; raw itself refuses what it cannot prove.
use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!("SELECT id FROM blogs FOR NO KEY UPDATE");
    let _ = tenant_sql!("SELECT sum(n) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM counters");
    let _ = tenant_sql!("INSERT INTO users (email) VALUES ($1) ON CONFLICT (lower(email)) DO NOTHING");
    let _ = tenant_sql!("SELECT id FROM ONLY blogs");
    let _ = tenant_sql!(raw "SELECT id FROM acme.blogs");
    let _ = tenant_sql!(raw "SELECT id FROM tenant.blogs, drafts");
    let _ = tenant_sql!(raw "UPDATE blogs SET title = $1");
    let _ = tenant_sql!(raw "DELETE FROM shared.plans");
    let _ = tenant_sql!(raw "INSERT INTO tenant.blogs VALUES ($1)");
    let _ = tenant_sql!(raw "SELECT acme.title FROM tenant.blogs b");
    let _ = tenant_sql!(raw "SELECT query_to_xml('SELECT 1', true, true, '')");
    let _ = tenant_sql!(raw "SELECT * FROM tenant.blogs");
    let _ = tenant_sql!(raw "CREATE TABLE tenant.blogs (id int)");
    let _ = tenant_sql!(raw "SELECT 1; SELECT 2");
    let _ = tenant_sql!(raw "SELECT id FROM tenant.blogs NATURAL JOIN tenant.ratings");
    let _ = tenant_sql!(raw "SELECT id FROM (TABLE tenant.blogs) AS b");
}

use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!(raw "SELECT id FROM blogs FOR NO KEY UPDATE");
}

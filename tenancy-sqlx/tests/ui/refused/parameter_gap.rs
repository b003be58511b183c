use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!("SELECT id FROM blogs WHERE id = $2");
}

use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!("INSERT INTO blogs VALUES ($1)");
}

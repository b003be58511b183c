use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!("DELETE FROM blogs; DELETE FROM authors");
}

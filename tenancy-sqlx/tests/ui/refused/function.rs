use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!("SELECT query_to_xml('SELECT 1', true, true, '')");
}

use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!("SELECT 'other.blogs'::regclass");
}

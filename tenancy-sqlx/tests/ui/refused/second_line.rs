use tenancy_sqlx::tenant_sql;

fn main() {
    let _ = tenant_sql!(
        "SELECT b.id, 'grüße'
           FROM blogs b JOIN shared.plans p ON true
           JOIN tenancy.tenants t ON true"
    );
}

use tenancy_sqlx::{Read, TenantSql, Write, tenant_sql};

fn main() {
    let _: &TenantSql<Write> = tenant_sql!(raw "SELECT id FROM tenant.blogs FOR NO KEY UPDATE");
    let _: &TenantSql<Read> = tenant_sql!(raw r#"SELECT "Id" FROM ONLY tenant.blogs"#);
}

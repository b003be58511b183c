use tenancy_sqlx::{Read, TenantSql, tenant_sql};

fn main() {
    let _: &TenantSql<Read> = tenant_sql!("SELECT id FROM blogs FOR UPDATE");
}

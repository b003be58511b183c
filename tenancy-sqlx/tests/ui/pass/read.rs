use tenancy_sqlx::{Read, TenantSql, tenant_sql};

static BY_ID: &TenantSql<Read> = tenant_sql!("SELECT id, title FROM blogs WHERE id = $1");

fn main() {
    let counted: &'static TenantSql<Read> = tenant_sql!(
        "WITH recent AS (SELECT id FROM blogs WHERE views > $1)
         SELECT count(*) FROM recent JOIN shared.plans ON true"
    );
    assert_eq!(BY_ID.parameters(), 1);
    assert_eq!(counted.tables(), ["blogs"]);
    assert!(counted.is_read_only());
}

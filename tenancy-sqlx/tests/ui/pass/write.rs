use tenancy_sqlx::{TenantSql, Write, tenant_sql};

fn main() {
    let statements: [&'static TenantSql<Write>; 5] = [
        tenant_sql!("INSERT INTO blogs (title) VALUES ($1) RETURNING id"),
        tenant_sql!("UPDATE blogs SET title = $2 WHERE id = $1"),
        tenant_sql!("DELETE FROM blogs WHERE id = $1"),
        tenant_sql!("SELECT id FROM blogs FOR UPDATE"),
        tenant_sql!("SELECT tenant.score(id) FROM blogs"),
    ];
    assert!(statements.iter().all(|statement| !statement.is_read_only()));
}

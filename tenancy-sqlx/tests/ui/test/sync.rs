use tenancy_sqlx::TenantDb;

#[tenancy_sqlx::test]
fn posts_are_counted(db: TenantDb) {}

fn main() {}

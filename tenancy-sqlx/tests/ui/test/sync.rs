#[tenancy_sqlx::test]
fn posts_are_counted(db: tenancy_sqlx::TenantDb) {}

fn main() {}

#[tenancy_sqlx::test(migration = "db")]
async fn posts_are_counted(db: tenancy_sqlx::TenantDb) {}

fn main() {}

use tenancy_sqlx::TenantDb;

#[tenancy_sqlx::test(migration = "db")]
async fn posts_are_counted(db: TenantDb) {}

fn main() {}

#[tenancy_sqlx::test]
async fn posts_are_counted() {}

fn main() {}

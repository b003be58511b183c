use tenancy_sqlx::testing::FromTest;

// What the attribute asks of every argument.
fn argument<T: FromTest>() {}

fn main() {
    argument::<u32>();
}

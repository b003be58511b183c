//! Runs the test that `#[tenancy_sqlx::test]` was written on.

use super::argument::Needs;
use super::tenants::TestTenants;

/// What a test may return, and whether that is a failure.
#[diagnostic::on_unimplemented(
    message = "a #[tenancy_sqlx::test] cannot return `{Self}`",
    note = "return nothing, or a Result whose error has Debug"
)]
pub trait TestOutcome {
    /// Whether the test has failed, so that what it made is kept.
    fn has_failed(&self) -> bool;
}

impl TestOutcome for () {
    fn has_failed(&self) -> bool {
        false
    }
}

impl<T, E> TestOutcome for Result<T, E> {
    fn has_failed(&self) -> bool {
        self.is_err()
    }
}

/// Runs `test` on a runtime of its own and on what its arguments need.
pub(crate) fn run<R: TestOutcome>(
    migrations: &'static str,
    needs: &[Needs],
    test: impl AsyncFnOnce(&TestTenants) -> R,
) -> R {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("cannot make a runtime for the test: {error}"));
    runtime.block_on(async {
        let tenants = TestTenants::of(migrations, Needs::most(needs)).await;
        let outcome = test(&tenants).await;
        if outcome.has_failed() {
            tenants.keep();
        } else {
            tenants.finish().await;
        }
        outcome
    })
}

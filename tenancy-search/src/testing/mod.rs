//! What tests of a search need: the contract that every engine keeps, and queries that mean harm.

mod bench;

mod drafts;

mod finds;

mod hostile;

mod writes;

use std::sync::Arc;

use self::bench::Bench;
use crate::engine::{Engine, Placement};

pub use self::hostile::hostile_texts;

/// Checks that an engine finds what it should and nothing of another tenant, that late writes lose,
/// and that a draft is published in one step.
///
/// Each call of `make` gives a handle to the same indexes, as another process would have. All
/// tenants are new ones and are purged again, so there may be other indexes, and the suite may run
/// again.
///
/// # Panics
///
/// When the engine breaks the contract; the message says how.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use tenancy_search::MemoryEngine;
/// use tenancy_search::testing::engine_contract;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let memory = MemoryEngine::new();
/// engine_contract(|| Arc::new(memory.clone())).await;
/// # }
/// ```
pub async fn engine_contract<M: Fn() -> Arc<dyn Engine>>(make: M) {
    let bench = Bench::new(make(), make());
    for placement in [Placement::Dedicated, Placement::Shared] {
        bench.finds_what_was_meant(placement).await;
        bench.keeps_tenants_apart(placement).await;
        bench.puts_names_first(placement).await;
        bench.pages_through_equal_scores(placement).await;
        bench.lets_late_writes_lose(placement).await;
        bench.takes_many_operations(placement).await;
        bench.publishes_in_one_step(placement).await;
    }
    bench.survives_hostile_texts(Placement::Shared).await;
    bench.makes_nothing_by_writing().await;
    bench.keeps_what_is_there_when_provisioned().await;
    bench.lets_drafts_end().await;
    bench.moves_while_it_is_searched().await;
    bench.leaves_nothing_after_a_purge().await;
}

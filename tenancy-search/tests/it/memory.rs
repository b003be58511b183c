//! The engine in memory keeps the contract.

use std::sync::Arc;

use tenancy_search::MemoryEngine;
use tenancy_search::testing::{engine_contract, hostile_texts};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_contract_of_engines() {
    #[cfg(sabotage)]
    tenancy_core::testing::sabotage();
    let memory = MemoryEngine::new();
    engine_contract(|| Arc::new(memory.clone())).await;
    assert_eq!(memory.bytes(), 0, "whatever was purged is given back");
    assert!(hostile_texts().len() >= 100, "{}", hostile_texts().len());
}

//! The contract of every engine.

use std::sync::Arc;

use tenancy_search::testing::engine_contract;

use crate::server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elasticsearch_keeps_the_contract_of_engines() {
    let Some(server) = Server::find() else {
        return;
    };
    engine_contract(|| Arc::new(server.engine())).await;
}

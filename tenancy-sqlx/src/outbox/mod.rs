//! What tenants' transactions leave to be told elsewhere: the feed, and the worker that tells it.

mod feed;
mod statements;

mod worker;

pub use feed::PgOutbox;
pub use worker::{ConsumerFigures, OutboxFigures, OutboxSettings, OutboxWorker};

//! Lists in pieces: how many items a client asks for, and where the next ones start.

use serde::{Deserialize, Serialize};
use tenancy_core::FieldError;

use crate::input::fault;

/// Some items, and where the next ones start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

impl<T> Page<T> {
    /// The first `limit` of `items`, of which there is one more when there is a next page; `next`
    /// says where that starts, behind the last item of this one.
    pub(crate) fn cut(mut items: Vec<T>, limit: u8, next: impl FnOnce(&T) -> String) -> Self {
        let more = items.len() > usize::from(limit);
        items.truncate(usize::from(limit));
        let next = items.last().filter(|_| more).map(next);
        Self { items, next }
    }
}

/// How many items: 20 unless said, at most 100.
pub(crate) fn limit(asked: Option<u32>) -> Result<u8, FieldError> {
    match asked {
        None => Ok(20),
        Some(0) => Err(fault("limit", "ask for at least one")),
        Some(limit) => Ok(u8::try_from(limit.min(100)).expect("at most 100 fits")),
    }
}

//! One thing to be told.

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

/// What a transaction left to be told: it is there exactly when the change is.
///
/// ```
/// use serde_json::json;
/// use tenancy_core::outbox::Message;
/// use uuid::Uuid;
///
/// let message = Message::new(1, Uuid::now_v7(), "search.products", "42")
///     .payload(json!({ "name": "Chair" }));
/// assert_eq!(message.payload["name"], "Chair");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// Where it stands among all messages. Transactions that overlap may commit in another order,
    /// so a higher number may be seen before a lower one.
    pub seq: i64,
    /// Its id, which the transaction was told.
    pub id: Uuid,
    /// What it is about, such as `search.products`.
    pub topic: String,
    /// Which thing it is about.
    pub key: String,
    /// What else it says.
    pub payload: Value,
    /// When it was written.
    pub created_at: OffsetDateTime,
}

impl Message {
    /// A message as a [`Feed`](super::Feed) read it.
    pub fn new(seq: i64, id: Uuid, topic: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            seq,
            id,
            topic: topic.into(),
            key: key.into(),
            payload: Value::Object(serde_json::Map::new()),
            created_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    /// Sets what else it says.
    #[must_use]
    pub fn payload(mut self, payload: Value) -> Self {
        self.payload = payload;
        self
    }

    /// Sets when it was written.
    #[must_use]
    pub fn created_at(mut self, at: OffsetDateTime) -> Self {
        self.created_at = at;
        self
    }
}

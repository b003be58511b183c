//! What tenants' transactions leave to be told elsewhere, and who tells it.

mod consumer;
mod feed;
mod lease;
mod message;

pub use self::consumer::{Consumer, Delivery};
pub use self::feed::{Backlog, Claim, Feed, Hold, Next};
pub use self::lease::{Fence, Lease};
pub use self::message::Message;

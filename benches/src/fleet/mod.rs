//! What thousands of tenants cost: making them, running nothing over them, adding a column to
//! all of them, comparing them; beside raw SQL as the floor and django-tenants as the peer.
//!
//! Every side works on the same server in the same run, in turns. A figure is only kept when the
//! database afterwards is what it should be.

mod plan;

mod ground;
mod raw;
mod tables;

mod django;
mod proxy;

mod column;
mod drift;
mod noop;
mod provision;

pub mod table;

pub use column::column;
pub use django::Django;
pub use drift::drift;
pub use ground::Ground;
pub use noop::noop;
pub use plan::FleetPlan;
pub use provision::provision;

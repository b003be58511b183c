//! Benches that compare two sides of one question in one run.
//!
//! A machine's speed drifts from minute to minute, so each side is measured in short rounds that
//! alternate, and only the ratio of the two is reported: the median of the rounds' ratios, with
//! the smallest and the largest.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod client;
mod comparison;
mod plan;
mod posts;

pub mod door;
pub mod fleet;
pub mod web;

pub use client::Client;
pub use comparison::{Comparison, report};
pub use plan::{Failure, Plan, TASKS};
pub use posts::{CONNECTIONS, Post, Posts, TENANTS};

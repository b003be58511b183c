//! Benches that compare two sides of one question in one run.
//!
//! A machine's speed drifts from minute to minute, so each side is measured in short rounds that
//! alternate, and only the ratio of the two is reported: the median of the rounds' ratios, with
//! the smallest and the largest.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

mod client;
mod comparison;
mod plan;

pub mod hotpath;

pub mod catalog;

pub mod fleet;

pub use comparison::{Comparison, report};
pub use plan::{Failure, Plan, Rate, TASKS};

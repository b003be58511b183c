#![doc = include_str!("../README.md")]

mod group;

pub use group::{Audience, Group};

#![doc = include_str!("../README.md")]

mod index_name;

pub use index_name::IndexName;

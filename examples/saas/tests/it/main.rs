//! The program as its users meet it: a process, sockets and standard output.

#![allow(clippy::unwrap_used, reason = "an unexpected error fails the test")]

mod program;
mod redis;

mod aborts;
mod blog;
mod catalog;
mod commands;
mod containers;
mod demo;
mod doctor;
mod import;
mod isolation;
mod lifecycle;
mod metrics;
mod pages;
mod pooler;
mod search;
mod settings;
mod statements;
mod usage;

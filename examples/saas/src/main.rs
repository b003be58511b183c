//! `saas`: a complete multi-tenant application on the tenancy crates.
//!
//! Read `app.rs` first: it assembles the crates. Then `blog/` for how a feature is written.

mod app;
mod blog;
mod pages;
mod state;

mod cli;
mod commands;
mod settings;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Only in the build of `scripts/sabotage`, whose tests also start this program.
    #[cfg(sabotage)]
    if let Ok(name) = std::env::var("TENANCY_SABOTAGE") {
        tenancy_core::sabotage::choose(name);
    }
    cli::main()
}

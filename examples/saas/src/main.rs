//! `saas`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Only in the build of `scripts/sabotage`, whose tests also start this program.
    #[cfg(sabotage)]
    if let Ok(name) = std::env::var("TENANCY_SABOTAGE") {
        tenancy_core::sabotage::choose(name);
    }
    saas::main()
}

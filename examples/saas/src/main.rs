//! `saas`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    saas::main()
}

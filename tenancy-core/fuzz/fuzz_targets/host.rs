//! Any authority is refused, or is one host that is written in one way.
#![no_main]

#[allow(dead_code)]
#[path = "../../tests/sound/mod.rs"]
mod sound;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| sound::host(text));

//! Any text is read without a panic, and what is accepted is the text with the schema in it.
#![no_main]

#[path = "../../tests/sound/mod.rs"]
mod sound;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|sql: &str| sound::holds(sql));

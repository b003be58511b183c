//! Any text is refused as a slug and a schema, or is one as it stands.
#![no_main]

#[allow(dead_code)]
#[path = "../../tests/sound/mod.rs"]
mod sound;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| sound::names(text));

//! Checks the image and the compose files by reading them, because no engine runs here.

#![allow(clippy::unwrap_used, reason = "an unexpected error fails the test")]

mod dockerfile;
mod yaml;

mod compose;
mod image;
mod manage;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR"));
    docs.parent().expect("the docs crate has a parent").into()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The settings of `.env.example` with what stands there as their value.
fn settings() -> Vec<(String, String)> {
    let text = read(".env.example");
    let lines = text.lines().filter_map(|line| line.strip_prefix('#'));
    let settings = lines.filter_map(|line| line.split_once('='));
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let settings: Vec<_> = settings
        .filter(|(name, _)| is_name(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert!(settings.len() > 15, "found only {settings:?}");
    settings
}

fn setting(name: &str) -> String {
    let settings = settings();
    let found = settings.into_iter().find(|(found, _)| found == name);
    found.unwrap_or_else(|| panic!("no setting {name}")).1
}

/// Whether `image` says which version it is, and will not become another one.
fn is_pinned(image: &str) -> bool {
    let tag = image.rsplit('/').next().unwrap_or(image).split_once(':');
    tag.is_some_and(|(_, tag)| tag.starts_with(|c: char| c.is_ascii_digit()))
}

//! The same tests through other poolers, each in a process of its own.

use std::process::Command;

use crate::bouncer::{program, tracks_statements};
use crate::topology::CHOICE;

/// What a shorter run goes through again: whatever shares sessions or is cut off.
const SHORTER: [&str; 7] = [
    "door::",
    "leak::",
    "polls::",
    "roles::",
    "scoped::",
    "session::",
    "soak::",
];

/// Runs the tests of this program again with another choice; a short run leaves some of them to
/// the long one.
fn again(choice: &str) {
    // One that was chosen itself does not choose.
    if program().is_none() || std::env::var_os(CHOICE).is_some() {
        return;
    }
    let full = std::env::var_os("TENANCY_TEST_FULL").is_some_and(|full| full == "1");
    let mut tests = Command::new(std::env::current_exe().unwrap());
    tests
        .env(CHOICE, choice)
        .args(["--nocapture", "--test-threads=2"]);
    if !full {
        tests.args(SHORTER);
    }
    let output = tests.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "through {choice}:\n{text}\n{error}"
    );
    for line in error.lines().chain(text.lines()) {
        // Their sum is not this program's.
        if line.starts_with("soak ") || line.starts_with("test result: ") {
            eprintln!("through {choice}: {line}");
        }
    }
}

#[test]
fn the_tests_hold_with_four_sessions() {
    again("4");
}

#[test]
fn the_tests_hold_with_one_session_and_statements() {
    if tracks_statements() {
        again("1+statements");
    }
}

#[test]
fn the_tests_hold_with_four_sessions_and_statements() {
    if tracks_statements() {
        again("4+statements");
    }
}

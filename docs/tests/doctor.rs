//! Keeps the page of the doctor's codes complete.

use std::collections::BTreeMap;

use tenancy_sqlx::doctor::{Code, Severity};

const PAGE: &str = include_str!("../book/reference/doctor.md");

#[test]
fn the_page_lists_exactly_the_codes_there_are_by_severity() {
    let mut severity = None;
    let mut listed = BTreeMap::new();
    for line in PAGE.lines() {
        match line {
            "## Critical" => severity = Some(Severity::Critical),
            "## Warnings" => severity = Some(Severity::Warning),
            "## Notes" => severity = Some(Severity::Note),
            _ => {}
        }
        if let Some(code) = line
            .strip_prefix("| `")
            .and_then(|row| row.split('`').next())
        {
            listed.insert(code.to_owned(), severity);
        }
    }
    let codes = Code::ALL.iter();
    let expected = codes.map(|code| (code.to_string(), Some(code.severity())));
    assert_eq!(listed, expected.collect());
}

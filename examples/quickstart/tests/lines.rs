//! The promise of the example: thirty lines.

const BEFORE: &str = include_str!("../src/bin/before.rs");
const AFTER: &str = include_str!("../src/bin/after.rs");

/// How many lines a reviewer sees changed: where lines give way to others they count once, as the
/// larger of both numbers.
fn changed(before: &[&str], after: &[&str]) -> usize {
    // The longest common lines of every pair of ends.
    let mut common = vec![vec![0_usize; after.len() + 1]; before.len() + 1];
    for (b, old) in before.iter().enumerate().rev() {
        for (a, new) in after.iter().enumerate().rev() {
            common[b][a] = if old == new {
                common[b + 1][a + 1] + 1
            } else {
                common[b + 1][a].max(common[b][a + 1])
            };
        }
    }
    let (mut b, mut a, mut total, mut removed, mut added) = (0, 0, 0, 0_usize, 0_usize);
    while b < before.len() || a < after.len() {
        if b < before.len() && a < after.len() && before[b] == after[a] {
            total += removed.max(added);
            (removed, added) = (0, 0);
            (b, a) = (b + 1, a + 1);
        } else if a == after.len() || b < before.len() && common[b + 1][a] >= common[b][a + 1] {
            (b, removed) = (b + 1, removed + 1);
        } else {
            (a, added) = (a + 1, added + 1);
        }
    }
    total + removed.max(added)
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

#[test]
fn tenancy_changes_at_most_thirty_lines() {
    let (before, after) = (lines(BEFORE), lines(AFTER));
    let changed = changed(&before, &after);
    println!("{changed} of {} lines changed", before.len());
    assert!(before.len() >= 120, "the app before is a toy");
    assert!((10..=30).contains(&changed), "{changed} lines changed");
}

#[test]
fn lines_are_counted_as_a_reviewer_counts_them() {
    for (before, after, expected) in [
        ("a\nb\nc", "a\nb\nc", 0),
        ("a\nb\nc", "a\nx\nc", 1),
        ("a\nb\nc", "a\nx\ny\nc", 2),
        ("a\nb\nc", "a\nc", 1),
        ("a\nb\nc", "a\nb\nc\nd", 1),
        ("", "a\nb", 2),
        ("a\nb\nc\nd", "x\nb\nc\ny", 2),
    ] {
        assert_eq!(
            changed(&lines(before), &lines(after)),
            expected,
            "{before:?} {after:?}"
        );
    }
}

#[test]
fn the_tables_are_the_same() {
    assert_eq!(
        include_str!("../migrations/before/1_notes.sql"),
        include_str!("../migrations/tenant/1_notes.sql")
    );
}

//! What is printed while the bench runs, and the figures that are kept.

use serde_json::{Value, json};

/// Prints the heads of the table.
pub fn heads() {
    println!(
        "{:>7}  {:<44} {:>12}  {:>9}",
        "tenants", "what", "median", "times"
    );
}

/// Prints one figure as soon as it is known; `ratio` is how it compares with the side that was named
/// before.
pub(super) fn row(tenants: usize, what: &str, median: &str, ratio: &str) {
    println!("{tenants:>7}  {what:<44} {median:>12}  {ratio:>9}");
}

/// Says why something is missing.
pub fn note(note: &str) {
    println!("         {note}");
}

/// How many times what `ours` takes, `other` takes.
pub(super) fn times(other: f64, ours: f64) -> String {
    format!("{:.2} x", other / ours)
}

/// The middle one.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A figure without digits that mean nothing.
pub(super) fn figure(value: f64) -> Value {
    if value.abs() >= 1.0 {
        json!((value * 100.0).round() / 100.0)
    } else {
        json!((value * 10_000.0).round() / 10_000.0)
    }
}

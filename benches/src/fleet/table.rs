//! What is printed while the bench runs, and the figures that are kept.

use serde_json::{Value, json};

/// Prints a row as soon as it is known.
#[derive(Debug, Default)]
pub struct Table;

impl Table {
    /// Prints the heads.
    pub fn start() -> Self {
        println!(
            "{:>7}  {:<44} {:>12}  {:>9}",
            "tenants", "what", "median", "times"
        );
        Self
    }

    /// Prints one figure; `ratio` is how it compares with the side that was named before.
    pub(super) fn row(&mut self, tenants: usize, what: &str, median: &str, ratio: &str) {
        println!("{tenants:>7}  {what:<44} {median:>12}  {ratio:>9}");
    }

    /// Says why something is missing.
    pub fn note(&mut self, note: &str) {
        println!("         {note}");
    }
}

/// How many times what `ours` takes, `other` takes.
pub fn times(other: f64, ours: f64) -> String {
    format!("{:.2} x", other / ours)
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A figure without digits that mean nothing.
pub fn figure(value: f64) -> Value {
    if value.abs() >= 1.0 {
        json!((value * 100.0).round() / 100.0)
    } else {
        json!((value * 10_000.0).round() / 10_000.0)
    }
}

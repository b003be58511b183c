//! Benches that compare two sides of one question in one run.
//!
//! A machine's speed drifts from minute to minute, so each side is measured in short rounds that
//! alternate, and only the ratio of the two is reported: the median of the rounds' ratios, with
//! the smallest and the largest.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::fmt;
use std::path::Path;
use std::time::Duration;

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Rounds, each of which measures both sides once.
    pub rounds: usize,
    /// How long one side is measured in a round.
    pub slice: Duration,
}

impl Plan {
    /// A plan by the command line: short with `--quick`.
    pub fn from_args() -> Self {
        if std::env::args().any(|arg| arg == "--quick") {
            Self {
                rounds: 3,
                slice: Duration::from_millis(300),
            }
        } else {
            Self {
                rounds: 9,
                slice: Duration::from_secs(2),
            }
        }
    }
}

/// What one comparison found, in operations per second.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// What was compared.
    pub name: &'static str,
    /// Each round's figures: the side under test, then the floor.
    pub rounds: Vec<(f64, f64)>,
}

impl Comparison {
    /// The rounds' ratios, smallest first.
    fn ratios(&self) -> Vec<f64> {
        let mut ratios: Vec<f64> = self
            .rounds
            .iter()
            .map(|(side, floor)| side / floor)
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    /// The middle one of the rounds' ratios.
    pub fn ratio(&self) -> f64 {
        let ratios = self.ratios();
        ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratios = self.ratios();
        let (least, most) = (
            ratios.first().unwrap_or(&f64::NAN),
            ratios.last().unwrap_or(&f64::NAN),
        );
        write!(
            f,
            "{:<44} {:>6.2}  ({least:.2}-{most:.2}, {} rounds)",
            self.name,
            self.ratio(),
            ratios.len()
        )
    }
}

/// Prints the comparisons and writes their ratios to `target/bench/NAME.json`.
///
/// # Errors
///
/// When the file cannot be written.
pub fn report(bench: &str, comparisons: &[Comparison]) -> std::io::Result<()> {
    println!("{:<44} {:>6}", bench, "ratio");
    for comparison in comparisons {
        println!("{comparison}");
    }
    let ratios: serde_json::Map<_, _> = comparisons
        .iter()
        .map(|comparison| (comparison.name.to_owned(), comparison.ratio().into()))
        .collect();
    let folder = Path::new("target/bench");
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!("{bench}.json"));
    std::fs::write(&file, format!("{:#}\n", serde_json::Value::from(ratios)))?;
    println!("written to {}", file.display());
    Ok(())
}

//! What the rounds found, as ratios.

use std::fmt;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::plan::Failure;

/// What one comparison found, in operations per second.
#[derive(Debug, Clone)]
pub struct Comparison {
    name: &'static str,
    rounds: Vec<(f64, f64)>,
}

impl Comparison {
    /// A comparison that has no round yet.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            rounds: Vec::new(),
        }
    }

    /// What is compared.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Adds a round: the side under test, then the floor.
    pub fn add(&mut self, side: f64, floor: f64) {
        self.rounds.push((side, floor));
    }

    /// The rounds' ratios, smallest first.
    fn ratios(&self) -> Vec<f64> {
        sorted(self.rounds.iter().map(|(side, floor)| side / floor))
    }

    fn figures(&self) -> Figures {
        let ratios = self.ratios();
        Figures {
            ratio: middle(&ratios),
            least: ratios.first().copied().unwrap_or(f64::NAN),
            most: ratios.last().copied().unwrap_or(f64::NAN),
            side: middle(&sorted(self.rounds.iter().map(|(side, _)| *side))),
            floor: middle(&sorted(self.rounds.iter().map(|(_, floor)| *floor))),
        }
    }
}

struct Figures {
    ratio: f64,
    least: f64,
    most: f64,
    side: f64,
    floor: f64,
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = self.figures();
        write!(
            f,
            "{:<58} {:>6.3}  {:.3}..{:.3} {:>9.0} {:>9.0}",
            self.name, figures.ratio, figures.least, figures.most, figures.side, figures.floor,
        )
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints the comparisons and writes them to `target/bench/NAME.json`.
///
/// # Errors
///
/// When the file cannot be written.
pub fn report(bench: &str, comparisons: &[Comparison]) -> Result<(), Failure> {
    println!(
        "{bench:<58} {:>6}  {:>12} {:>9} {:>9}",
        "ratio", "min..max", "side/s", "floor/s"
    );
    let mut rows = Map::new();
    for comparison in comparisons {
        println!("{comparison}");
        let figures = comparison.figures();
        rows.insert(
            comparison.name.to_owned(),
            json!({
                "ratio": figures.ratio,
                "min": figures.least,
                "max": figures.most,
                "rounds": comparison.rounds.len(),
                "side_per_second": figures.side.round(),
                "floor_per_second": figures.floor.round(),
            }),
        );
    }
    let folder = Path::new("target/bench");
    std::fs::create_dir_all(folder)?;
    let file = folder.join(format!("{bench}.json"));
    std::fs::write(&file, format!("{:#}\n", Value::from(rows)))?;
    println!("written to {}", file.display());
    Ok(())
}

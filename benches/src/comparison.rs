//! What the rounds found, as ratios.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::plan::{Failure, Rate};

/// What one comparison found.
#[derive(Debug, Clone)]
pub struct Comparison {
    part: &'static str,
    what: &'static str,
    rounds: Vec<(Rate, Rate)>,
}

impl Comparison {
    /// A comparison that has no round yet: of `what` in the file's `part`.
    pub fn new(part: &'static str, what: &'static str) -> Self {
        Self {
            part,
            what,
            rounds: Vec::new(),
        }
    }

    /// Adds a round: the side under test, then the floor.
    pub fn add(&mut self, side: Rate, floor: Rate) {
        self.rounds.push((side, floor));
    }

    /// The rounds' ratios, smallest first.
    fn ratios(&self) -> Vec<f64> {
        let ratio = |(side, floor): &(Rate, Rate)| side.per_second / floor.per_second;
        sorted(self.rounds.iter().map(ratio))
    }

    fn sides(&self) -> impl Iterator<Item = &Rate> {
        self.rounds.iter().map(|(side, _)| side)
    }

    fn floors(&self) -> impl Iterator<Item = &Rate> {
        self.rounds.iter().map(|(_, floor)| floor)
    }

    fn details(&self) -> Value {
        let ratios = self.ratios();
        let one = |rates: Vec<&Rate>| {
            let per_second = sorted(rates.iter().map(|rate| rate.per_second));
            json!({
                "per_second": middle(&per_second).round(),
                "p50_us": micros(rates.iter().map(|rate| rate.median)),
                "p99_us": micros(rates.iter().map(|rate| rate.p99)),
            })
        };
        json!({
            "ratio": middle(&ratios),
            "min": ratios.first(),
            "max": ratios.last(),
            "rounds": ratios.len(),
            "side": one(self.sides().collect()),
            "floor": one(self.floors().collect()),
        })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratios = self.ratios();
        let least = ratios.first().copied().unwrap_or(f64::NAN);
        let most = ratios.last().copied().unwrap_or(f64::NAN);
        write!(
            f,
            "{:<20} {:<9} {:>6.3}  {least:.3}..{most:.3} {:>8.0} {:>8.0} {:>7} {:>7} {:>7} {:>7}",
            self.part,
            self.what,
            middle(&ratios),
            middle(&sorted(self.sides().map(|rate| rate.per_second))),
            middle(&sorted(self.floors().map(|rate| rate.per_second))),
            micros(self.sides().map(|rate| rate.median)),
            micros(self.floors().map(|rate| rate.median)),
            micros(self.sides().map(|rate| rate.p99)),
            micros(self.floors().map(|rate| rate.p99)),
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

/// The middle one in microseconds.
fn micros(times: impl Iterator<Item = Duration>) -> u128 {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(times.len() / 2).map_or(0, Duration::as_micros)
}

/// Prints the comparisons and writes them to `target/bench/NAME.json`: each part's ratios, what
/// else was found, and the rounds' `details`.
///
/// # Errors
///
/// When the file cannot be written.
pub fn report(
    bench: &str,
    comparisons: &[Comparison],
    found: Map<String, Value>,
) -> Result<(), Failure> {
    println!(
        "{bench:<30} {:>6}  {:>12} {:>8} {:>8} {:>7} {:>7} {:>7} {:>7}",
        "ratio", "min..max", "side/s", "floor/s", "p50 us", "floor", "p99 us", "floor"
    );
    let mut file = found;
    let mut details = Map::new();
    for comparison in comparisons {
        println!("{comparison}");
        let (part, what) = (comparison.part, comparison.what);
        let ratio = json!(middle(&comparison.ratios()));
        for (map, value) in [(&mut file, ratio), (&mut details, comparison.details())] {
            let of_part = map.entry(part).or_insert_with(|| json!({}));
            of_part[what] = value;
        }
    }
    file.insert("details".to_owned(), Value::from(details));
    let folder = Path::new("target/bench");
    std::fs::create_dir_all(folder)?;
    let path = folder.join(format!("{bench}.json"));
    std::fs::write(&path, format!("{:#}\n", Value::from(file)))?;
    println!("written to {}", path.display());
    Ok(())
}

//! How many tenants, and which parts.

use tenancy_sqlx::embedded::Durability;

use crate::plan::Failure;

/// What the command line asks for.
#[derive(Debug, Clone)]
pub struct FleetPlan {
    /// The sizes to measure at, smallest first.
    pub tenants: Vec<usize>,
    /// What the names of the parts to measure have in them.
    pub only: String,
    /// The largest size that the peer goes to, which needs minutes for a thousand.
    pub peer: usize,
    /// Whether commits wait for the disk.
    pub durability: Durability,
}

impl FleetPlan {
    /// A plan by the command line: `--quick`, `--tenants N,N,…`, `--only TEXT`,
    /// `--without-fsync`.
    ///
    /// # Errors
    ///
    /// For other words.
    pub fn from_args() -> Result<Self, Failure> {
        let mut plan = Self {
            tenants: vec![100, 1_000, 10_000],
            only: String::new(),
            peer: 1_000,
            durability: Durability::Safe,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match (&*word, words.len()) {
                ("--quick", _) => (plan.tenants, plan.peer) = (vec![100], 100),
                ("--tenants", 1..) => plan.tenants = sizes(&words.next().unwrap_or_default())?,
                ("--without-fsync", _) => plan.durability = Durability::Fast,
                ("--only", 1..) => plan.only = words.next().unwrap_or_default(),
                _ => {
                    return Err(format!(
                        "{word} is no word: use --quick, --tenants 100,1000, --only TEXT, \
                         --without-fsync"
                    )
                    .into());
                }
            }
        }
        Ok(plan)
    }

    /// Whether a part is asked for.
    pub fn has(&self, part: &str) -> bool {
        part.contains(&self.only)
    }
}

/// Numbers of tenants that grow, from a hundred on: the rounds need so many to make.
fn sizes(words: &str) -> Result<Vec<usize>, Failure> {
    let sizes: Vec<usize> = words
        .split(',')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("--tenants {words}: {error}"))?;
    if sizes.first().is_some_and(|least| *least < 100) || !sizes.is_sorted_by(|a, b| a < b) {
        return Err(format!("--tenants {words}: give numbers that grow, from 100 on").into());
    }
    Ok(sizes)
}

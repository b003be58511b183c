//! What the cache saves a read, and what search costs beside the engine alone.

use serde_json::Map;
use tenancy_benches::catalog::{Shop, Sides, parts};
use tenancy_benches::{Comparison, Failure, Plan, report};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let plan = Plan::from_args()?;
    let shop = Shop::open().await?;
    let sides = Sides::start(&shop).await?;
    let parts = parts().into_iter();
    let mut rows: Vec<_> = parts
        .filter(|part| part.name.contains(&plan.only))
        .map(|part| (part, Comparison::new(part.name, part.what)))
        .collect();
    // The first round warms connections, statements and the cache up and is not counted.
    for round in 0..=plan.rounds {
        let slice = if round == 0 { plan.warm_up } else { plan.slice };
        for (part, comparison) in &mut rows {
            let (side, floor) = sides.compare(part, round, slice).await?;
            if round > 0 {
                comparison.add(side, floor);
            }
        }
    }
    let comparisons: Vec<_> = rows.into_iter().map(|(_, found)| found).collect();
    report("catalog", &comparisons, Map::new())?;
    drop(sides);
    shop.close().await
}

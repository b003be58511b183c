//! What a tenant costs a read: through the SQL door, against the same handlers on a plain sqlx pool
//! and one schema, with two to ten thousand tenants and beside a slow one.

use serde_json::{Map, Value, json};
use tenancy_benches::hotpath::{Posts, Sides, parts};
use tenancy_benches::{Comparison, Failure, Plan, report};

/// The slow tenant comes after the hundred that are asked for.
const LEAST: usize = 101;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a bench prints what it found")]
async fn main() -> Result<(), Failure> {
    let plan = Plan::from_args()?;
    let posts = Posts::make(plan.tenants.clamp(LEAST, 10_000)).await?;
    let sides = Sides::start(&posts).await?;

    let named = |part: &tenancy_benches::hotpath::Part| part.name.contains(&plan.only);
    let parts = parts(plan.tenants).into_iter().filter(named);
    let mut rows: Vec<_> = parts
        .map(|part| (part, Comparison::new(part.name, part.what)))
        .collect();
    // The first round warms connections and statements up and is not counted.
    for round in 0..=plan.rounds {
        let slice = if round == 0 { plan.warm_up } else { plan.slice };
        for (part, comparison) in &mut rows {
            let (side, floor) = sides.compare(part, round, slice).await?;
            if round > 0 {
                comparison.add(side, floor);
            }
        }
    }
    let (backend_mb, opened) = sides.backends().await?;
    let found = Map::from_iter([
        ("backend_mb".to_owned(), json!(backend_mb)),
        ("connections_opened".to_owned(), json!(opened)),
        ("tenants".to_owned(), json!(plan.tenants)),
        // Paths that this version does not have.
        ("lanes".to_owned(), Value::Null),
        ("exclusive".to_owned(), Value::Null),
    ]);
    let comparisons: Vec<_> = rows.into_iter().map(|(_, found)| found).collect();
    report("hotpath", &comparisons, found)?;
    if let Some(most) = backend_mb {
        println!("largest process of the server: {most:.1} MB; connections opened: {opened}");
    }
    sides.end().await;
    posts.drop_all().await;
    Ok(())
}

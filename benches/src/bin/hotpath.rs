//! What a tenant costs a read: a hundred tenants through the SQL door, against the same handler
//! on a plain sqlx pool and one schema.

use tenancy_benches::door::{self, Rows};
use tenancy_benches::web::Server;
use tenancy_benches::{Comparison, Failure, Plan, Posts, report};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let plan = Plan::from_args()?;
    let posts = Posts::make().await?;
    let tenants = Server::with_tenants(&posts).await?;
    let plain = Server::plain(&posts).await?;

    let names = [
        "HTTP: one row by key",
        "HTTP: a list of 20 rows",
        "HTTP: no rows (what resolving the host costs)",
        "door only: one row by key",
        "door only: a list of 20 rows",
        "door only: one row by key, floor with the same 100 texts",
        "door only: a list of 20 rows, floor with the same 100 texts",
    ];
    let mut comparisons: Vec<(usize, Comparison)> = (0..)
        .zip(names.map(Comparison::new))
        .filter(|(_, comparison)| comparison.name().contains(&plan.only))
        .collect();
    // The first round warms connections and statements up and is not counted.
    for round in 0..=plan.rounds {
        let slice = if round == 0 { plan.warm_up } else { plan.slice };
        for (row, comparison) in &mut comparisons {
            let side = async || match *row {
                0 => tenants.rows(Rows::One, slice).await,
                1 => tenants.rows(Rows::List, slice).await,
                2 => tenants.nothing(slice).await,
                3 | 5 => door::tenants(&posts, Rows::One, slice).await,
                _ => door::tenants(&posts, Rows::List, slice).await,
            };
            let floor = async || match *row {
                0 => plain.rows(Rows::One, slice).await,
                1 => plain.rows(Rows::List, slice).await,
                2 => plain.nothing(slice).await,
                3 => door::plain(&posts, Rows::One, slice).await,
                4 => door::plain(&posts, Rows::List, slice).await,
                5 => door::same_texts(&posts, Rows::One, slice).await,
                _ => door::same_texts(&posts, Rows::List, slice).await,
            };
            // Whoever comes second finds the machine warmer, so they take turns.
            let (side, floor) = if round % 2 == 0 {
                let side = side().await?;
                (side, floor().await?)
            } else {
                let floor = floor().await?;
                (side().await?, floor)
            };
            if round > 0 {
                comparison.add(side, floor);
            }
        }
    }
    let comparisons: Vec<Comparison> = comparisons.into_iter().map(|(_, found)| found).collect();
    report("hotpath", &comparisons)?;
    drop((tenants, plain));
    posts.drop_all().await;
    Ok(())
}

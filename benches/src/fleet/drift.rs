//! Comparing what every tenant's schema is with what its migrations make of it.

use std::time::Instant;

use serde_json::{Value, json};
use tenancy_sqlx::{Fleet, Selection};

use super::ground::{Ground, schema};
use super::raw;
use super::table::{self, figure, median, times};
use crate::plan::Failure;

const ROUNDS: usize = 3;

/// Measures a comparison of all tenants beside one query that only lists their columns.
///
/// # Errors
///
/// Whatever the server answers, and when a tenant drifts: none of them did.
pub async fn drift(ground: &Ground) -> Result<Value, Failure> {
    let tenants = ground.made;
    let fleet = ground.fleet().await?;
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for turn in 0..2 {
            if (turn + round) % 2 == 0 {
                let clock = Instant::now();
                let report = fleet.drift(Selection::tenants()).await?;
                ours.push(clock.elapsed().as_secs_f64());
                if report.checked != tenants || report.has_drift() {
                    return Err(format!("{tenants} tenants alike were not: no figures").into());
                }
            } else {
                let mut connection = ground.connect().await?;
                let clock = Instant::now();
                let found = raw::columns(&mut connection).await?;
                floor.push(clock.elapsed().as_secs_f64());
                if found < tenants * 8 {
                    return Err(format!("{found} columns in {tenants} tenants").into());
                }
            }
        }
    }
    finds(ground, &fleet).await?;
    let (ours, floor) = (median(ours), median(floor));
    table::row(tenants, "drift", &format!("{ours:.3} s"), "");
    table::row(
        tenants,
        "  floor: one query for all columns",
        &format!("{floor:.3} s"),
        &times(floor, ours),
    );
    Ok(json!({
        "seconds": figure(ours),
        "floor_seconds": figure(floor),
        "ratio_to_floor": figure(ours / floor),
    }))
}

/// Refuses figures of a comparison that overlooks an index which one tenant lacks.
async fn finds(ground: &Ground, fleet: &Fleet) -> Result<(), Failure> {
    let mut connection = ground.connect().await?;
    let [name, slug] = ["t_", "t-"].map(|prefix| schema(prefix, ground.made / 2));
    raw::send(&mut connection, &format!("DROP INDEX {name}.products_name")).await?;
    let report = fleet.drift(Selection::tenants()).await?;
    let again = format!("CREATE INDEX products_name ON {name}.products (name)");
    raw::send(&mut connection, &again).await?;
    match report.tenants.as_slice() {
        [one] if one.slug.as_str() == slug => Ok(()),
        others => Err(format!("{} tenants drift, not one", others.len()).into()),
    }
}

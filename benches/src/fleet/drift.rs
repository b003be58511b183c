//! Comparing what every tenant's schema is with what its migrations make of it.

use std::time::Instant;

use serde_json::{Value, json};

use super::ground::Ground;
use super::raw;
use super::table::{Table, figure, median};
use crate::plan::Failure;

const ROUNDS: usize = 3;

/// Measures a comparison of all tenants beside one query that only lists their columns.
///
/// # Errors
///
/// Whatever the server answers, and when a tenant drifts: none of them did.
pub async fn drift(ground: &Ground, table: &mut Table) -> Result<Value, Failure> {
    let tenants = ground.made;
    let mut floor = Vec::new();
    for _ in 0..ROUNDS {
        let mut connection = ground.connect().await?;
        let clock = Instant::now();
        let found = raw::columns(&mut connection).await?;
        floor.push(clock.elapsed().as_secs_f64());
        if found < tenants * 8 {
            return Err(format!("{found} columns in {tenants} tenants: no figures").into());
        }
    }
    let floor = median(floor);
    table.row(tenants, "list every column of every tenant", &format!("{floor:.3} s"), "");
    Ok(json!({ "floor_seconds": figure(floor) }))
}

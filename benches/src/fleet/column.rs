//! One more nullable column in a table of every tenant.

use std::time::Instant;

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use tenancy_sqlx::Selection;

use super::django::Django;
use super::ground::{Ground, JOBS, jobs, signed};
use super::raw::{self, Pace};
use super::table::{self, figure, median, times};
use crate::plan::Failure;

const ROUNDS: usize = 3;

/// Measures a migration of all tenants.
///
/// # Errors
///
/// Whatever the server answers, and when a column or a ledger entry is missing afterwards.
pub async fn column(ground: &mut Ground, django: Option<&mut Django>) -> Result<Value, Failure> {
    let tenants = ground.made;
    let mut connection = ground.connect().await?;
    let mut idle = Vec::new();
    for _ in 0..JOBS {
        idle.push(ground.connect().await?);
    }
    let (mut ours, mut batches, mut single) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for turn in 0..3 {
            match (turn + round) % 3 {
                0 => ours.push(migrate(ground, &mut connection).await?),
                side => {
                    let (pace, times) = if side == 1 {
                        (Pace::Batches, &mut batches)
                    } else {
                        (Pace::OneByOne, &mut single)
                    };
                    let clock = Instant::now();
                    idle = raw::add_column(idle, tenants, "by_hand", pace).await?;
                    times.push(clock.elapsed().as_secs_f64());
                    verify(&mut connection, "by_hand", tenants).await?;
                    let entries = raw::count_entries(&mut connection).await?;
                    if entries != signed(tenants) {
                        return Err(format!("the floor entered {entries} of {tenants}").into());
                    }
                    raw::drop_column(&mut connection, tenants, "by_hand").await?;
                }
            }
        }
    }
    let django = match django {
        Some(django) => {
            let standard = django.column("standard", tenants)?;
            Some((standard, django.column("multiprocessing", tenants)?))
        }
        None => None,
    };
    let (ours, batches, single) = (median(ours), median(batches), median(single));
    let row = |what: &str, took: f64| (what.to_owned(), took);
    let mut rows = vec![
        row("  floor: 10 per transaction, 4 connections", batches),
        row("  floor: 1 per transaction, 4 connections", single),
    ];
    if let Some((standard, parallel)) = django {
        rows.push(row("  migrate_schemas, standard", standard));
        rows.push(row("  migrate_schemas, multiprocessing", parallel));
    }
    table::row(tenants, "add a column", &format!("{ours:.3} s"), "");
    for (what, took) in rows {
        table::row(tenants, &what, &format!("{took:.3} s"), &times(took, ours));
    }
    Ok(json!({
        "seconds": figure(ours),
        "raw_seconds": figure(batches),
        "ratio_to_raw": figure(ours / batches),
        "one_by_one_seconds": figure(single),
        "ratio_to_one_by_one": figure(ours / single),
        "django_seconds": django.map(|(standard, _)| figure(standard)),
        "django_multiprocessing_seconds": django.map(|(_, parallel)| figure(parallel)),
        "django_ratio": django.map(|(standard, _)| figure(standard / ours)),
        "django_multiprocessing_ratio": django.map(|(_, parallel)| figure(parallel / ours)),
    }))
}

/// Seconds of the fleet's own run, with a file more than before.
async fn migrate(ground: &mut Ground, connection: &mut PgConnection) -> Result<f64, Failure> {
    let column = ground.files.add_column()?;
    let fleet = ground.fleet().await?;
    let clock = Instant::now();
    let report = fleet.migrate(Selection::tenants(), jobs(), |_| {}).await?;
    let took = clock.elapsed().as_secs_f64();
    if let Some(failure) = report.failures().next() {
        let failed = report.failures().count();
        return Err(format!("{failed} of {} tenants failed: {failure}", ground.made).into());
    }
    verify(connection, &column, ground.made).await?;
    ground.verify(connection).await?;
    Ok(took)
}

async fn verify(
    connection: &mut PgConnection,
    column: &str,
    tenants: usize,
) -> Result<(), Failure> {
    let found = raw::count_column(connection, column).await?;
    if found == signed(tenants) {
        Ok(())
    } else {
        Err(format!("{column} is in {found} of {tenants} schemas: no figures").into())
    }
}

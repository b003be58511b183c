//! Making tenants, one after the other and several at a time.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::ConnectOptions;
use tokio::task::JoinSet;

use super::django::Django;
use super::ground::{Ground, JOBS, create, verify};
use super::raw::{self, Rights};
use super::table::{self, figure, median, times};
use crate::plan::Failure;

const ROUNDS: usize = 6;
/// Tenants that a side makes in its turn, one after the other.
const SERIAL: usize = 7;
const BULK_ROUNDS: usize = 3;
/// Tenants that a side makes in its turn, several at a time.
const BULK: u32 = 16;
/// Tenants that all rounds make.
pub(super) const ALL: usize = ROUNDS * SERIAL + BULK_ROUNDS * BULK as usize;

#[derive(Debug, Default)]
struct Sides {
    ours: Vec<f64>,
    /// The same rights, on a connection that is open.
    floor: Vec<f64>,
    /// The same on a connection that is opened for it, as ours is.
    fresh: Vec<f64>,
    /// The tables only.
    bare: Vec<f64>,
    django: Vec<f64>,
}

/// Measures the last tenants up to `tenants`, beside schemas that the floor makes.
///
/// # Errors
///
/// Whatever the server answers, and when a schema is not whole afterwards.
pub async fn provision(
    ground: &mut Ground,
    django: Option<&mut Django>,
    tenants: usize,
) -> Result<Value, Failure> {
    ground.fill(tenants - ALL).await?;
    // As a program would that makes tenants while somebody waits.
    let fleet = ground
        .fleet()
        .await?
        .keep_connections(Duration::from_secs(10));
    let mut connection = ground.connect().await?;
    let login = ground.app().get_username().to_owned();
    let owner = ground.owner();
    let mut sides = Sides::default();
    let mut made = 0;
    let mut django = match django {
        Some(django) => {
            django.fill(tenants - ROUNDS * SERIAL)?;
            Some(django)
        }
        None => None,
    };
    // The first of each side finds caches cold that the others find warm.
    raw::create(&mut connection, &ground.files, made, Rights::Nobody, &login).await?;
    made += 1;
    for round in 0..ROUNDS {
        for turn in 0..5 {
            match (turn + round) % 5 {
                0 => {
                    for number in ground.made..ground.made + SERIAL {
                        let clock = Instant::now();
                        create(&fleet, number).await?;
                        sides.ours.push(milliseconds(clock));
                    }
                    ground.made += SERIAL;
                }
                1 | 2 => {
                    let (rights, side) = if (turn + round) % 5 == 1 {
                        (Rights::Application, &mut sides.floor)
                    } else {
                        (Rights::Nobody, &mut sides.bare)
                    };
                    for _ in 0..SERIAL {
                        let clock = Instant::now();
                        raw::create(&mut connection, &ground.files, made, rights, &login).await?;
                        side.push(milliseconds(clock));
                        made += 1;
                    }
                }
                3 => {
                    for _ in 0..SERIAL {
                        let clock = Instant::now();
                        let mut fresh = owner.connect().await?;
                        let rights = Rights::Application;
                        raw::create(&mut fresh, &ground.files, made, rights, &login).await?;
                        sqlx::Connection::close(fresh).await?;
                        sides.fresh.push(milliseconds(clock));
                        made += 1;
                    }
                }
                _ => {
                    if let Some(django) = &mut django {
                        sides.django.extend(django.create(SERIAL)?);
                    }
                }
            }
        }
    }
    let (mut bulk, mut raw_bulk) = (Vec::new(), Vec::new());
    for _ in 0..BULK_ROUNDS {
        let clock = Instant::now();
        ground.create(&fleet, BULK as usize, JOBS).await?;
        bulk.push(milliseconds(clock) / f64::from(BULK));
        raw_bulk.push(raw_in_bulk(ground, made, &login).await? / f64::from(BULK));
        made += BULK as usize;
    }
    ground.verify(&mut connection).await?;
    verify(&mut connection, "raw_", made).await?;
    if let Some(django) = &mut django {
        django.verify(tenants)?;
    }
    raw::forget(&mut connection, 0..made).await?;
    Ok(report(tenants, sides, bulk, raw_bulk))
}

/// Milliseconds that the floor needs on several open connections.
async fn raw_in_bulk(ground: &Ground, from: usize, login: &str) -> Result<f64, Failure> {
    let mut connections = Vec::new();
    for _ in 0..JOBS {
        connections.push(ground.connect().await?);
    }
    let clock = Instant::now();
    let mut tasks = JoinSet::new();
    for (turn, mut connection) in connections.into_iter().enumerate() {
        let (files, login) = (ground.files.clone(), login.to_owned());
        tasks.spawn(async move {
            for number in (from + turn..from + BULK as usize).step_by(JOBS) {
                let rights = Rights::Application;
                raw::create(&mut connection, &files, number, rights, &login).await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(milliseconds(clock))
}

fn report(tenants: usize, sides: Sides, bulk: Vec<f64>, raw_bulk: Vec<f64>) -> Value {
    let (ours, floor) = (median(sides.ours), median(sides.floor));
    let (fresh, bare) = (median(sides.fresh), median(sides.bare));
    let (bulk, raw_bulk) = (median(bulk), median(raw_bulk));
    let django = (!sides.django.is_empty()).then(|| median(sides.django));
    let ms = |ms: f64| format!("{ms:.1} ms");
    let row = |what: &str, side: f64, against: Option<f64>| {
        let ratio = against.map_or_else(String::new, |other| times(side, other));
        table::row(tenants, what, &ms(side), &ratio);
    };
    row("make a tenant", ours, None);
    row("  floor: one script, open connection", floor, Some(ours));
    row("  floor: the same, tables only", bare, Some(ours));
    row("  floor: the same, new connection", fresh, Some(ours));
    if let Some(django) = django {
        row("  django-tenants", django, Some(ours));
    }
    row("make tenants, 4 at a time, each", bulk, None);
    row("  floor: 4 open connections", raw_bulk, Some(bulk));
    if let Some(django) = django {
        row("  django-tenants (has one at a time)", django, Some(bulk));
    }
    json!({
        "ms": figure(ours),
        "floor_ms": figure(floor),
        "ratio_to_floor": figure(ours / floor),
        "bare_ms": figure(bare),
        "ratio_to_bare": figure(ours / bare),
        "new_connection_ms": figure(fresh),
        "ratio_to_new_connection": figure(ours / fresh),
        "bulk_ms": figure(bulk),
        "bulk_ratio_to_floor": figure(bulk / raw_bulk),
        "django_ms": django.map(figure),
        "django_ratio": django.map(|django| figure(django / ours)),
        "django_bulk_ratio": django.map(|django| figure(django / bulk)),
    })
}

fn milliseconds(clock: Instant) -> f64 {
    clock.elapsed().as_secs_f64() * 1e3
}

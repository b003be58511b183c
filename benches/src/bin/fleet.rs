//! What thousands of tenants cost, against raw SQL and against django-tenants.

use std::path::Path;

use serde_json::{Map, Value, json};
use tenancy_benches::Failure;
use tenancy_benches::fleet::{self, Django, FleetPlan, Ground, table};
use tenancy_sqlx::embedded::Durability;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let plan = FleetPlan::from_args()?;
    let mut ground = Ground::start(plan.durability).await?;
    let mut django = match Django::start(&ground).await {
        Ok(django) => Some(django),
        Err(why) => {
            table::note(&format!("without django-tenants: {why}"));
            None
        }
    };
    table::heads();
    let fsync = plan.durability == Durability::Safe;
    let mut parts = Map::from_iter([
        ("fsync".to_owned(), json!(fsync)),
        ("postgresql".to_owned(), json!(ground.version())),
    ]);
    for &tenants in &plan.tenants {
        if django.is_some() && tenants > plan.peer {
            django = None;
            table::note("django-tenants is left out from here on: its runs would take hours");
        }
        if plan.has("provision") {
            let part = fleet::provision(&mut ground, django.as_mut(), tenants).await?;
            keep(&mut parts, "provision", tenants, part);
        }
        ground.fill(tenants).await?;
        if let Some(django) = &mut django {
            keep(&mut parts, "django", tenants, django.versions().clone());
            django.fill(tenants)?;
        }
        if plan.has("noop") {
            let part = fleet::noop(&ground, django.as_mut()).await?;
            keep(&mut parts, "noop", tenants, part);
        }
        if plan.has("drift") {
            let part = fleet::drift(&ground).await?;
            keep(&mut parts, "drift", tenants, part);
        }
        if plan.has("column") {
            let part = fleet::column(&mut ground, django.as_mut()).await?;
            keep(&mut parts, "column", tenants, part);
        }
        write(&parts)?;
    }
    drop(django);
    ground.stop().await
}

/// Writes what is known so far: the larger sizes take long.
fn write(parts: &Map<String, Value>) -> Result<(), Failure> {
    let mut parts = parts.clone();
    // The first size, which every side was measured at, stands for the whole part.
    if let Some(Value::Object(provision)) = parts.get_mut("provision") {
        let sizes = provision
            .keys()
            .filter_map(|size| size.parse::<usize>().ok());
        let first = sizes
            .min()
            .map(|least| provision[&least.to_string()].clone());
        if let Some(Value::Object(first)) = first {
            provision.extend(first);
        }
    }
    let file = Path::new("target/bench/fleet.json");
    std::fs::create_dir_all("target/bench")?;
    std::fs::write(file, format!("{:#}\n", Value::from(parts)))?;
    table::note(&format!("written to {}", file.display()));
    Ok(())
}

fn keep(parts: &mut Map<String, Value>, part: &str, tenants: usize, value: Value) {
    let part = parts.entry(part).or_insert_with(|| json!({}));
    part[tenants.to_string()] = value;
}

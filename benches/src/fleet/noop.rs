//! Running the migrations when nothing is pending.

use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use sqlx::ConnectOptions;
use tenancy_sqlx::Selection;

use super::django::Django;
use super::ground::{Ground, jobs};
use super::proxy::Proxy;
use super::table::{self, figure, median, times};
use crate::plan::Failure;

const ROUNDS: usize = 5;

/// Measures a run that finds all tenants at head: in this program, and as a command of its own.
///
/// # Errors
///
/// Whatever the server answers, and when a run does anything at all or asks more than once.
pub async fn noop(ground: &Ground, django: Option<&mut Django>) -> Result<Value, Failure> {
    let tenants = ground.made;
    let statements = statements(ground).await?;
    let fleet = ground.fleet().await?;
    let (mut ours, mut process, mut start) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let clock = Instant::now();
        let report = fleet.migrate(Selection::tenants(), jobs(), |_| {}).await?;
        ours.push(clock.elapsed().as_secs_f64());
        if report.at_head != tenants as u64 || report.applied() > 0 {
            return Err(format!("{} of {tenants} tenants were at head", report.at_head).into());
        }
        start.push(run(ground, &["--version"])?);
        process.push(run(ground, &["migrate", "run", "--all"])?);
    }
    let django = match django {
        Some(django) => Some((
            django.migrate("standard")?,
            django.migrate("multiprocessing")?,
        )),
        None => None,
    };
    let ours = median(ours);
    let (process, start) = (median(process), median(start));
    let beyond = process - start;
    table::row(tenants, "migrate, nothing to do", &seconds(ours), "");
    table::row(
        tenants,
        "  tenancy migrate run, beyond process start",
        &seconds(beyond),
        &times(beyond, ours),
    );
    if let Some((standard, parallel)) = django {
        let row = [("standard", standard), ("multiprocessing", parallel)];
        for (executor, took) in row {
            let what = format!("  migrate_schemas, {executor}");
            table::row(tenants, &what, &seconds(took), &times(took, ours));
        }
    }
    Ok(json!({
        "seconds": figure(ours),
        "statements": statements,
        "process_seconds": figure(process),
        "process_beyond_start_seconds": figure(beyond),
        "django_seconds": django.map(|(standard, _)| figure(standard)),
        "django_multiprocessing_seconds": django.map(|(_, parallel)| figure(parallel)),
        "django_ratio": django.map(|(standard, _)| figure(standard / ours)),
    }))
}

/// What such a run asks the server, counted on the wire.
async fn statements(ground: &Ground) -> Result<usize, Failure> {
    let proxy = Proxy::start(&ground.owner())?;
    let fleet = ground.fleet_at(proxy.options()).await?;
    let before = proxy.statements();
    fleet.migrate(Selection::tenants(), jobs(), |_| {}).await?;
    let statements = proxy.statements() - before;
    if statements == 1 {
        Ok(statements)
    } else {
        Err(format!("a run with nothing to do sent {statements} statements, not one").into())
    }
}

/// Seconds of the `tenancy` program that was built beside this one.
fn run(ground: &Ground, words: &[&str]) -> Result<f64, Failure> {
    let program = std::env::current_exe()?.with_file_name("tenancy");
    let clock = Instant::now();
    let ended = Command::new(&program)
        .arg("--migrations")
        .arg(ground.files.folder())
        .args(words)
        .env(
            "DATABASE_DIRECT_URL",
            ground.owner().to_url_lossy().as_str(),
        )
        .env("DATABASE_URL", ground.app().to_url_lossy().as_str())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| format!("{}: {error}: use scripts/bench fleet", program.display()))?;
    let took = clock.elapsed().as_secs_f64();
    if ended.status.success() {
        return Ok(took);
    }
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    Err(format!("tenancy {}: {said}", words.join(" ")).into())
}

fn seconds(seconds: f64) -> String {
    format!("{seconds:.3} s")
}

//! The words that choose tenants and set the pace.

use std::num::{NonZeroU32, NonZeroUsize};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use tenancy_core::{Slug, Status};

use crate::{Pace, Selection, Wave};

/// Which tenants.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Who {
    /// Only the shared tables.
    #[arg(long, conflicts_with_all = ["tenant", "exclude", "status"])]
    pub(super) shared: bool,
    /// Only this tenant; may be given more than once.
    #[arg(long, value_name = "SLUG")]
    pub(super) tenant: Vec<Slug>,
    /// Every tenant, and nothing shared.
    #[arg(long, conflicts_with_all = ["shared", "tenant"])]
    pub(super) all: bool,
    /// Not this tenant; may be given more than once.
    #[arg(long, value_name = "SLUG")]
    pub(super) exclude: Vec<Slug>,
    /// Only tenants in this status, such as active; may be given more than once.
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub(super) status: Vec<Status>,
}

impl Who {
    pub(super) fn selection(self) -> Selection {
        let chosen = match (self.shared, self.all, self.tenant) {
            (true, ..) => Selection::shared(),
            (_, true, _) => Selection::tenants(),
            (_, _, slugs) if !slugs.is_empty() => Selection::only(slugs),
            _ => Selection::all(),
        };
        chosen.except(self.exclude).in_status(self.status)
    }
}

/// How fast, and when it stops.
#[derive(Debug, Clone, Args)]
pub(super) struct Speed {
    /// Batches or tenants at a time.
    #[arg(long, default_value_t = super::default_jobs(), value_name = "N", value_parser = positive::<NonZeroUsize>)]
    jobs: NonZeroUsize,
    /// Healthy tenants that share a transaction, at most.
    #[arg(long, default_value = "20", value_name = "N", value_parser = positive::<NonZeroUsize>)]
    batch: NonZeroUsize,
    /// Tenants that go alone first; when one of them fails, nobody else is touched.
    #[arg(long, default_value = "0", value_name = "N")]
    canary: usize,
    /// A tenant that goes first; may be given more than once.
    #[arg(long, value_name = "SLUG")]
    canary_tenant: Vec<Slug>,
    /// How many go together after them; the next wave begins when nobody failed in this one.
    #[arg(long, value_name = "N|N%")]
    wave: Option<Wave>,
    /// How long a tenant waits for a table that is in use, such as 5s or 500ms.
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = time)]
    lock_timeout: Duration,
    /// Turns of a tenant whose tables stay in use.
    #[arg(long, default_value = "3", value_name = "N", value_parser = positive::<NonZeroU32>)]
    attempts: NonZeroU32,
    /// Begin no tenant any more once one has failed.
    #[arg(long)]
    fail_fast: bool,
}

impl Speed {
    pub(super) fn pace(self) -> Pace {
        let mut pace = Pace::new(self.jobs)
            .batch(self.batch)
            .canary(self.canary)
            .canary_tenants(self.canary_tenant)
            .lock_timeout(self.lock_timeout)
            .attempts(self.attempts);
        if let Some(wave) = self.wave {
            pace = pace.wave(wave);
        }
        if self.fail_fast {
            pace = pace.stop_at_first_failure();
        }
        pace
    }
}

fn positive<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| "give a whole number from 1 on".to_owned())
}

/// One that a tenant can have that still has tables.
fn status(text: &str) -> Result<Status, String> {
    let mut known = Status::ALL.to_vec();
    known.retain(|status| *status != Status::Purged);
    let found = known.iter().find(|status| status.as_str() == text);
    found.copied().ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|status| status.as_str()).collect();
        format!("use one of {}", names.join(", "))
    })
}

fn time(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1000), ("min", 60_000)];
    let found = units.iter().find_map(|(unit, milliseconds)| {
        let count: u64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        count.checked_mul(*milliseconds)
    });
    match found {
        Some(milliseconds) if milliseconds > 0 => Ok(Duration::from_millis(milliseconds)),
        _ => Err("give a time such as 500ms, 5s or 1min".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_that_a_tenant_with_tables_can_have() {
        assert_eq!(status("suspended"), Ok(Status::Suspended));
        for text in ["purged", "Active", ""] {
            assert!(status(text).unwrap_err().contains("archived"), "{text:?}");
        }
    }

    #[test]
    fn times_have_a_unit_and_are_longer_than_nothing() {
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(time("2 min"), Ok(Duration::from_mins(2)));
        for text in ["", "5", "0s", "-1s", "s", "five s"] {
            assert!(time(text).is_err(), "{text:?}");
        }
    }
}

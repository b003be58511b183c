//! Who is told that an index is not there.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tenancy_core::{TenantContext, TenantId};

use crate::kind::Kind;

/// How long nothing more is said about the same index: it is being built.
const PAUSE: Duration = Duration::from_secs(30);

/// The most indexes that are remembered; about others nothing is said until some are forgotten.
const REMEMBERED: usize = 10_000;

#[derive(Default)]
pub(super) struct Missing {
    tell: Option<Box<Tell>>,
    told: Mutex<HashMap<(TenantId, Kind), Instant>>,
}

type Tell = dyn Fn(&TenantContext, Kind) + Send + Sync;

impl Missing {
    pub(super) fn telling(tell: impl Fn(&TenantContext, Kind) + Send + Sync + 'static) -> Self {
        Self {
            tell: Some(Box::new(tell)),
            told: Mutex::default(),
        }
    }

    /// Tells it, unless that was done a moment ago.
    pub(super) fn tell(&self, context: &TenantContext, kind: Kind) {
        if let Some(tell) = &self.tell
            && self.is_news((context.id(), kind))
        {
            tell(context, kind);
        }
    }

    fn is_news(&self, index: (TenantId, Kind)) -> bool {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |at: &Instant| now.duration_since(*at) >= PAUSE;
        if told.len() >= REMEMBERED {
            told.retain(|_, at| !is_old(at));
        }
        let is_news = told.get(&index).map_or(told.len() < REMEMBERED, is_old);
        if is_news {
            told.insert(index, now);
        }
        is_news
    }
}

impl fmt::Debug for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Missing").finish_non_exhaustive()
    }
}

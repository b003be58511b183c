//! Who is next: batches first, then tenants by themselves, and those again that had to wait.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use crate::fleet::transaction::Patience;
use crate::migrate::ScopeStatus;
use crate::migrate::batch::{BRIEF, Plan};
use crate::migrate::ledger::Target;
use crate::migrate::{MigrationSet, Pace};

/// A tenant that waits for its turn.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) target: Target,
    pub(super) ledger: ScopeStatus,
    /// What was committed for it already.
    pub(super) applied: Vec<i64>,
    /// How many turns of its own it had.
    pub(super) round: u32,
    pub(super) spent: Duration,
    ready: Instant,
}

impl Turn {
    pub(super) fn new(target: Target, ledger: ScopeStatus) -> Self {
        Self {
            target,
            ledger,
            applied: Vec::new(),
            round: 0,
            spent: Duration::ZERO,
            ready: Instant::now(),
        }
    }

    /// How long this turn waits for others. The first does hardly, so that whoever is held up
    /// keeps nobody else; the last waits as long as an honest migration may take.
    pub(super) fn patience(&self, pace: &Pace) -> Patience {
        let tables = pace.lock_timeout;
        match self.round {
            0 => BRIEF,
            round if round < pace.attempts.get() => Patience {
                own: tables,
                tables,
            },
            _ => Patience {
                tables,
                ..Patience::default()
            },
        }
    }

    /// Whether it gets another turn when this one met somebody.
    pub(super) fn may_wait(&self, attempts: NonZeroU32) -> bool {
        self.round < attempts.get()
    }
}

/// What a worker does next.
#[derive(Debug)]
pub(super) enum Next {
    Batch(Vec<Turn>),
    One(Turn),
    /// Nobody is ready before then.
    Wait(Instant),
    Nothing,
}

/// The tenants of one stage that have not come to an end.
#[derive(Debug, Default)]
pub(super) struct Queue {
    batches: VecDeque<Vec<Turn>>,
    singles: VecDeque<Turn>,
    stopped: Option<()>,
}

impl Queue {
    /// Everyone by himself.
    pub(super) fn singles(turns: Vec<Turn>) -> Self {
        Self {
            singles: turns.into(),
            ..Self::default()
        }
    }

    /// Tenants whose ledgers agree go together, as many as `pace` allows and `locks` hold.
    pub(super) fn batches(turns: Vec<Turn>, set: &MigrationSet, pace: &Pace, locks: usize) -> Self {
        let mut alike: BTreeMap<_, Vec<Turn>> = BTreeMap::new();
        for turn in turns {
            let key = (turn.ledger.applied.clone(), turn.ledger.pending.clone());
            alike.entry(key).or_default().push(turn);
        }
        let mut queue = Self::default();
        for mut turns in alike.into_values() {
            let size = Plan::new(set, &turns[0].ledger).size(locks);
            // No worker idles while another has tenants to share.
            let fair = turns.len().div_ceil(pace.jobs.get());
            let size = size.min(pace.batch.get()).min(fair);
            if size < 2 {
                queue.singles.extend(turns);
                continue;
            }
            while !turns.is_empty() {
                let rest = turns.split_off(size.min(turns.len()));
                queue.batches.push_back(std::mem::replace(&mut turns, rest));
            }
        }
        queue
    }

    /// How many workers find something to do.
    pub(super) fn width(&self) -> usize {
        self.batches.len() + self.singles.len()
    }

    pub(super) fn next(&mut self) -> Next {
        if self.stopped.is_some() {
            return Next::Nothing;
        }
        if let Some(batch) = self.batches.pop_front() {
            return Next::Batch(batch);
        }
        let now = Instant::now();
        let ready = self.singles.iter().position(|turn| turn.ready <= now);
        if let Some(turn) = ready.and_then(|at| self.singles.remove(at)) {
            return Next::One(turn);
        }
        let soonest = self.singles.iter().map(|turn| turn.ready).min();
        soonest.map_or(Next::Nothing, Next::Wait)
    }

    /// Puts a tenant back that is to have a turn of its own.
    pub(super) fn alone(&mut self, turn: Turn) {
        self.singles.push_back(turn);
    }

    /// Puts a tenant back that met somebody; the longer it has waited, the longer it waits.
    pub(super) fn again(&mut self, mut turn: Turn) {
        turn.ready = Instant::now() + Duration::from_millis(200) * turn.round;
        turn.round += 1;
        self.singles.push_back(turn);
    }

    /// Lets nobody begin any more.
    pub(super) fn stop(&mut self) {
        self.stopped = Some(());
    }

    /// Those who had no turn.
    pub(super) fn left(self) -> impl Iterator<Item = Turn> {
        self.batches.into_iter().flatten().chain(self.singles)
    }
}

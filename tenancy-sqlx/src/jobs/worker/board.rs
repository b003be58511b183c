//! The jobs that a worker has, and what those who run them are told.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tenancy_core::TenantId;
use tenancy_core::job::{Held, JobId, JobLease};
use tokio::sync::oneshot;

/// Why a run has to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Somebody cancelled its job.
    Cancel,
    /// Its job is another's by now, or gone.
    Drop,
    /// The worker stops.
    Return,
}

/// Who runs what.
#[derive(Debug, Default)]
pub(super) struct Board {
    seats: Mutex<HashMap<JobId, Seat>>,
    /// Tenants whose jobs are left alone until then.
    parked: Mutex<HashMap<TenantId, Instant>>,
}

#[derive(Debug)]
struct Seat {
    lease: JobLease,
    /// Until when the lease lasts, as far as we know.
    until: Instant,
    /// `None` once it was told.
    tell: Option<oneshot::Sender<Order>>,
}

impl Board {
    /// Notes that somebody begins to run a job, and gives what he listens to.
    pub(super) fn sit(&self, lease: JobLease, span: Duration) -> oneshot::Receiver<Order> {
        let (tell, told) = oneshot::channel();
        let seat = Seat {
            lease,
            until: Instant::now() + span,
            tell: Some(tell),
        };
        locked(&self.seats).insert(lease.id, seat);
        told
    }

    /// Notes that a run has ended.
    pub(super) fn rise(&self, lease: &JobLease) {
        let mut seats = locked(&self.seats);
        // The same job may have been claimed again by now.
        if seats
            .get(&lease.id)
            .is_some_and(|seat| seat.lease == *lease)
        {
            seats.remove(&lease.id);
        }
    }

    /// What is being run.
    pub(super) fn leases(&self) -> Vec<JobLease> {
        let seats = locked(&self.seats);
        seats.values().map(|seat| seat.lease).collect()
    }

    /// Tells those who run `asked` what came of it, when the leases were renewed at `since`.
    pub(super) fn learn(&self, asked: &[JobLease], held: &[Held], since: Instant, span: Duration) {
        let held: HashMap<_, _> = held.iter().map(|held| (held.lease, held)).collect();
        let mut seats = locked(&self.seats);
        for lease in asked {
            let Some(seat) = seats.get_mut(&lease.id) else {
                continue;
            };
            match held.get(lease) {
                _ if seat.lease != *lease => {}
                None => seat.tell(Order::Drop),
                Some(held) if held.cancelled => seat.tell(Order::Cancel),
                Some(_) => seat.until = since + span,
            }
        }
    }

    /// Stops the runs whose leases may have run out, because nobody could be asked.
    pub(super) fn drop_overdue(&self) {
        let now = Instant::now();
        for seat in locked(&self.seats).values_mut() {
            if seat.until <= now {
                seat.tell(Order::Drop);
            }
        }
    }

    /// Stops all.
    pub(super) fn tell_all(&self, order: Order) {
        for seat in locked(&self.seats).values_mut() {
            seat.tell(order);
        }
    }

    /// Leaves a tenant's jobs alone for a while.
    pub(super) fn park(&self, tenant: TenantId, span: Duration) {
        locked(&self.parked).insert(tenant, Instant::now() + span);
    }

    /// The tenants whose jobs are left alone now.
    pub(super) fn parked(&self) -> Vec<TenantId> {
        let now = Instant::now();
        let mut parked = locked(&self.parked);
        parked.retain(|_, until| *until > now);
        parked.keys().copied().collect()
    }
}

impl Seat {
    fn tell(&mut self, order: Order) {
        if let Some(tell) = self.tell.take() {
            // Who does not listen any more has ended.
            let _ = tell.send(order);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

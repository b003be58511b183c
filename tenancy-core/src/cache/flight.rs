//! One load for many who ask for the same at the same time.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{CacheScope, Invalidation, Mark, Place};

/// The loads that are under way in this process.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Place, Arc<Flight>>>);

/// One load, and who waits for it.
#[derive(Debug)]
pub(super) struct Flight {
    /// Where the history stood before it began; unknown when the back end did not say.
    mark: Option<Mark>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
enum Progress {
    Under(Vec<Waker>),
    /// The value as JSON, or nothing when the load came to none.
    Ended(Option<Arc<[u8]>>),
}

/// What a caller does who found no entry.
pub(super) enum Role {
    /// It loads; the others wait until this is dropped or has landed.
    Leads(Leader),
    /// It waits for another's load.
    Waits(Wait),
}

/// The duty to load. However it ends, by an error, a panic or a dropped future, the others hear.
#[derive(Debug)]
pub(super) struct Leader {
    flights: Arc<Flights>,
    place: Place,
    flight: Arc<Flight>,
}

/// Waits for a load; `None` when that brought nothing, so that the next one may try.
#[derive(Debug)]
pub(super) struct Wait(Arc<Flight>);

impl Flights {
    /// Joins the load for `place`, if it began at `mark` or later, or else begins one.
    pub(super) fn join(self: &Arc<Self>, place: &Place, mark: Option<Mark>) -> Role {
        let mut flights = self.lock();
        let flight = Arc::new(Flight {
            mark,
            progress: Mutex::new(Progress::Under(Vec::new())),
        });
        match flights.entry(place.clone()) {
            Entry::Occupied(there) if there.get().serves(mark) => {
                return Role::Waits(Wait(Arc::clone(there.get())));
            }
            // Who waits for the older one still gets it.
            Entry::Occupied(mut older) => drop(older.insert(Arc::clone(&flight))),
            Entry::Vacant(free) => drop(free.insert(Arc::clone(&flight))),
        }
        Role::Leads(Leader {
            flights: Arc::clone(self),
            place: place.clone(),
            flight,
        })
    }

    /// Lets nobody join a load any more that an invalidation of `what` makes old.
    pub(super) fn forget(&self, scope: &CacheScope, what: &Invalidation) {
        if crate::sabotaged!("cache.load-not-forgotten") {
            return;
        }
        let mut flights = self.lock();
        match what {
            Invalidation::Key(place) => drop(flights.remove(place)),
            // Which tags a value will have is known when it is there.
            Invalidation::Tag(_) | Invalidation::All => {
                flights.retain(|place, _| place.scope() != scope);
            }
        }
    }

    // Nothing panics while the lock is held, here and below.
    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Arc<Flight>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Whether it began late enough for someone who read the history at `mark`.
    fn serves(&self, mark: Option<Mark>) -> bool {
        if crate::sabotaged!("cache.old-load-joined") {
            return true;
        }
        match (self.mark, mark) {
            (Some(began), Some(mark)) => began.history == mark.history && began.count >= mark.count,
            (None, None) => true,
            _ => false,
        }
    }

    fn end(&self, value: Option<Arc<[u8]>>) {
        let mut progress = self.lock();
        if let Progress::Under(wakers) = &mut *progress {
            let wakers = std::mem::take(wakers);
            *progress = Progress::Ended(value);
            drop(progress);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leader {
    /// Gives the others the value; until this is dropped, later ones who may join get it, too.
    pub(super) fn land(&self, value: Arc<[u8]>) {
        self.flight.end(Some(value));
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        {
            let mut flights = self.flights.lock();
            let ours = flights
                .get(&self.place)
                .is_some_and(|now| Arc::ptr_eq(now, &self.flight));
            if ours {
                flights.remove(&self.place);
            }
        }
        self.flight.end(None);
    }
}

impl Future for Wait {
    type Output = Option<Arc<[u8]>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self.0.lock() {
            Progress::Ended(value) => Poll::Ready(value.clone()),
            Progress::Under(wakers) => {
                if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                    wakers.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

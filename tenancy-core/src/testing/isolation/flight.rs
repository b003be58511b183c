//! Requests that are under way at the same time, polled in an order that a seed decides.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::LocalBoxFuture;
use futures_util::task::AtomicWaker;

use super::random::Random;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End<T> {
    /// It was answered.
    Answered(T),
    /// It was dropped after so many polls.
    Dropped(usize),
}

/// One request to send, and after how many polls to drop it.
pub(super) struct Flight<T> {
    pub(super) future: LocalBoxFuture<'static, T>,
    pub(super) drop_after: Option<usize>,
}

/// As many polls in one turn leave a runtime time for what the requests wait for.
const POLLS_PER_TURN: usize = 16;

/// Lets up to `width` of `flights` be under way at once, and calls `landed` with the number of
/// each when it ends.
pub(super) async fn fly<T>(
    flights: Vec<Flight<T>>,
    width: usize,
    random: &mut Random,
    mut landed: impl FnMut(usize, End<T>),
) {
    let parent = Arc::new(AtomicWaker::new());
    let mut waiting = flights.into_iter().enumerate();
    let mut under_way: Vec<UnderWay<T>> = Vec::new();
    poll_fn(|context| {
        parent.register(context.waker());
        for _ in 0..POLLS_PER_TURN {
            while under_way.len() < width
                && let Some((number, flight)) = waiting.next()
            {
                under_way.push(UnderWay::new(number, flight, &parent));
            }
            if under_way.is_empty() {
                return Poll::Ready(());
            }
            let awake: Vec<usize> = (0..under_way.len())
                .filter(|index| under_way[*index].woken.flag.load(Ordering::Acquire))
                .collect();
            if awake.is_empty() {
                return Poll::Pending;
            }
            let index = awake[random.below(awake.len())];
            if let Some(end) = under_way[index].advance() {
                let ended = under_way.swap_remove(index);
                // What is dropped is gone before the next one is polled.
                drop(ended.future);
                landed(ended.number, end);
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

struct UnderWay<T> {
    number: usize,
    future: LocalBoxFuture<'static, T>,
    drop_after: Option<usize>,
    polls: usize,
    woken: Arc<Woken>,
    waker: Waker,
}

/// Notes that one request can go on, and wakes whoever polls all of them.
struct Woken {
    flag: AtomicBool,
    parent: Arc<AtomicWaker>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.flag.store(true, Ordering::Release);
        self.parent.wake();
    }
}

impl<T> UnderWay<T> {
    fn new(number: usize, flight: Flight<T>, parent: &Arc<AtomicWaker>) -> Self {
        let woken = Arc::new(Woken {
            flag: AtomicBool::new(true),
            parent: Arc::clone(parent),
        });
        Self {
            number,
            future: flight.future,
            drop_after: flight.drop_after,
            polls: 0,
            waker: Waker::from(Arc::clone(&woken)),
            woken,
        }
    }

    /// Polls once; how it ended, if it did.
    fn advance(&mut self) -> Option<End<T>> {
        if self.drop_after == Some(self.polls) {
            return Some(End::Dropped(self.polls));
        }
        self.woken.flag.store(false, Ordering::Release);
        self.polls += 1;
        match self
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&self.waker))
        {
            Poll::Ready(answer) => Some(End::Answered(answer)),
            Poll::Pending => {
                // One that waits for long is dropped where it stands.
                let spent = self.drop_after == Some(self.polls);
                spent.then_some(End::Dropped(self.polls))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends at its `n`th poll.
    fn after(n: usize) -> LocalBoxFuture<'static, usize> {
        let mut polls = 0;
        Box::pin(poll_fn(move |context| {
            polls += 1;
            context.waker().wake_by_ref();
            if polls == n {
                Poll::Ready(n)
            } else {
                Poll::Pending
            }
        }))
    }

    async fn ends(seed: u64, budgets: &[Option<usize>]) -> Vec<(usize, End<usize>)> {
        let flights = budgets
            .iter()
            .map(|drop_after| Flight {
                future: after(3),
                drop_after: *drop_after,
            })
            .collect();
        let mut ends = Vec::new();
        fly(flights, 4, &mut Random::new(seed), |number, end| {
            ends.push((number, end));
        })
        .await;
        ends
    }

    #[tokio::test]
    async fn a_request_is_dropped_after_exactly_its_polls_or_answered() {
        for (budget, end) in [
            (Some(0), End::Dropped(0)),
            (Some(2), End::Dropped(2)),
            (Some(3), End::Answered(3)),
            (None, End::Answered(3)),
        ] {
            assert_eq!(ends(1, &[budget]).await, [(0, end)], "{budget:?}");
        }
    }

    #[tokio::test]
    async fn the_seed_decides_the_order_and_all_of_them_end() {
        let many = vec![None; 40];
        let (one, again, other) = (
            ends(1, &many).await,
            ends(1, &many).await,
            ends(2, &many).await,
        );
        assert_eq!((one.len(), &one), (40, &again));
        assert_ne!(one, other);
    }
}

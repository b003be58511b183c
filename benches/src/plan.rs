//! How long to measure, and the loop that does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Anything that ends a bench.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How many ask at a time.
pub const TASKS: u64 = 16;

/// How long to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Rounds, each of which measures both sides once.
    pub rounds: usize,
    /// How long one side is measured in a round.
    pub slice: Duration,
    /// How long each side runs before the first round that counts.
    pub warm_up: Duration,
    /// What the names of the rows to measure have in them.
    pub only: String,
}

impl Plan {
    /// A plan by the command line: short with `--quick`, and of some rows with `--only TEXT`.
    ///
    /// # Errors
    ///
    /// For other words.
    pub fn from_args() -> Result<Self, Failure> {
        let mut plan = Self {
            rounds: 9,
            slice: Duration::from_millis(1200),
            warm_up: Duration::from_secs(2),
            only: String::new(),
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match (&*word, words.len()) {
                ("--quick", _) => {
                    plan.rounds = 3;
                    plan.slice = Duration::from_millis(200);
                    plan.warm_up = Duration::from_millis(400);
                }
                ("--only", 1..) => plan.only = words.next().unwrap_or_default(),
                _ => return Err(format!("{word} is no word: use --quick, --only TEXT").into()),
            }
        }
        Ok(plan)
    }
}

/// Runs `task` for each of [`TASKS`] tasks and gives the operations per second.
///
/// A task makes its own preparations and then does `step` until it says that the time is over;
/// `step` takes a number that no other step of any task has.
///
/// # Errors
///
/// The first failure of a task.
pub(crate) async fn rate<T, F>(slice: Duration, task: impl Fn(Turns) -> F) -> Result<f64, Failure>
where
    F: Future<Output = Result<T, Failure>> + Send + 'static,
    T: Send + 'static,
{
    let count = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        tasks.spawn(task(Turns {
            end: start + slice,
            count: Arc::clone(&count),
        }));
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 operations")]
    Ok(count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

/// The numbers of the operations that one task does.
#[derive(Debug)]
pub(crate) struct Turns {
    end: Instant,
    count: Arc<AtomicU64>,
}

impl Iterator for Turns {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        (Instant::now() < self.end).then(|| self.count.fetch_add(1, Ordering::Relaxed))
    }
}

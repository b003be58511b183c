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
    /// How many tenants there are at most.
    pub tenants: usize,
}

/// How fast something was done.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Operations per second of all tasks together.
    pub per_second: f64,
    /// Half of the operations took at most as long.
    pub median: Duration,
    /// 99 of 100 operations took at most as long.
    pub p99: Duration,
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
            tenants: 10_000,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match (&*word, words.len()) {
                ("--quick", _) => {
                    plan.rounds = 3;
                    plan.slice = Duration::from_millis(200);
                    plan.warm_up = Duration::from_millis(400);
                    plan.tenants = plan.tenants.min(1_000);
                }
                ("--only", 1..) => plan.only = words.next().unwrap_or_default(),
                ("--tenants", 1..) => plan.tenants = words.next().unwrap_or_default().parse()?,
                _ => {
                    let words = "--quick, --only TEXT, --tenants NUMBER";
                    return Err(format!("{word} is no word: use {words}").into());
                }
            }
        }
        Ok(plan)
    }
}

/// Runs `task` for each of [`TASKS`] tasks and says how fast they did it.
///
/// A task makes its own preparations and then does a step for each number that its turns give, until
/// the time is over, and gives the turns back; no two steps have the same number.
///
/// # Errors
///
/// The first failure of a task.
pub(crate) async fn rate<F>(slice: Duration, task: impl Fn(Turns) -> F) -> Result<Rate, Failure>
where
    F: Future<Output = Result<Turns, Failure>> + Send + 'static,
{
    let count = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        tasks.spawn(task(Turns {
            end: start + slice,
            began: None,
            took: Vec::with_capacity(4096),
            count: Arc::clone(&count),
        }));
    }
    let mut took = Vec::new();
    while let Some(done) = tasks.join_next().await {
        took.append(&mut done??.took);
    }
    let whole = start.elapsed().as_secs_f64();
    took.sort_unstable();
    let at = |part: usize| {
        took.get(took.len() * part / 100)
            .copied()
            .unwrap_or_default()
    };
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 operations")]
    let per_second = took.len() as f64 / whole;
    Ok(Rate {
        per_second,
        median: at(50),
        p99: at(99),
    })
}

/// The numbers of the operations that one task does, and how long each took.
#[derive(Debug)]
pub(crate) struct Turns {
    end: Instant,
    began: Option<Instant>,
    took: Vec<Duration>,
    count: Arc<AtomicU64>,
}

impl Iterator for Turns {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let now = Instant::now();
        if let Some(began) = self.began.replace(now) {
            self.took.push(now - began);
        }
        (now < self.end).then(|| self.count.fetch_add(1, Ordering::Relaxed))
    }
}

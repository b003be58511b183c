//! Which processes serve a database: one that keeps something to itself must be alone.

mod rows;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tenancy_core::sabotaged;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use uuid::Uuid;

use self::rows::Other;
use crate::database::Database;
use crate::error::{Error, ErrorKind};

/// How often a process says that it is there, unless it is told otherwise.
const BEAT: Duration = Duration::from_secs(2);

/// After how many missed beats a process is believed to be gone.
const MISSED: u32 = 5;

/// A process that is about to serve, and what it keeps to itself.
///
/// A cache or an index in the memory of one process knows nothing of what another one writes, so
/// such a process serves a database alone: a second one is refused, whichever of the two it is that
/// keeps something. Commands announce nothing.
#[derive(Debug, Clone)]
pub struct Announcement {
    name: String,
    keeps: Vec<String>,
    beat: Duration,
}

/// A process that serves, as long as the handle lives; others see it.
#[must_use = "dropping it ends the announcement"]
pub struct Presence {
    /// Another one after it was taken for dead and nobody came.
    id: Arc<Mutex<Uuid>>,
    database: Database,
    end: watch::Receiver<Option<Arc<str>>>,
    task: JoinHandle<()>,
}

impl Announcement {
    /// Announces a process under a name that a person recognises it by, such as its address.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            keeps: Vec::new(),
            beat: BEAT,
        }
    }

    /// Says that it keeps `what`, such as `cache`, in its own memory.
    #[must_use]
    pub fn keeps(mut self, what: impl Into<String>) -> Self {
        self.keeps.push(what.into());
        self
    }

    /// Sets how often it says that it is there, 2 seconds unless said; a process that was not heard
    /// of for five times as long is gone. The same for all processes of a database.
    #[must_use]
    pub fn beat(mut self, beat: Duration) -> Self {
        self.beat = beat.max(Duration::from_millis(10));
        self
    }

    /// Announces it, and makes sure that it may serve beside those that do.
    ///
    /// Where one that it may not serve beside has perhaps died, it waits until that is clear: five
    /// beats at most.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Conflict`] when another process serves and one of the two keeps something to
    /// itself; the message says which process, and what. [`ErrorKind::SchemaMismatch`] when the
    /// framework's tables are older than this program, and those of the database.
    ///
    /// # Panics
    ///
    /// When called outside a tokio runtime.
    pub async fn serve(self, database: &Database) -> Result<Presence, Error> {
        let id = Arc::new(Mutex::new(self.enter(database).await?));
        let (tell, end) = watch::channel(None);
        let beating = beat(self, database.clone(), Arc::clone(&id), tell);
        Ok(Presence {
            id,
            database: database.clone(),
            end,
            task: tokio::spawn(beating),
        })
    }

    /// Enters a row, and takes it back unless it may stay.
    async fn enter(&self, database: &Database) -> Result<Uuid, Error> {
        let patience = Instant::now() + self.gone() + self.beat;
        let mut first: Option<Vec<Other>> = None;
        loop {
            let id = Uuid::now_v7();
            // First the row, then the look: of two that do this at the same time, one at least sees
            // the other, and whoever is seen while it looks gives way.
            rows::enter(database, id, self).await?;
            let looked = rows::others(database, id, self).await;
            let others = match looked {
                Ok(others) => others,
                Err(error) => {
                    // It ends by itself where this does not reach the server.
                    let _ = rows::leave(database, id).await;
                    return Err(error);
                }
            };
            if others.is_empty() || sabotaged!("presence.beside-others") {
                if rows::confirm(database, id).await? {
                    return Ok(id);
                }
                continue;
            }
            rows::leave(database, id).await?;
            // One that was heard of since the first look is alive; one that was not may have died,
            // and one that has not made sure yet may give way.
            let before = first.get_or_insert_with(|| others.clone());
            let alive = others
                .iter()
                .find(|other| other.serves && before.iter().any(|old| other.beat_since(old)));
            if let Some(other) = alive {
                return Err(refused(other, &self.keeps));
            }
            if Instant::now() > patience {
                return Err(refused(&others[0], &self.keeps));
            }
            tokio::time::sleep(self.beat / 4 + jitter(id, self.beat / 4)).await;
        }
    }

    /// After which silence a process is gone.
    fn gone(&self) -> Duration {
        self.beat * MISSED
    }
}

impl Presence {
    /// Waits until this process may serve no longer, because it was not heard of for so long that
    /// another one took its place, and says so; for ever otherwise.
    pub async fn lost(&mut self) -> Error {
        let told = self.end.wait_for(Option::is_some).await;
        match told.ok().and_then(|reason| reason.clone()) {
            Some(reason) => Error::new(ErrorKind::Conflict, reason.to_string()),
            None => std::future::pending().await,
        }
    }

    /// Ends the announcement, so that another process may begin at once.
    pub async fn leave(self) {
        self.task.abort();
        if let Err(error) = rows::leave(&self.database, now(&self.id)).await {
            tracing::debug!(%error, "others learn by silence that this process has ended");
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence")
            .field("id", &now(&self.id))
            .finish_non_exhaustive()
    }
}

/// Says that the process is there until another one has its place.
async fn beat(
    announcement: Announcement,
    database: Database,
    id: Arc<Mutex<Uuid>>,
    tell: watch::Sender<Option<Arc<str>>>,
) {
    let mut clock = tokio::time::interval(announcement.beat);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        match rows::beat(&database, now(&id)).await {
            Ok(true) => {}
            // Somebody believed that it had died. That one may have died itself meanwhile.
            Ok(false) => match announcement.enter(&database).await {
                Ok(again) => *id.lock().unwrap_or_else(PoisonError::into_inner) = again,
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    let reason = format!("this process was not heard of for too long: {error}");
                    tell.send_replace(Some(reason.into()));
                    return;
                }
                Err(error) => unheard(&error),
            },
            Err(error) => unheard(&error),
        }
    }
}

fn now(id: &Mutex<Uuid>) -> Uuid {
    *id.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unheard(error: &Error) {
    tracing::warn!(%error, "others are not told that this process serves");
}

fn refused(other: &Other, keeps: &[String]) -> Error {
    let (whose, what) = if other.keeps.is_empty() {
        ("this process", keeps)
    } else {
        ("that one", &other.keeps[..])
    };
    Error::new(
        ErrorKind::Conflict,
        format!(
            "another process serves this database ({}, since {}), and {whose} keeps its {} to \
             itself: end one of them, or let all of them share a server for that",
            other.name,
            other.started_at,
            what.join(" and ")
        ),
    )
}

/// A part of `most`, another one for each id.
fn jitter(id: Uuid, most: Duration) -> Duration {
    most * u32::from(id.as_bytes()[15]) / 255
}

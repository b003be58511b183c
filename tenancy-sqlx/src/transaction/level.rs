//! A whole transaction or a part of it, which ends or is undone.

use std::ops::{Deref, DerefMut};

use super::open::Open;
use crate::error::Error;

/// A whole transaction, or a savepoint in one; what is left without an end is undone.
pub(crate) struct Level<'t> {
    hold: Hold<'t>,
    /// Zero for the whole transaction.
    depth: u32,
    ended: bool,
}

enum Hold<'t> {
    Owned(Box<Open>),
    Borrowed(&'t mut Open),
}

impl Level<'static> {
    pub(crate) fn whole(open: Open) -> Self {
        Self {
            hold: Hold::Owned(Box::new(open)),
            depth: 0,
            ended: false,
        }
    }
}

impl Level<'_> {
    /// Makes a savepoint; it is part of this level until it ends.
    pub(crate) async fn begin(&mut self) -> Result<Level<'_>, Error> {
        let saved = self.save().await;
        let level = saved.map_err(|fault| self.named(fault.into()))?;
        Ok(Level {
            hold: Hold::Borrowed(self),
            depth: level,
            ended: false,
        })
    }

    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        match self.depth {
            0 => {
                self.ended = true;
                let committed = self.deref_mut().commit().await;
                // Whether it failed or its answer was lost is for whoever looks to see.
                self.tell_appended();
                #[cfg(feature = "jobs")]
                if committed.is_ok() {
                    self.ring();
                }
                committed
            }
            level => {
                let released = self.release(level).await;
                self.ended = released.is_ok();
                released.map_err(|fault| self.named(fault.into()))
            }
        }
    }

    /// Rolls back the whole transaction for whoever waits for something else: in the background
    /// when a statement that was cut off would have to end first.
    pub(crate) async fn give_up(mut self) {
        if self.is_cut_off() {
            self.ended = true;
            return;
        }
        if let Err(error) = self.rollback().await {
            tracing::debug!(target: "tenancy.sql", %error, "a rollback was left to the server");
        }
    }

    pub(crate) async fn rollback(mut self) -> Result<(), Error> {
        match self.depth {
            0 => {
                self.ended = true;
                self.deref_mut().rollback().await
            }
            level => {
                let undone = self.undo(level).await;
                self.ended = undone.is_ok();
                undone.map_err(|fault| self.named(fault.into()))
            }
        }
    }
}

impl Deref for Level<'_> {
    type Target = Open;

    fn deref(&self) -> &Open {
        match &self.hold {
            Hold::Owned(open) => open,
            Hold::Borrowed(open) => open,
        }
    }
}

impl DerefMut for Level<'_> {
    fn deref_mut(&mut self) -> &mut Open {
        match &mut self.hold {
            Hold::Owned(open) => open,
            Hold::Borrowed(open) => open,
        }
    }
}

impl Drop for Level<'_> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if self.depth > 0 {
            let level = self.depth;
            self.leave(level);
        } else if self.has_written() {
            // An early return means it, perhaps; a forgotten commit looks the same.
            tracing::info!(
                target: "tenancy.sql",
                of = %self.source(),
                "a transaction that wrote was dropped, so it is rolled back: commit it, or roll it \
                 back to say that this is meant"
            );
        }
    }
}

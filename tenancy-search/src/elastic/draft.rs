//! Generations: provisioning one, building another beside it, and putting that in its place.
//!
//! Whoever begins a draft makes its alias first and looks for others afterwards. So of two that
//! begin together at least the later look sees the other, and the one with the lower fence goes:
//! there is never a draft that could be published over what began after it.

use tenancy_core::outbox::Fence;
use tenancy_core::{Error, ErrorKind};

use super::clear::Which;
use super::failure::{Failure, unavailable};
use super::link::{Body, Link};
use super::name::{Door, Generation};
use super::query::whole;
use super::state::{Held, State};
use super::swap::Swap;
use crate::engine::{Draft, Placement};
use crate::index::Index;
use crate::operation::Operation;

/// How often to look again after another was quicker.
const ROUNDS: usize = 16;

impl Link {
    pub(super) async fn provision(&self, index: &Index, placement: Placement) -> Result<(), Error> {
        let mut last = None;
        for _ in 0..ROUNDS {
            let state = self.look(index).await?;
            if let Some(live) = state.live {
                return self.usable(&live.index).await;
            }
            let generation = Generation::provisioned();
            let live = generation.door(index, Door::Live);
            let whole = index.name().as_str();
            let made = match placement {
                Placement::Dedicated if state.placeholder => {
                    self.remove_index(whole).await?;
                    continue;
                }
                Placement::Dedicated => self.create(index, generation, &[whole, &live]).await,
                Placement::Shared => {
                    let shared = self.create_shared(index).await?;
                    if !state.placeholder
                        && let Err(failure) = self.claim(index).await
                    {
                        last = Some(retried(failure)?);
                        continue;
                    }
                    let swap = Swap::default()
                        .remove_index(whole)
                        .add(index, generation, &shared, &live)
                        .add(index, generation, &shared, whole);
                    self.swap(swap).await
                }
            };
            match made {
                Ok(()) => return Ok(()),
                Err(failure) => last = Some(retried(failure)?),
            }
        }
        Err(last.unwrap_or_else(|| busy(index)))
    }

    pub(super) async fn draft(
        &self,
        index: &Index,
        placement: Placement,
        fence: Fence,
    ) -> Result<Draft, Error> {
        let ours = Generation::of_draft(fence);
        let state = self.look(index).await?;
        if let Some(live) = &state.live
            && !ours.is_after(live.generation)
        {
            return Err(overtaken(index, fence));
        }
        // What an earlier attempt with the same fence left is no empty index.
        for draft in state.drafts.iter().filter(|draft| draft.generation == ours) {
            self.withdraw(index, draft).await?;
        }
        self.bury(&state.dead).await?;
        let door = ours.door(index, Door::Draft);
        match placement {
            Placement::Dedicated => self.create(index, ours, &[&door]).await?,
            Placement::Shared => {
                let shared = self.create_shared(index).await?;
                self.clear_shared(index, Which::Only(ours)).await?;
                let swap = Swap::default().add(index, ours, &shared, &door);
                self.swap(swap).await?;
            }
        }
        let state = self.look(index).await?;
        let live = state.live.map(|live| live.generation);
        let mut others = state.drafts.iter().map(|draft| draft.generation);
        if live.is_some_and(|live| !ours.is_after(live)) || others.any(|other| other.is_after(ours))
        {
            for draft in state.drafts.iter().filter(|draft| draft.generation == ours) {
                self.withdraw(index, draft).await?;
            }
            return Err(overtaken(index, fence));
        }
        for draft in state.drafts.iter().filter(|draft| draft.generation != ours) {
            self.withdraw(index, draft).await?;
        }
        self.bury(&state.dead).await?;
        let left = Which::Below {
            below: ours,
            kept: live,
        };
        self.clear_shared(index, left).await?;
        Ok(Draft::new(index.clone(), placement, fence))
    }

    pub(super) async fn publish(&self, draft: &Draft) -> Result<(), Error> {
        let index = draft.index();
        let ours = Generation::of_draft(draft.fence());
        let door = ours.door(index, Door::Draft);
        let whole_name = index.name().as_str();
        let mut last = None;
        for _ in 0..ROUNDS {
            let state = self.look(index).await?;
            if state
                .live
                .as_ref()
                .is_some_and(|live| live.generation == ours)
            {
                // Done before, by a call whose answer was lost: what it replaced may be there still.
                return self.sweep(index, ours).await;
            }
            let held = state
                .drafts
                .into_iter()
                .find(|held| held.generation == ours);
            let Some(held) = held else {
                return Err(gone(draft));
            };
            if let Some(live) = &state.live
                && !ours.is_after(live.generation)
            {
                self.withdraw(index, &held).await?;
                return Err(gone(draft));
            }
            if state.placeholder {
                self.remove_index(whole_name).await?;
            }
            match self.post(&format!("/{door}/_refresh"), Body::Nothing).await {
                Ok(answer) => drop(whole(answer)?),
                Err(failure) => {
                    last = Some(retried(failure)?);
                    continue;
                }
            }
            let mut swap = Swap::default().remove(&held.index, &door);
            if let Some(old) = &state.live {
                swap = swap
                    .remove(&old.index, &old.generation.door(index, Door::Live))
                    .remove(&old.index, whole_name);
            }
            let swap = swap
                .add(index, ours, &held.index, &ours.door(index, Door::Live))
                .add(index, ours, &held.index, whole_name);
            match self.swap(swap).await {
                Ok(()) => return self.sweep(index, ours).await,
                Err(failure) => last = Some(retried(failure)?),
            }
        }
        Err(last.unwrap_or_else(|| busy(index)))
    }

    pub(super) async fn discard(&self, draft: &Draft) -> Result<(), Error> {
        let index = draft.index();
        let ours = Generation::of_draft(draft.fence());
        let state = self.look(index).await?;
        if state.live.is_some_and(|live| live.generation == ours) {
            return Ok(());
        }
        for held in state.drafts.iter().filter(|held| held.generation == ours) {
            self.withdraw(index, held).await?;
        }
        self.bury(&state.dead).await?;
        self.clear_shared(index, Which::Only(ours)).await
    }

    /// Removes drafts that do not know what is about to be written: whoever builds one has lost the
    /// lease, and may be about to publish it without having noticed.
    pub(super) async fn overtake(
        &self,
        index: &Index,
        state: &State,
        operations: &[Operation],
    ) -> Result<(), Error> {
        let highest = operations.iter().map(|operation| operation.fence).max();
        let lost = |draft: &&Held| highest.is_some_and(|fence| draft.generation.is_before(fence));
        for draft in state.drafts.iter().filter(lost) {
            if !tenancy_core::sabotaged!("search.elastic-overtaken-publishes") {
                self.withdraw(index, draft).await?;
            }
        }
        Ok(())
    }

    /// Removes a draft, unless it was published meanwhile: first nobody can write or publish it,
    /// then it goes.
    async fn withdraw(&self, index: &Index, draft: &Held) -> Result<(), Error> {
        let door = draft.generation.door(index, Door::Draft);
        let swap = Swap::default().remove(&draft.index, &door);
        match self.swap(swap).await {
            Err(failure) if failure.is_missing() => return Ok(()),
            swapped => swapped?,
        }
        if draft.index == draft.generation.index(index) {
            return self.remove_index(&draft.index).await;
        }
        self.clear_shared(index, Which::Only(draft.generation))
            .await
    }

    /// Removes what is before `live`, the generation that is searched.
    async fn sweep(&self, index: &Index, live: Generation) -> Result<(), Error> {
        let state = self.look(index).await?;
        self.bury(&state.dead).await?;
        let left = Which::Below {
            below: live,
            kept: None,
        };
        self.clear_shared(index, left).await
    }

    /// Removes indexes without an alias: an index gets its first one when it is made, so nobody
    /// is about to use these.
    async fn bury(&self, dead: &[String]) -> Result<(), Error> {
        for name in dead {
            self.remove_index(name).await?;
        }
        Ok(())
    }
}

/// Passes on what another look cannot mend.
fn retried(failure: Failure) -> Result<Error, Error> {
    if !failure.is_race() {
        return Err(failure.into());
    }
    Ok(unavailable(format!(
        "{}; try again in a while",
        Error::from(failure)
    )))
}

fn busy(index: &Index) -> Error {
    unavailable(format!(
        "others keep changing the index {}; try again in a while",
        index.name()
    ))
}

fn overtaken(index: &Index, fence: Fence) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "a draft of {} with fence {fence} is older than what there is: take the lease anew",
            index.name()
        ),
    )
}

fn gone(draft: &Draft) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!(
            "the draft of {} with fence {} is gone: begin another",
            draft.index().name(),
            draft.fence()
        ),
    )
}

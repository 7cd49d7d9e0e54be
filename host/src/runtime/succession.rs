//! Reducers that have the states of streams before they decide for them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::departed::Departed;
use super::gates::Told;
use super::registry::Deciders;
use super::warm::{MemoryShare, Surroundings, Warm};
use super::{Host, Shared};
use crate::reducer::{Aggregate, ReducerDigest, ReducerFault};
use crate::{PackedEvents, SerializedEvent, StreamId, Version};

/// Successors of one swap at most. A host holds as many streams as its process may have mappings for their instances
/// ([`Limits::entities_max`](crate::Limits::entities_max)), and these come on top. Streams beyond it take their state over behind the swap.
const SUCCESSORS_MAX: usize = 256;

/// A swap that is about to be made: who decides behind it, and what has their state already.
pub(super) struct Succession {
    next: Deciders,
    /// None where there can be none: it would be tried again with each turn.
    successors: Mutex<HashMap<StreamId, Option<Successor>>>,
    /// The swap was made: there is nothing to prepare any more.
    made: AtomicBool,
    memory: Arc<AtomicUsize>,
}

/// A stream's state in the reducer that is to decide for it. It holds nothing that is not durable.
struct Successor {
    digest: ReducerDigest,
    aggregate: Box<dyn Aggregate>,
    version: Version,
    memory: MemoryShare,
}

impl Succession {
    pub(super) fn new(next: Deciders, memory: Arc<AtomicUsize>) -> Self {
        Self { next, successors: Mutex::default(), made: AtomicBool::new(false), memory }
    }

    /// At the end of a turn: has the stream's next reducer take over its state, or apply what the turn `appended` to the state that it
    /// took over before.
    ///
    /// # Errors
    /// [`ReducerFault`] of the stream's own aggregate, which must not be asked again.
    pub(super) fn go_along(
        &self,
        warm: &mut Warm,
        appended: impl Iterator<Item = SerializedEvent>,
        around: &Surroundings<'_>,
    ) -> Result<(), ReducerFault> {
        let next = &self.next.of(around.stream_id).reducer;
        if self.made.load(Ordering::Acquire) || next.digest() == warm.active.reducer.digest() {
            return Ok(());
        }
        let former = {
            let mut successors = self.successors();
            let former = successors.remove(around.stream_id);
            if former.is_none() && successors.len() >= SUCCESSORS_MAX {
                return Ok(());
            }
            former
        };
        // Not under the lock: a guest may take its time, and other streams wait for it.
        let successor = match former {
            Some(None) => None,
            Some(Some(successor)) => successor.followed(&appended.collect::<Vec<_>>(), warm.version, around.departed),
            None if !around.takes_over(&*warm.active.reducer, &**next) => None,
            None => {
                let state = warm.aggregate.snapshot()?;
                let aggregate = next.restore(around.stream_id, &state).ok();
                aggregate.map(|aggregate| Successor {
                    digest: next.digest(),
                    version: warm.version,
                    memory: MemoryShare::of(&self.memory, aggregate.memory_bytes()),
                    aggregate,
                })
            }
        };
        self.successors().insert(around.stream_id.clone(), successor);
        Ok(())
    }

    /// A stream's state at a version, in the reducer that decides for it now.
    pub(super) fn take(
        &self,
        stream_id: &StreamId,
        digest: ReducerDigest,
        version: Version,
    ) -> Option<Box<dyn Aggregate>> {
        let successor = self.successors().remove(stream_id)?;
        // A state that is behind would be decided on as if it were the newest, and appended at the newest one's version.
        successor.filter(|successor| successor.digest == digest && successor.version == version).map(|it| it.aggregate)
    }

    /// The swap was made.
    pub(super) fn end(&self) {
        self.made.store(true, Ordering::Release);
    }

    /// Lets go of what no stream has taken.
    pub(super) fn leave(&self, departed: &Arc<Departed>) {
        self.end();
        let left = std::mem::take(&mut *self.successors());
        left.into_values().flatten().for_each(|successor| departed.leave(successor.aggregate));
    }

    fn successors(&self) -> MutexGuard<'_, HashMap<StreamId, Option<Successor>>> {
        // No code runs under the lock that could panic halfway through a change.
        self.successors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    /// Tells the streams that have a command under way of a swap that is about to be made: right behind it all of them need their state
    /// in `next`, and taking over 64 states took two cores as long as the rest of the swap.
    pub(crate) fn tell_of_swap(&self, reducer: &str, next: Deciders) -> Told {
        let Shared { gates, entities, departed, .. } = &*self.shared;
        gates.tell(reducer, Succession::new(next, entities.memory()), departed)
    }
}

impl Successor {
    /// The same with what came behind its state, up to `version`; none after a fault.
    fn followed(mut self, events: &[SerializedEvent], version: Version, departed: &Arc<Departed>) -> Option<Self> {
        let is_next = self.version + events.len() as u64 == version;
        let packed = PackedEvents::of(self.version.next(), events).ok().filter(|_| is_next);
        if packed.is_none_or(|packed| !packed.is_empty() && self.aggregate.apply(packed).is_err()) {
            departed.leave(self.aggregate);
            return None;
        }
        self.version = version;
        self.memory.set(self.aggregate.memory_bytes());
        Some(self)
    }
}

#[cfg(test)]
#[path = "succession_tests.rs"]
mod tests;

//! Reducers that have the states of streams before they decide for them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::departed::Departed;
use super::gates::PendingSwap;
use super::registry::Deciders;
use super::warm::{MemoryShare, Surroundings, Warm};
use super::{Host, Shared};
use crate::reducer::{Aggregate, ReducerDigest, ReducerFault};
use crate::{PackedEvents, SerializedEvent, StreamId, Version};

/// Successors of one swap at most. A host holds as many streams as its process may have mappings for their instances
/// ([`Limits::entities_max`](crate::Limits::entities_max)), and these come on top. Streams beyond it take their state over behind the swap.
const SUCCESSORS_MAX: usize = 256;

/// How long after one stream the next one takes its state over: all of them at once would take two cores as long as behind the swap, and
/// be no better. Three times as long as an order of the examples takes for it.
const PAUSE: Duration = Duration::from_micros(250);
/// How long the streams that wait are waited for, while none of them is prepared: they may have no further command.
const QUIET: Duration = Duration::from_millis(20);

/// A swap that is about to be made: who decides behind it, and what has their state already.
pub(super) struct Succession {
    next: Deciders,
    progress: Mutex<Progress>,
    /// Told when one that waited is prepared.
    prepared: Notify,
    memory: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Progress {
    successors: HashMap<StreamId, Place>,
    /// A stream hands its state over for the first time; the next one may from then on.
    busy: bool,
    free_at: Option<Instant>,
    /// Those that came by in vain, up to when the swap began to wait for them. Streams come and go, and there is no end to them.
    waiting: HashSet<StreamId>,
    awaited: bool,
    /// The swap was made, or is not: there is nothing to prepare any more.
    ended: bool,
}

/// What there is of a stream.
enum Place {
    Ready(Successor),
    /// A turn is at it. What it comes to is put back only here: where the stream was forgotten or all of it is over, nothing of it stays.
    Taken,
    /// There can be none. It would be tried again with each turn.
    Never,
}

/// What a stream has to do at the end of a turn.
enum Task {
    Nothing,
    Begin,
    GoOn(Successor),
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
        Self { next, progress: Mutex::default(), prepared: Notify::new(), memory }
    }

    /// At the end of a turn: has the stream's next reducer take over its state, one stream after the other, or apply what the turn
    /// `appended` to the state that it took over before.
    ///
    /// # Errors
    /// [`ReducerFault`] of the stream's own aggregate, which must not be asked again.
    pub(super) fn go_along(
        &self,
        warm: &mut Warm,
        appended: impl Iterator<Item = SerializedEvent>,
        around: &Surroundings<'_>,
    ) -> Result<(), ReducerFault> {
        let (former, next) = (&*warm.active.reducer, &*self.next.of(around.stream_id).reducer);
        if next.digest() == former.digest() || !around.takes_over(former, next) {
            return Ok(());
        }
        // Guests are asked outside the lock: they may take their time, and other streams wait for it.
        let task = self.progress().task(around.stream_id);
        match task {
            Task::Nothing => Ok(()),
            Task::GoOn(successor) => {
                let appended: Vec<_> = appended.collect();
                let successor = successor.followed(&appended, warm.version, around.departed);
                self.progress().put_back(around.stream_id, successor);
                Ok(())
            }
            Task::Begin => {
                let _busy = Busy(self);
                let successor = self.begin(warm, around);
                let mut progress = self.progress();
                if progress.waiting.remove(around.stream_id) {
                    self.prepared.notify_one();
                }
                let (successor, fault) = match successor {
                    Ok(successor) => (successor, Ok(())),
                    Err(fault) => (None, Err(fault)),
                };
                progress.put_back(around.stream_id, successor);
                fault
            }
        }
    }

    /// The stream's state in its next reducer; none where that does not take it over.
    fn begin(&self, warm: &mut Warm, around: &Surroundings<'_>) -> Result<Option<Successor>, ReducerFault> {
        let next = &self.next.of(around.stream_id).reducer;
        Ok(warm.hand_over(&**next, around)?.map(|aggregate| Successor {
            digest: next.digest(),
            version: warm.version,
            memory: MemoryShare::of(&self.memory, aggregate.memory_bytes()),
            aggregate,
        }))
    }

    /// Waits until none of the streams that came by in vain so far waits any more, or for a while none of them has been prepared.
    pub(super) async fn prepared(&self) {
        self.progress().awaited = true;
        while self.progress().is_awaited() {
            // A stream without a further command needs no successor either.
            if tokio::time::timeout(QUIET, self.prepared.notified()).await.is_err() {
                return;
            }
        }
    }

    /// A stream's state at a version, in the reducer that decides for it now.
    pub(super) fn take(
        &self,
        digest: ReducerDigest,
        version: Version,
        around: &Surroundings<'_>,
    ) -> Option<Box<dyn Aggregate>> {
        let Some(Place::Ready(successor)) = self.progress().successors.remove(around.stream_id) else { return None };
        // A state that is behind would be decided on as if it were the newest, and appended at the newest one's version.
        if successor.digest == digest && successor.version == version {
            return Some(successor.aggregate);
        }
        around.departed.leave(successor.aggregate);
        None
    }

    /// Forgets a stream's state at once, and takes no other of it.
    pub(super) fn forget(&self, stream_id: &StreamId) {
        let mut progress = self.progress();
        progress.waiting.remove(stream_id);
        let forgotten = progress.successors.insert(stream_id.clone(), Place::Never);
        // Before it goes: that takes its time.
        drop(progress);
        drop(forgotten);
    }

    /// The swap was made.
    pub(super) fn end(&self) {
        self.progress().ended = true;
    }

    /// Lets go of what no stream has taken.
    pub(super) fn leave(&self, departed: &Arc<Departed>) {
        let mut progress = self.progress();
        progress.ended = true;
        let left = std::mem::take(&mut progress.successors);
        drop(progress);
        for place in left.into_values() {
            if let Place::Ready(successor) = place {
                departed.leave(successor.aggregate);
            }
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // No code runs under the lock that could panic halfway through a change.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream hands its state over. Also where that panics: no other would be prepared any more.
struct Busy<'a>(&'a Succession);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut progress = self.0.progress();
        progress.busy = false;
        progress.free_at = Some(Instant::now() + PAUSE);
    }
}

impl Progress {
    fn is_full(&self) -> bool {
        self.successors.len() >= SUCCESSORS_MAX
    }

    fn is_awaited(&self) -> bool {
        !self.waiting.is_empty() && !self.is_full()
    }

    fn task(&mut self, stream_id: &StreamId) -> Task {
        if self.ended {
            return Task::Nothing;
        }
        if let Some(place) = self.successors.get_mut(stream_id) {
            return match std::mem::replace(place, Place::Taken) {
                Place::Ready(successor) => Task::GoOn(successor),
                other => {
                    *place = other;
                    Task::Nothing
                }
            };
        }
        if self.is_full() {
            return Task::Nothing;
        }
        if self.busy || self.free_at.is_some_and(|free_at| Instant::now() < free_at) {
            if !self.awaited {
                self.waiting.insert(stream_id.clone());
            }
            return Task::Nothing;
        }
        self.busy = true;
        self.successors.insert(stream_id.clone(), Place::Taken);
        Task::Begin
    }

    fn put_back(&mut self, stream_id: &StreamId, successor: Option<Successor>) {
        if let Some(place @ Place::Taken) = self.successors.get_mut(stream_id) {
            *place = successor.map_or(Place::Never, Place::Ready);
        }
    }
}

impl Host {
    /// Tells the streams of a swap that is about to be made: right behind it all that have a command under way need their state in
    /// `next`, and taking over 64 states took two cores as long as the rest of the swap.
    pub(crate) fn tell_of_swap(&self, reducer: &str, next: Deciders) -> PendingSwap {
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

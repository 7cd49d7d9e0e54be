//! An aggregate in memory, and the one that a swap goes on with.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::departed::Departed;
use super::load::Loaded;
use super::registry::ActiveReducer;
use crate::event_store::SnapshotConfig;
use crate::reducer::{Aggregate, Reducer};
use crate::{PackedEvents, SerializedEvent, StreamId, Version};

/// An aggregate that is up to date as far as this host knows.
pub(super) struct Warm {
    pub(super) active: ActiveReducer,
    pub(super) aggregate: Box<dyn Aggregate>,
    pub(super) version: Version,
    /// The version of the last snapshot that was read or handed to the writer.
    pub(super) snapshot_version: Version,
    /// How long it took to read and fold what came after that snapshot.
    pub(super) replay_cost: Duration,
    next: Option<Next>,
    memory: MemoryShare,
}

/// The same state in whom a swap is about to make decide.
struct Next {
    reducer: Arc<dyn Reducer>,
    aggregate: Box<dyn Aggregate>,
    version: Version,
}

impl Next {
    /// Applies what came behind its state. After a fault it is never ready again.
    fn follow(&mut self, events: &[SerializedEvent]) {
        let Ok(packed) = PackedEvents::of(self.version.next(), events) else { return };
        if events.is_empty() || self.aggregate.apply(packed).is_ok() {
            self.version = self.version + events.len() as u64;
        }
    }
}

/// What an aggregate has of its host.
pub(super) struct Surroundings<'a> {
    pub(super) stream_id: &'a StreamId,
    pub(super) config: SnapshotConfig,
    pub(super) departed: &'a Arc<Departed>,
}

impl Surroundings<'_> {
    /// Whether `next` reads the states of `former`. Not where only its own snapshots are read, or none.
    fn takes_over(&self, former: &dyn Reducer, next: &dyn Reducer) -> bool {
        let schema = &next.descriptor().state_schema;
        let readable = self.config.readable(schema, next.digest());
        former.descriptor().state_schema == *schema && readable.is_some_and(|key| key.reducer_digest.is_none())
    }
}

impl Warm {
    /// As it was loaded. What it holds counts towards `memory`.
    pub(super) fn of(active: ActiveReducer, loaded: Loaded, memory: Arc<AtomicUsize>) -> Self {
        let mut warm = Self {
            active,
            aggregate: loaded.aggregate,
            version: loaded.version,
            snapshot_version: loaded.snapshot_version,
            replay_cost: loaded.replay_cost,
            next: None,
            memory: MemoryShare { total: memory, bytes: 0 },
        };
        warm.weigh();
        warm
    }

    /// The same aggregate under another activation; none where it has to be loaded anew.
    ///
    /// Where another component decides from now on, and declares the state's schema to be its own, it takes the state over as it
    /// would from a snapshot: a swap under load had every warm stream read from the database at once. If it was told of the swap in
    /// time, it has done so already.
    pub(super) fn under(mut self, active: &ActiveReducer, around: &Surroundings<'_>) -> Option<Self> {
        if self.active.is(active) {
            return Some(self);
        }
        if self.active.reducer.digest() != active.reducer.digest() {
            if !self.is_ready_for(&*active.reducer) {
                self = self.prepared(&active.reducer, around)?;
            }
            let Some(next) = self.next.take() else {
                self.leave(around.departed);
                return None;
            };
            around.departed.leave(std::mem::replace(&mut self.aggregate, next.aggregate));
        }
        self.active = active.clone();
        self.weigh();
        Some(self)
    }

    fn is_ready_for(&self, reducer: &dyn Reducer) -> bool {
        // A state that is behind would be decided on as if it were the newest, and appended at the newest one's version.
        self.next.as_ref().is_some_and(|next| next.reducer.digest() == reducer.digest() && next.version == self.version)
    }

    /// The same aggregate, and its state in `reducer` too, where that takes it over. None where a fault left it in a state that nobody knows.
    fn prepared(mut self, reducer: &Arc<dyn Reducer>, around: &Surroundings<'_>) -> Option<Self> {
        self.forget_next(around.departed);
        if !around.takes_over(&*self.active.reducer, &**reducer) {
            return Some(self);
        }
        let Ok(state) = self.aggregate.snapshot() else {
            self.leave(around.departed);
            return None;
        };
        if let Ok(aggregate) = reducer.restore(around.stream_id, &state) {
            self.next = Some(Next { reducer: Arc::clone(reducer), aggregate, version: self.version });
        }
        Some(self)
    }

    /// Whether its state is in another reducer too.
    pub(super) fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// The same aggregate, and its state in whom a swap is about to make decide as well, so that the swap finds it there. `appended` is
    /// what the state had last, and `next` does not have yet. None where it has to be loaded anew.
    pub(super) fn beside(
        mut self,
        next: Option<&Arc<dyn Reducer>>,
        appended: impl Iterator<Item = SerializedEvent>,
        around: &Surroundings<'_>,
    ) -> Option<Self> {
        let Some(next) = next.filter(|next| next.digest() != self.active.reducer.digest()) else {
            self.forget_next(around.departed);
            self.weigh();
            return Some(self);
        };
        if let Some(follower) = self.next.as_mut().filter(|follower| follower.reducer.digest() == next.digest()) {
            follower.follow(&appended.collect::<Vec<_>>());
        }
        if !self.is_ready_for(&**next) {
            self = self.prepared(next, around)?;
        }
        self.weigh();
        Some(self)
    }

    fn forget_next(&mut self, departed: &Arc<Departed>) {
        if let Some(next) = self.next.take() {
            departed.leave(next.aggregate);
        }
    }

    /// Lets go of what it holds.
    pub(super) fn leave(mut self, departed: &Arc<Departed>) {
        self.forget_next(departed);
        departed.leave(self.aggregate);
    }

    /// Counts what it holds now.
    pub(super) fn weigh(&mut self) {
        let next = self.next.as_ref().map_or(0, |next| next.aggregate.memory_bytes());
        self.memory.set(self.aggregate.memory_bytes() + next);
    }
}

/// One aggregate's part of the memory of all; given back when it is dropped.
struct MemoryShare {
    total: Arc<AtomicUsize>,
    bytes: usize,
}

impl MemoryShare {
    fn set(&mut self, bytes: usize) {
        // Wraps around zero and back, as two's complement does.
        self.total.fetch_add(bytes.wrapping_sub(self.bytes), Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "warm_tests.rs"]
mod tests;

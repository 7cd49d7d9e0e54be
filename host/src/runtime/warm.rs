//! An aggregate that stays in memory from one command to the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::departed::Departed;
use super::load::Loaded;
use super::measured::{self, Swapped};
use super::registry::ActiveReducer;
use super::succession::Succession;
use crate::event_store::SnapshotConfig;
use crate::reducer::{Aggregate, Reducer, ReducerFault};
use crate::{StreamId, Version};

/// An aggregate that is up to date as far as this host knows.
pub(super) struct Warm {
    pub(super) active: ActiveReducer,
    pub(super) aggregate: Box<dyn Aggregate>,
    pub(super) version: Version,
    /// The version of the last snapshot that was read or handed to the writer.
    pub(super) snapshot_version: Version,
    /// How long it took to read and fold what came after that snapshot.
    pub(super) replay_cost: Duration,
    memory: MemoryShare,
}

/// What an aggregate has of its host.
pub(super) struct Surroundings<'a> {
    pub(super) stream_id: &'a StreamId,
    pub(super) config: SnapshotConfig,
    pub(super) departed: &'a Arc<Departed>,
}

impl Surroundings<'_> {
    /// Whether `next` reads the states of `former`. Not where only its own snapshots are read, or none.
    pub(super) fn takes_over(&self, former: &dyn Reducer, next: &dyn Reducer) -> bool {
        let schema = &next.descriptor().state_schema;
        let readable = self.config.readable(schema, next.digest());
        former.descriptor().state_schema == *schema && readable.is_some_and(|key| key.reducer_digest.is_none())
    }
}

impl Warm {
    /// As it was loaded. What it holds counts towards `memory`.
    pub(super) fn of(active: ActiveReducer, loaded: Loaded, memory: &Arc<AtomicUsize>) -> Self {
        let mut warm = Self {
            active,
            aggregate: loaded.aggregate,
            version: loaded.version,
            snapshot_version: loaded.snapshot_version,
            replay_cost: loaded.replay_cost,
            memory: MemoryShare::of(memory, 0),
        };
        warm.weigh();
        warm
    }

    /// The same aggregate under another activation; none where it has to be loaded anew.
    ///
    /// Where another component decides from now on, and declares the state's schema to be its own, it takes the state over as it
    /// would from a snapshot, unless it has done so before the swap: a swap under load had every warm stream read from the
    /// database at once.
    pub(super) fn under(
        mut self,
        active: &ActiveReducer,
        succession: Option<&Succession>,
        around: &Surroundings<'_>,
    ) -> Option<Self> {
        if self.active.is(active) {
            return Some(self);
        }
        if self.active.reducer.digest() != active.reducer.digest() {
            let ready = succession.and_then(|it| it.take(active.reducer.digest(), self.version, around));
            let (next, how) = match ready {
                Some(ready) => (Some(ready), Swapped::Ready),
                None => match self.hand_over(&*active.reducer, around) {
                    Ok(Some(next)) => (Some(next), Swapped::TakenOver),
                    Ok(None) | Err(_) => (None, Swapped::Loaded),
                },
            };
            measured::swapped(how);
            let Some(aggregate) = next else {
                around.departed.leave(self.aggregate);
                return None;
            };
            around.departed.leave(std::mem::replace(&mut self.aggregate, aggregate));
        }
        self.active = active.clone();
        self.weigh();
        Some(self)
    }

    /// The same state in another reducer; none where that does not take it over.
    ///
    /// # Errors
    /// [`ReducerFault`] of the aggregate itself, which must not be asked again.
    pub(super) fn hand_over(
        &mut self,
        next: &dyn Reducer,
        around: &Surroundings<'_>,
    ) -> Result<Option<Box<dyn Aggregate>>, ReducerFault> {
        if !around.takes_over(&*self.active.reducer, next) {
            return Ok(None);
        }
        let state = self.aggregate.snapshot()?;
        Ok(next.restore(around.stream_id, &state).ok())
    }

    /// Counts what it holds now.
    pub(super) fn weigh(&mut self) {
        self.memory.set(self.aggregate.memory_bytes());
    }
}

/// One aggregate's part of the memory of all; given back when it is dropped.
pub(super) struct MemoryShare {
    total: Arc<AtomicUsize>,
    bytes: usize,
}

impl MemoryShare {
    pub(super) fn of(total: &Arc<AtomicUsize>, bytes: usize) -> Self {
        let mut share = Self { total: Arc::clone(total), bytes: 0 };
        share.set(bytes);
        share
    }

    pub(super) fn set(&mut self, bytes: usize) {
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

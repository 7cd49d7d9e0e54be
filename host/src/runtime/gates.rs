//! A gate for each reducer between the turns of its streams and a swap that is made through this host.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::departed::Departed;
use super::succession::Succession;
use crate::StreamId;

/// How long a swap waits for streams to prepare for it. A few of them do so while a statement is appended: 64 took 90 ms.
const PREPARING_MAX: Duration = Duration::from_millis(500);
/// How long it waits for the turns under way: a decision may take its time, and an append that of a store that is away.
const CLOSING_MAX: Duration = Duration::from_millis(100);
/// How long behind the swap those are kept that it prepared for: whoever has a command under way comes within that.
const KEPT: Duration = Duration::from_secs(1);
/// How long it stays closed at most.
const CLOSED_MAX: Duration = Duration::from_secs(1);

/// Keeps the turns that would be in vain from being begun, and tells those that are under way of the swap.
///
/// A swap fences whatever is decided and not appended yet. Without this, that was every stream with a command under way: 64 of them
/// read from the store anew and decided again took two cores 50 ms, at which all senders waited. Nothing rests on it: the
/// store's fence holds whoever goes through here, and those of other hosts.
#[derive(Default)]
pub(crate) struct Gates(DashMap<String, Arc<Gate>>);

#[derive(Default)]
struct Gate {
    open: Arc<RwLock<()>>,
    ahead: Mutex<Ahead>,
}

#[derive(Default)]
struct Ahead {
    /// The swap that is about to be made, or was made a moment ago.
    succession: Option<Arc<Succession>>,
    /// The turns that were begun since it was said.
    turns: TaskTracker,
}

impl Gates {
    fn of(&self, reducer: &str) -> Arc<Gate> {
        if let Some(gate) = self.0.get(reducer) {
            return Arc::clone(&gate);
        }
        Arc::clone(&self.0.entry(reducer.to_owned()).or_default())
    }

    /// Goes through, from before it is looked who decides until what was decided is durable.
    pub(super) async fn pass(&self, reducer: &str) -> Passing {
        let gate = self.of(reducer);
        let open = Arc::clone(&gate.open).read_owned().await;
        let turn = gate.ahead().turns.token();
        Passing { open, under_way: UnderWay { gate, _turn: turn } }
    }

    /// Tells the turns under way, and those that are begun from now on, of a swap that is about to be made.
    pub(super) fn tell(&self, reducer: &str, succession: Succession, departed: &Arc<Departed>) -> PendingSwap {
        let (gate, succession) = (self.of(reducer), Arc::new(succession));
        let mut ahead = gate.ahead();
        ahead.succession = Some(Arc::clone(&succession));
        let turns = std::mem::take(&mut ahead.turns);
        drop(ahead);
        turns.close();
        PendingSwap { gate, succession, turns, departed: Arc::clone(departed) }
    }

    /// Forgets what a stream prepared for a swap, and has it prepare for it no more.
    pub(super) fn forget(&self, stream_id: &StreamId) {
        let gate = self.of(stream_id.category());
        let succession = gate.ahead().succession.clone();
        if let Some(succession) = succession {
            succession.forget(stream_id);
        }
    }

    /// Does something behind it, once the turns under way are through; where they take too long, without it. Where what is done takes
    /// longer than a moment, it is opened again: a store that is away may take minutes, and a command that waits for it is told.
    pub(crate) async fn close_for<T>(&self, reducer: &str, doing: impl Future<Output = T>) -> T {
        let gate = tokio::time::timeout(CLOSING_MAX, Arc::clone(&self.of(reducer).open).write_owned()).await;
        let mut doing = std::pin::pin!(doing);
        if let Ok(done) = tokio::time::timeout(CLOSED_MAX, &mut doing).await {
            return done;
        }
        drop(gate);
        doing.await
    }
}

impl Gate {
    fn ahead(&self) -> MutexGuard<'_, Ahead> {
        // No code runs under the lock that could panic halfway through a change.
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn in the gate: no swap is made until it is through.
pub(super) struct Passing {
    open: OwnedRwLockReadGuard<()>,
    under_way: UnderWay,
}

impl Passing {
    /// What was decided is durable, or is not to be.
    pub(super) fn through(self) -> UnderWay {
        drop(self.open);
        self.under_way
    }

    /// The swap that is about to be made, or was made a moment ago.
    pub(super) fn succession(&self) -> Option<Arc<Succession>> {
        self.under_way.succession()
    }
}

/// A turn, until its end.
pub(super) struct UnderWay {
    gate: Arc<Gate>,
    _turn: TaskTrackerToken,
}

impl UnderWay {
    /// The swap that is about to be made, or was made a moment ago.
    pub(super) fn succession(&self) -> Option<Arc<Succession>> {
        self.gate.ahead().succession.clone()
    }
}

/// A swap that is about to be made, of which the streams were told. Dropped, what they prepared for it goes.
pub(crate) struct PendingSwap {
    gate: Arc<Gate>,
    succession: Arc<Succession>,
    turns: TaskTracker,
    departed: Arc<Departed>,
}

impl PendingSwap {
    /// Waits until the turns that were under way are at their end, and their streams prepared; not for those that take too long.
    pub(crate) async fn prepared(&self) {
        let prepared = async {
            self.turns.wait().await;
            self.succession.prepared().await;
        };
        // Those find out behind the swap.
        tokio::time::timeout(PREPARING_MAX, prepared).await.ok();
    }

    /// The swap was made: streams that have prepared for it find what they have prepared for a while.
    pub(crate) fn made(self) {
        self.succession.end();
        tokio::spawn(async move {
            tokio::time::sleep(KEPT).await;
            drop(self);
        });
    }
}

impl Drop for PendingSwap {
    fn drop(&mut self) {
        let mut ahead = self.gate.ahead();
        // Unless it is of another swap by now.
        ahead.succession.take_if(|succession| Arc::ptr_eq(succession, &self.succession));
        drop(ahead);
        self.succession.leave(&self.departed);
    }
}

#[cfg(test)]
#[path = "gates_tests.rs"]
mod tests;

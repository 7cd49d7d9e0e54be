//! A gate for each reducer between the turns of its streams and a swap that is made through this host.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::registry::Deciders;

/// How long a swap waits for the turns under way: a decision may take its time, and an append that of a store that is away.
const CLOSING_MAX: Duration = Duration::from_millis(100);
/// How long it stays closed at most.
const CLOSED_MAX: Duration = Duration::from_secs(1);

/// Keeps the turns that would be in vain from being begun, and tells those that are under way who decides next.
///
/// A swap fences whatever is decided and not appended yet. Without this, that was every stream with a command under way: 64 of them
/// read from the store anew and decided again took two cores 50 ms, at which all senders waited. Nothing rests on it: the
/// store's fence holds whoever goes through here, and those of other hosts.
#[derive(Default)]
pub(crate) struct Gates(DashMap<String, Arc<Gate>>);

#[derive(Default)]
pub(super) struct Gate {
    open: Arc<RwLock<()>>,
    announced: Mutex<Announced>,
}

#[derive(Default)]
struct Announced {
    /// Who decides behind the swap that is about to be made.
    next: Option<Arc<Deciders>>,
    /// The turns that were begun since.
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
        let turn = gate.announced().turns.token();
        Passing { open, through: Through { gate, _turn: turn } }
    }

    /// Tells the turns under way, and those that are begun from now on, who decides next. To be taken back with what it returns.
    pub(crate) fn announce(&self, reducer: &str, next: Deciders) -> Announcement {
        let (gate, next) = (self.of(reducer), Arc::new(next));
        let mut announced = gate.announced();
        announced.next = Some(Arc::clone(&next));
        let turns = std::mem::take(&mut announced.turns);
        drop(announced);
        turns.close();
        Announcement { gate, next, turns }
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
    fn announced(&self) -> MutexGuard<'_, Announced> {
        // No code runs under the lock that could panic halfway through a change.
        self.announced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn in the gate: no swap is made until it is through.
pub(super) struct Passing {
    open: OwnedRwLockReadGuard<()>,
    through: Through,
}

impl Passing {
    pub(super) fn through(self) -> Through {
        drop(self.open);
        self.through
    }
}

/// A turn that has only the next swap to think of.
pub(super) struct Through {
    gate: Arc<Gate>,
    _turn: TaskTrackerToken,
}

impl Through {
    /// Who decides behind the swap that is about to be made.
    pub(super) fn next(&self) -> Option<Arc<Deciders>> {
        self.gate.announced().next.clone()
    }
}

/// A swap that is about to be made. Dropped, it was made, or is not.
pub(crate) struct Announcement {
    gate: Arc<Gate>,
    next: Arc<Deciders>,
    turns: TaskTracker,
}

impl Announcement {
    /// Waits until the turns that were under way are at their end, and have heard of it; not for those that take too long.
    pub(crate) async fn heard(&self) {
        // Those that take longer find out behind the swap.
        tokio::time::timeout(CLOSING_MAX, self.turns.wait()).await.ok();
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Unless another swap was announced meanwhile.
        let mut announced = self.gate.announced();
        announced.next = announced.next.take().filter(|next| !Arc::ptr_eq(next, &self.next));
    }
}

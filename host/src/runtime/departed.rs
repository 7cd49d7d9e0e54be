//! Aggregates of no more use, until there is time for them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::reducer::Aggregate;

/// How long after the first of them they are dropped: by then whoever replaced them has answered.
const PAUSE: Duration = Duration::from_millis(30);
/// How many are dropped at once, and how long it is until the next.
const AT_ONCE: usize = 8;
const BREATH: Duration = Duration::from_millis(1);

/// Drops aggregates beside the commands. Giving an instance's memory back takes as long as making one, and keeps the whole process from
/// mapping any: a swap has every stream in use drop one at once, and so has a host that makes
/// room for a sixteenth of its streams. By then they do not count towards the host's memory any more, for a fraction of a second.
pub(super) struct Departed {
    waiting: Mutex<Vec<Box<dyn Aggregate>>>,
    /// The host's. A swap may be given up on another one, or on none, and what it leaves there would wait for good.
    runtime: Option<Handle>,
}

impl Departed {
    /// None yet. To be dropped on the runtime that this is called on.
    pub(super) fn new() -> Self {
        Self { waiting: Mutex::default(), runtime: Handle::try_current().ok() }
    }

    /// One more.
    pub(super) fn leave(self: &Arc<Self>, aggregate: Box<dyn Aggregate>) {
        let Some(runtime) = &self.runtime else { return drop(aggregate) };
        let mut waiting = self.waiting();
        waiting.push(aggregate);
        if waiting.len() > 1 {
            return;
        }
        let departed = Arc::clone(self);
        runtime.spawn(async move {
            tokio::time::sleep(PAUSE).await;
            tokio::task::spawn_blocking(move || departed.drop_all());
        });
    }

    fn drop_all(&self) {
        let mut leaving = std::mem::take(&mut *self.waiting());
        while !leaving.is_empty() {
            leaving.truncate(leaving.len().saturating_sub(AT_ONCE));
            std::thread::sleep(BREATH);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Box<dyn Aggregate>>> {
        // No code runs under the lock that could panic halfway through a change.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

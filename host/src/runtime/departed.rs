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
#[derive(Default)]
pub(super) struct Departed(Mutex<Vec<Box<dyn Aggregate>>>);

impl Departed {
    /// One more.
    pub(super) fn leave(self: &Arc<Self>, aggregate: Box<dyn Aggregate>) {
        let mut waiting = self.waiting();
        waiting.push(aggregate);
        if waiting.len() > 1 {
            return;
        }
        let departed = Arc::clone(self);
        // Without a runtime the host is gone, and they go with it.
        let Ok(runtime) = Handle::try_current() else { return };
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
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

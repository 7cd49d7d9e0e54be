//! Steps of effects on their way to the outbox: many tasks, one statement.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::event_store::{EffectUpdate, Store};

/// Steps that one statement records.
const STEPS_MAX: usize = 256;
/// Statements in flight at once.
const IN_FLIGHT_MAX: usize = 2;
/// How long after a failed statement it is sent again.
const PAUSE: Duration = Duration::from_millis(250);

struct Queued {
    update: EffectUpdate,
    /// When the claim ends: from then on others may claim the effect, and whatever they find has to do.
    until: Instant,
    held: oneshot::Sender<bool>,
}

/// Records steps for those who run effects.
#[derive(Clone)]
pub(super) struct Updates {
    queue: mpsc::Sender<Queued>,
}

impl Updates {
    pub(super) fn start(store: Arc<dyn Store>) -> Self {
        let (queue, queued) = mpsc::channel(STEPS_MAX * 4);
        tokio::spawn(run(queued, store));
        Self { queue }
    }

    /// Records a step. False where the claim is lost, or nobody could be told before it ended: then somebody else goes on with the
    /// effect from what was recorded before.
    ///
    /// Whoever waits here may be dropped; the step is recorded all the same.
    pub(super) async fn record(&self, update: EffectUpdate, until: Instant) -> bool {
        let (held, answer) = oneshot::channel();
        if self.queue.send(Queued { update, until, held }).await.is_err() {
            return false;
        }
        answer.await.unwrap_or(false)
    }
}

async fn run(mut queue: mpsc::Receiver<Queued>, store: Arc<dyn Store>) {
    let mut in_flight = JoinSet::new();
    let mut open = true;
    while open || !in_flight.is_empty() {
        // Both are cancel safe: what is not received stays queued, what is not joined stays in flight.
        let first = tokio::select! {
            Some(_) = in_flight.join_next(), if in_flight.len() >= IN_FLIGHT_MAX || !open => continue,
            queued = queue.recv(), if open && in_flight.len() < IN_FLIGHT_MAX => queued,
        };
        let Some(first) = first else {
            open = false;
            continue;
        };
        let mut steps = vec![first];
        // Those that are about to come to their end are let go first; nothing is waited for.
        tokio::task::yield_now().await;
        while steps.len() < STEPS_MAX
            && let Ok(queued) = queue.try_recv()
        {
            steps.push(queued);
        }
        in_flight.spawn(record(Arc::clone(&store), steps));
        while in_flight.try_join_next().is_some() {}
    }
}

/// Until it is recorded or the claims are over. Sent again it does no harm: what is recorded already is left as it is.
async fn record(store: Arc<dyn Store>, mut steps: Vec<Queued>) {
    while !steps.is_empty() {
        let updates: Vec<_> = steps.iter().map(|queued| queued.update.clone()).collect();
        match store.update_effects(&updates).await {
            Ok(held) => {
                for (queued, held) in steps.into_iter().zip(held) {
                    // Nobody waits any more: the host goes down.
                    queued.held.send(held).ok();
                }
                return;
            }
            Err(error) => {
                tracing::warn!(%error, steps = steps.len(), "steps of effects could not be recorded, and are again");
                tokio::time::sleep(PAUSE).await;
                let now = Instant::now();
                let (over, rest): (Vec<_>, Vec<_>) = steps.into_iter().partition(|queued| queued.until <= now);
                over.into_iter().for_each(|queued| {
                    queued.held.send(false).ok();
                });
                steps = rest;
            }
        }
    }
}

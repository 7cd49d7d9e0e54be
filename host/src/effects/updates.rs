//! Steps of effects on their way to the outbox: many tasks, one statement.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::event_store::{EffectNext, EffectStatus, EffectUpdate, EventStoreError, Store};

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
            // Nothing was recorded for the sake of one, and never will be: each again by itself. One guest's effect held up those of
            // all others until their leases ended, time and again.
            Err(error) if !may_pass(&error) => {
                for step in steps {
                    record_alone(&*store, step).await;
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

/// Whether the same statement may go through another time.
fn may_pass(error: &EventStoreError) -> bool {
    matches!(
        error,
        EventStoreError::Unavailable(_) | EventStoreError::Contended(_) | EventStoreError::OutOfResources(_)
    )
}

/// A step that no store takes ends its effect: it would be run again and again, since nobody could note that it was.
async fn record_alone(store: &dyn Store, queued: Queued) {
    let Queued { mut update, held, .. } = queued;
    let recorded = match store.update_effects(std::slice::from_ref(&update)).await {
        Err(error) if !may_pass(&error) => {
            tracing::error!(effect_id = %update.lease.effect_id, %error, "a step of an effect cannot be recorded");
            let error = Some(format!("unrecordable: {error}"));
            update.next = EffectNext::Finished { status: EffectStatus::Dead, progress: None, error };
            update.failures.clear();
            store.update_effects(std::slice::from_ref(&update)).await
        }
        recorded => recorded,
    };
    held.send(recorded.ok().and_then(|held| held.first().copied()).unwrap_or(false)).ok();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::event_store::{EffectClaim, EffectLease, NewEffect, OutboxStore as _, StreamBatch};
    use crate::{EventStore as _, InMemoryEventStore, StreamId, Version};

    fn effect() -> NewEffect {
        let (kind, lane) = ("http".to_owned(), "http a order".to_owned());
        NewEffect { effect_id: Uuid::now_v7(), kind, lane, delay: Duration::ZERO, body: Vec::new() }
    }

    #[tokio::test]
    async fn a_step_that_no_store_takes_ends_its_own_effect_and_holds_up_no_other() {
        let store = Arc::new(InMemoryEventStore::new());
        let mut batch = StreamBatch::new(StreamId::new("order-1").unwrap(), Version::EMPTY, Vec::new());
        batch.effects = vec![effect(), effect()];
        store.append_many(&[batch]).await.unwrap();
        let lanes = vec![("http a order".to_owned(), 2)];
        let claim = EffectClaim { lanes, lease: Duration::from_secs(60), bytes_max: 1 << 20 };
        let claimed = store.claim_effects(&claim).await.unwrap();
        let step = |place: usize, next: EffectNext| {
            let (effect_id, stream_id) = (claimed[place].effect_id, claimed[place].stream_id.clone());
            let lease = EffectLease { effect_id, stream_id, token: claimed[place].token };
            EffectUpdate { lease, next, attempts: 1, failures: Vec::new() }
        };
        let done = EffectNext::Finished { status: EffectStatus::Done, progress: None, error: None };
        let bad = EffectNext::Due { lane: "x".repeat(5_000), delay: Duration::ZERO, progress: None };
        let updates = Updates::start(Arc::clone(&store) as Arc<dyn Store>);
        let until = Instant::now() + Duration::from_secs(60);
        let (bad, good) = tokio::join!(updates.record(step(0, bad), until), updates.record(step(1, done), until));
        assert!(bad && good);
        let status = async |place: usize| store.effect(claimed[place].effect_id).await.unwrap().unwrap().record;
        assert_eq!(status(1).await.status, EffectStatus::Done);
        let dead = status(0).await;
        assert_eq!(dead.status, EffectStatus::Dead);
        assert!(dead.error.unwrap().starts_with("unrecordable: "));
    }
}

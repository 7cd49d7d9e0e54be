//! Between entities and the store: takes what is queued and appends it in one statement.
//!
//! While the statements in flight are busy, batches queue up, so the next statement is as large as the load asks for. When
//! another one is sent beside them: docs/decisions.md.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::measured;
use crate::event::metadata_size;
use crate::event_store::{AppendOutcome, EventStoreError, JournalEntry, Store, StreamBatch};
use crate::reducer::{Payload, Rejection};
use crate::{Limits, StreamId};

/// Data that one statement carries at most, unless one batch alone has more.
const STATEMENT_BYTES_MAX: usize = 8 << 20;
/// How long a small statement waits for one in flight to come back.
const PATIENCE: Duration = Duration::from_millis(3);
/// Streams from which on a statement is sent beside another.
const STREAMS_WORTH_A_STATEMENT: usize = 16;

struct Queued {
    batch: StreamBatch,
    done: oneshot::Sender<(StreamBatch, Result<AppendOutcome, EventStoreError>)>,
}

/// Appends batches for entities.
#[derive(Clone, Debug)]
pub(super) struct Committer {
    queue: mpsc::Sender<Queued>,
}

impl Committer {
    pub(super) fn start(store: Arc<dyn Store>, limits: &Limits) -> Self {
        let (queue, queued) = mpsc::channel(limits.streams_per_append_max.max(1) * 4);
        let statement = Statement::new(limits.streams_per_append_max.max(1));
        tokio::spawn(run(queued, store, statement, limits.appends_in_flight_max.max(1)));
        Self { queue }
    }

    /// Appends a batch and gives it back with what became of it.
    ///
    /// The statement runs in a task of its own: whoever waits here may be dropped, and what is under way is finished.
    pub(super) async fn append(&self, batch: StreamBatch) -> Result<(StreamBatch, AppendOutcome), EventStoreError> {
        let (done, answer) = oneshot::channel();
        let gone = || EventStoreError::Unavailable("the host is shutting down".into());
        self.queue.send(Queued { batch, done }).await.map_err(|_| gone())?;
        let (batch, outcome) = answer.await.map_err(|_| gone())?;
        outcome.map(|outcome| (batch, outcome))
    }
}

/// The batches that go into the next statement.
struct Statement {
    group: Vec<Queued>,
    streams: HashSet<StreamId>,
    bytes: usize,
    streams_max: usize,
    /// What did not fit any more, and opens the statement after it.
    next: Option<Queued>,
}

impl Statement {
    fn new(streams_max: usize) -> Self {
        Self { group: Vec::new(), streams: HashSet::new(), bytes: 0, streams_max, next: None }
    }

    fn has_room(&self) -> bool {
        self.next.is_none() && self.group.len() < self.streams_max
    }

    fn push(&mut self, queued: Queued) {
        let bytes = self.bytes + data_bytes(&queued.batch);
        let fits = self.group.is_empty() || bytes <= STATEMENT_BYTES_MAX;
        // A stream stands at most once in a statement. An entity has one batch under way, so a second one is a new
        // entity's of a stream whose former one was just retired.
        if fits && self.streams.insert(queued.batch.stream_id.clone()) {
            self.bytes = bytes;
            self.group.push(queued);
        } else {
            self.next = Some(queued);
        }
    }

    /// Whether it is to be sent while `in_flight` others are under way. The first goes at once. Another one has its own
    /// fixed cost, so it goes only when it is large; else it waits for one to come back, and grows. But not for long: one
    /// slow statement would hold up every stream there is.
    fn is_worth_sending(&self, in_flight: usize, in_flight_max: usize, last_sent: Instant) -> bool {
        let large = self.group.len() >= STREAMS_WORTH_A_STATEMENT || !self.has_room();
        !self.group.is_empty()
            && (in_flight == 0 || in_flight < in_flight_max && (large || last_sent.elapsed() >= PATIENCE))
    }

    fn take(&mut self) -> Vec<Queued> {
        let group = std::mem::take(&mut self.group);
        self.streams.clear();
        self.bytes = 0;
        if let Some(next) = self.next.take() {
            self.push(next);
        }
        group
    }
}

async fn run(mut queue: mpsc::Receiver<Queued>, store: Arc<dyn Store>, mut statement: Statement, in_flight_max: usize) {
    let mut in_flight = JoinSet::new();
    let mut open = true;
    let mut last_sent = Instant::now();
    while open || !statement.group.is_empty() || !in_flight.is_empty() {
        // Entities that are about to queue a batch are let go first; nothing is waited for.
        tokio::task::yield_now().await;
        while statement.has_room()
            && let Ok(queued) = queue.try_recv()
        {
            statement.push(queued);
        }
        if statement.is_worth_sending(in_flight.len(), in_flight_max, last_sent) {
            last_sent = Instant::now();
            in_flight.spawn(append(Arc::clone(&store), statement.take()));
            continue;
        }
        // Both are cancel safe: what is not received stays queued, what is not joined stays in flight.
        tokio::select! {
            queued = queue.recv(), if open && statement.has_room() => match queued {
                Some(queued) => statement.push(queued),
                None => open = false,
            },
            Some(_) = in_flight.join_next() => {}
            () = tokio::time::sleep_until(last_sent + PATIENCE),
                if !statement.group.is_empty() && in_flight.len() < in_flight_max => {}
        }
    }
}

async fn append(store: Arc<dyn Store>, group: Vec<Queued>) {
    let (batches, waiting): (Vec<_>, Vec<_>) = group.into_iter().map(|queued| (queued.batch, queued.done)).unzip();
    let began = Instant::now();
    let outcomes: Vec<_> = match store.append_many(&batches).await {
        Ok(outcomes) => outcomes.into_iter().map(Ok).collect(),
        // Refused whole, and nothing of it done: for one batch that is wrong, say. Each again by itself, so that it fails alone.
        Err(
            EventStoreError::Database(_)
            | EventStoreError::InvalidBatch(_)
            | EventStoreError::OutOfResources(_)
            | EventStoreError::Encryption(_),
        ) => one_by_one(&*store, &batches).await,
        Err(error) => vec![Err(error); batches.len()],
    };
    measured::append(&batches, &outcomes, began.elapsed());
    for ((batch, done), outcome) in batches.into_iter().zip(waiting).zip(outcomes) {
        // Nobody waits any more: the entity was ended by force.
        drop(done.send((batch, outcome)));
    }
}

async fn one_by_one(store: &dyn Store, batches: &[StreamBatch]) -> Vec<Result<AppendOutcome, EventStoreError>> {
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        let outcome = store.append_many(std::slice::from_ref(batch)).await.map(|mut outcomes| outcomes.pop());
        outcomes.push(outcome.and_then(|outcome| {
            outcome.ok_or_else(|| EventStoreError::Database("an append came back without an outcome".into()))
        }));
    }
    outcomes
}

fn data_bytes(batch: &StreamBatch) -> usize {
    let events = batch.events.iter().map(|(event, metadata)| event.data.len() + 100 + metadata_size(metadata));
    let rejection = |no: &Rejection| no.code.len() + no.message.len();
    let payload = |journal: &JournalEntry| match &journal.payload {
        Payload::Json(text) => text.len(),
        Payload::Binary(bytes) => bytes.len(),
    };
    let commands = batch.commands.iter().map(|command| {
        500 + command.rejection.as_ref().map_or(0, rejection) + command.journal.as_ref().map_or(0, payload)
    });
    let effects = batch.effects.iter().map(|effect| effect.body.len() + 500);
    events.chain(commands).chain(effects).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{InMemoryEventStore, SerializedEvent, Version};

    fn batch(id: &str, event_type: &str) -> StreamBatch {
        let event = SerializedEvent { event_type: event_type.into(), data: Vec::new() };
        StreamBatch::new(StreamId::new(id).unwrap(), Version::EMPTY, vec![event])
    }

    /// On one thread, so that all three are queued before the committer runs: they share a statement.
    #[tokio::test]
    async fn a_batch_that_no_store_could_take_fails_alone() {
        let committer = Committer::start(Arc::new(InMemoryEventStore::new()), &Limits::default());
        let appended = |id, event_type| committer.append(batch(id, event_type));
        let (before, poisoned, behind) =
            tokio::join!(appended("order-1", "A.v1"), appended("order-2", "B\0"), appended("order-3", "C.v1"));
        for outcome in [before, behind] {
            assert_eq!(outcome.unwrap().1, AppendOutcome::Appended { version: Version::new(1) });
        }
        assert!(matches!(poisoned, Err(EventStoreError::InvalidBatch(_))));
    }
}

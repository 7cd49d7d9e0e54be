//! Where rounds are run, one after the other: what they share, and how their writers are let go.

use foldhost::event_store::ActivationChange;
use std::sync::Arc;

use foldhost::event_store::{AppendOutcome, CommandRecord, Fence, StreamBatch};
use foldhost::reducer::{Descriptor, ReducerDigest};
use foldhost::{
    EventStore, EventStoreError, ExpectedVersion, PostgresEventStore, ReducerStore, SerializedEvent, StreamId, Version,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::record::Attempt;

/// One of several sequences of rounds that run side by side. Each round has streams of its own.
pub(crate) struct Lane {
    pub(crate) hosts: Vec<Arc<PostgresEventStore>>,
    pub(crate) reducer: String,
    pub(crate) generation: u64,
    digests: [ReducerDigest; 2],
}

/// What a round's batches are made with.
pub(crate) struct Draw {
    pub(crate) random: StdRng,
    round: usize,
    made: usize,
}

impl Draw {
    pub(crate) fn new(seed: u64, round: usize) -> Self {
        let random = StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(round as u64));
        Self { random, round, made: 0 }
    }

    pub(crate) fn stream(&self, name: &str) -> StreamId {
        StreamId::new(&format!("race-{}-{name}", self.round)).unwrap()
    }

    /// A batch of `count` events that are nobody else's.
    pub(crate) fn batch(&mut self, stream_id: &StreamId, expected: ExpectedVersion, count: usize) -> StreamBatch {
        self.made += 1;
        let data = |number| format!("round {} batch {} event {number}", self.round, self.made).into_bytes();
        let events = (0..count).map(|number| SerializedEvent { event_type: "Raced.v1".into(), data: data(number) });
        StreamBatch::new(stream_id.clone(), expected, events.collect())
    }

    /// One to four events; now and then none, which asks whether the version still holds.
    pub(crate) fn count(&mut self) -> usize {
        [0, 1, 1, 1, 2, 3, 4][self.random.random_range(0..7)]
    }
}

/// A command that led to the whole of a batch.
pub(crate) fn with_command(mut batch: StreamBatch, command_id: &str) -> StreamBatch {
    batch.commands.push(CommandRecord {
        command_id: command_id.into(),
        name: "Race".into(),
        fingerprint: [1; 32],
        events: 0..batch.events.len(),
        rejection: None,
        reducer_digest: None,
        journal: None,
    });
    batch
}

impl Lane {
    pub(crate) async fn new(number: usize, hosts: Vec<Arc<PostgresEventStore>>) -> Self {
        let reducer = format!("race{number}");
        let components = [format!("{reducer} one"), format!("{reducer} other")];
        let descriptor = Descriptor {
            name: reducer.clone(),
            commands: Vec::new(),
            event_types: Vec::new(),
            writes: Vec::new(),
            state_schema: "race.v1".into(),
            sdk_version: "0".into(),
        };
        let digests = components.each_ref().map(|component| ReducerDigest::of(component.as_bytes()));
        for (component, digest) in components.iter().zip(digests) {
            hosts[0].save_reducer(digest, &descriptor, component.as_bytes(), None).await.unwrap();
        }
        let generation = hosts[0].activate(&ActivationChange::to(&reducer, digests[1])).await.unwrap().generation;
        Self { hosts, reducer, generation, digests }
    }

    pub(crate) fn host(&self, writer: usize) -> Arc<PostgresEventStore> {
        Arc::clone(&self.hosts[writer % self.hosts.len()])
    }

    /// The component that the next activation takes.
    pub(crate) fn next_digest(&self) -> ReducerDigest {
        // Generation 1 is the second of the two.
        self.digests[(self.generation as usize + 1) % 2]
    }

    pub(crate) fn fence(&self, generation: u64) -> Option<Fence> {
        Some(Fence { reducer: self.reducer.clone(), generation })
    }

    /// Appends what a round begins with.
    pub(crate) async fn append(&self, batch: StreamBatch) -> Attempt {
        let outcomes = self.hosts[0].append_many(std::slice::from_ref(&batch)).await.unwrap();
        Attempt::of(&batch, outcomes[0])
    }

    /// Lets each writer append at the same moment, on one host after the other.
    pub(crate) async fn race(&self, appends: Vec<Vec<StreamBatch>>, atomic: bool) -> Vec<Vec<Attempt>> {
        let start = Arc::new(Barrier::new(appends.len()));
        let mut writers = JoinSet::new();
        for (writer, batches) in appends.into_iter().enumerate() {
            let (host, start) = (self.host(writer), Arc::clone(&start));
            writers.spawn(async move {
                start.wait().await;
                match atomic {
                    true => append_atomic(&host, &batches).await,
                    false => append_many(&host, &batches).await,
                }
            });
        }
        writers.join_all().await
    }
}

pub(crate) async fn append_many(host: &PostgresEventStore, batches: &[StreamBatch]) -> Vec<Attempt> {
    let outcomes = host.append_many(batches).await.unwrap();
    batches.iter().zip(outcomes).map(|(batch, outcome)| Attempt::of(batch, outcome)).collect()
}

/// Where it is given up, the other batches are written down as conflicts too: which of them would have lost is not told.
async fn append_atomic(host: &PostgresEventStore, batches: &[StreamBatch]) -> Vec<Attempt> {
    let outcomes: Vec<_> = match host.append_atomic(batches).await {
        Ok(versions) => versions.into_iter().map(|version| AppendOutcome::Appended { version }).collect(),
        Err(EventStoreError::Conflict { stream_id, actual, .. }) => {
            let actual = |batch: &StreamBatch| match batch.stream_id == stream_id {
                true => actual,
                false => batch.expected_version().unwrap_or(Version::EMPTY),
            };
            batches.iter().map(|batch| AppendOutcome::Conflict { actual: actual(batch) }).collect()
        }
        Err(error) => panic!("an atomic append came back with {error}: {batches:?}"),
    };
    batches.iter().zip(outcomes).map(|(batch, outcome)| Attempt::of(batch, outcome)).collect()
}
